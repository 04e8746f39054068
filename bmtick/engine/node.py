"""The base of all nodes: how a script defines one, how messages run through it.

Source: kapacitor ``pipeline/node.go`` (definition) and ``node.go``, ``edge/grouped.go``,
``edge/consumer.go`` (execution). Execution is synchronous: a node hands a message to its
children before the next one comes in, so the order of events is that of the data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from bmtick.engine.arguments import Property, Signature, flag
from bmtick.engine.lambdas import compile_lambda
from bmtick.engine.messages import BATCH, NO_EDGE, STREAM, Barrier, Batch, First, Point
from bmtick.engine.predicate import Predicate, TaskStopped

if TYPE_CHECKING:
    from bmtick.engine.pipeline import Pipeline
    from bmtick.errors import Location
    from bmtick.tick import ast

__all__ = ["BATCH", "NO_EDGE", "SAME", "STREAM", "DefinitionError", "Group", "Node", "TaskStopped"]

SAME = "same"  # the edge type of the parent


class DefinitionError(Exception):
    """Kapacitor would not start a task with this node; the text says why."""


class Node:
    """One node of a task.

    A subclass says, as data, what a script may write (``chain``, ``signature``, ``properties``)
    and overrides the message methods; or, if it keeps state by group, ``new_group``.
    """

    chain: ClassVar[str] = ""
    desc: ClassVar[str] = ""
    wants: ClassVar[str] = SAME
    gives: ClassVar[str] = SAME
    # None and "": as the language's table has it.
    signature: ClassVar[Signature | None] = None
    since: ClassVar[str] = ""
    properties: ClassVar[Mapping[str, Property]] = {}
    # Whether the methods of Kapacitor's chainnode are there (``|where``, ``|alert``, ...).
    chains: ClassVar[bool] = True
    # Chain methods that a field of Kapacitor's struct hides: it fails to call them after this node.
    hides: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, edge: str, args: list[Any]) -> None:
        self.edge = edge
        self.args = args
        self.id = 0
        self.location: Location | None = None
        self.excerpt = ""
        self.quiet = False
        self.pipeline: Pipeline
        self.parents: list[Node] = []
        self.children: list[Node] = []
        self.counters: list[Any] = []  # of stats nodes that watch this one
        self.outs: list[Out] = []
        self.groups: dict[str, Any] = {}
        self.forward: Callable[[Any], None] = _nowhere
        self.define(*args)

    # --- definition -------------------------------------------------------------------------

    @classmethod
    def allowed_after(cls, parent: Node) -> bool:
        """Say whether a script may chain this kind after parent."""
        return parent.chains

    @classmethod
    def create(cls, parent: Node, args: list[Any]) -> Node:
        """Make a node as child of parent."""
        node = cls(parent.provides, args)
        parent.link(node)
        return node

    def set_property(self, prop: Property, args: list[Any]) -> Any:
        """Apply a property; return what the rest of the chain applies to."""
        result = prop.apply(self, args)
        return self if result is None else result

    def define(self, *args: Any) -> None:
        """Take the arguments of the chain method."""

    @classmethod
    def all_properties(cls) -> Mapping[str, Property]:
        """The node's properties with those that every node has."""
        return {"quiet": flag("quiet"), **cls.properties}

    @property
    def name(self) -> str:
        """Kapacitor's name of the node, such as ``alert4``."""
        return f"{self.desc}{self.id}"

    @property
    def receives(self) -> str:
        """The type of the edges into the node."""
        return self.edge if self.wants == SAME else self.wants

    @property
    def provides(self) -> str:
        """The type of the edges out of the node."""
        return self.edge if self.gives == SAME else self.gives

    def link(self, child: Node) -> None:
        """Make child a child; numbers it, once for each parent, as Kapacitor does."""
        self.pipeline.adopt(child)
        self.children.append(child)
        child.parents.append(self)

    def validate(self) -> None:
        """Check the finished definition.

        Raises:
            DefinitionError: Kapacitor would refuse it.
        """

    # --- execution --------------------------------------------------------------------------

    def start(self) -> None:
        """Compile what can be compiled; called once, after the node is linked.

        Raises:
            DefinitionError: Kapacitor would refuse it.
        """

    def connect(self, outs: list[Out]) -> None:
        """Set the receivers of the node's output."""
        self.outs = outs
        if len(outs) == 1:
            self.forward = outs[0].single(self.provides)
        elif outs:
            self.forward = _fan([out.single(self.provides) for out in outs])

    def entry(self, source: int) -> Node | Any:
        """Return the receiver for messages of parent number source."""
        del source
        return self

    def new_group(self, first: First) -> Any:
        """Make the state of a group that is seen for the first time.

        The result has a method ``point`` or ``batch``, as the edge demands.
        """
        raise NotImplementedError

    def group_of(self, message: First) -> Any:
        """Return the state of the message's group."""
        group = self.groups.get(message.group)
        if group is None:
            group = self.groups[message.group] = self.new_group(message)
        return group

    def point(self, point: Point) -> None:
        """Take a point of a stream."""
        group = self.groups.get(point.group)
        if group is None:
            group = self.groups[point.group] = self.new_group(point)
        group.point(point)

    def batch(self, batch: Batch) -> None:
        """Take a whole batch."""
        group = self.groups.get(batch.group)
        if group is None:
            group = self.groups[batch.group] = self.new_group(batch)
        group.batch(batch)

    def barrier(self, barrier: Barrier) -> None:
        """Take a barrier; by default it makes its group known and goes on."""
        self.group_of(barrier)
        self.forward_barrier(barrier)

    def delete_group(self, group: str) -> None:
        """Forget a group, here and further down."""
        if self.groups.pop(group, None) is not None:
            self.forward_delete(group)

    def finish(self) -> None:
        """No more messages will come; only nodes with several parents flush, as in Kapacitor."""

    def forward_barrier(self, barrier: Barrier) -> None:
        """Send a barrier to all children."""
        for out in self.outs:
            out.barrier(barrier)

    def forward_delete(self, group: str) -> None:
        """Tell all children to forget a group."""
        for out in self.outs:
            out.delete_group(group)

    def expression_of(self, node: ast.Lambda) -> Any:
        """Compile a lambda of the script."""
        file = self.location.file if self.location else "-"
        return compile_lambda(node, file=file, now=self.pipeline.clock)

    def predicate_of(self, node: ast.Lambda) -> Any:
        """Compile a lambda of the script as a condition."""
        return Predicate(self.expression_of(node))

    def report(self, message: str, error: object) -> None:
        """Record an error that Kapacitor logs before it goes on with the next point."""
        if not self.quiet:
            self.pipeline.report(self, f"{message}: {error}" if error else message)

    # --- state ------------------------------------------------------------------------------

    def snapshot(self) -> object:
        """Return what must survive a restart, as JSON-able data; None if nothing."""
        return None

    def restore(self, state: Any) -> None:
        """Take back what ``snapshot`` gave."""
        del state


class StatelessNode(Node):
    """A node that treats each message by itself: no groups are kept."""

    def barrier(self, barrier: Barrier) -> None:
        """Pass a barrier on."""
        self.forward_barrier(barrier)

    def delete_group(self, group: str) -> None:
        """Pass the end of a group on."""
        self.forward_delete(group)


class Group:
    """State of one group in a node: the node, and what a subclass adds."""

    __slots__ = ("node",)

    def __init__(self, node: Any) -> None:
        self.node = node


class Out:
    """An edge: the receiver of one child."""

    __slots__ = ("receiver",)

    def __init__(self, receiver: Any) -> None:
        self.receiver = receiver

    def single(self, edge: str) -> Callable[[Any], None]:
        """Return the function that takes this edge's data messages."""
        taker: Callable[[Any], None] = (
            self.receiver.point if edge == STREAM else self.receiver.batch
        )
        return taker

    def barrier(self, barrier: Barrier) -> None:
        """Pass a barrier."""
        self.receiver.barrier(barrier)

    def delete_group(self, group: str) -> None:
        """Pass the end of a group."""
        self.receiver.delete_group(group)


def _nowhere(message: object) -> None:
    del message


def _fan(takers: list[Callable[[Any], None]]) -> Callable[[Any], None]:
    def forward(message: object) -> None:
        for taker in takers:
            taker(message)

    return forward
