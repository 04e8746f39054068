"""Nodes and pipelines: how a script defines a node, how messages pass through it.

Source: kapacitor ``pipeline/node.go`` and ``pipeline/pipeline.go`` (definition), ``node.go``,
``task.go``, ``edge/grouped.go`` and ``edge/consumer.go`` (execution). Execution is synchronous: a
node sends a message to its children before it receives the next one, so the order of events is
the order of the data.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from time import time_ns
from typing import TYPE_CHECKING, Any, ClassVar

from bmtick.engine.arguments import Property, Signature, flag
from bmtick.engine.lambdas import compile_lambda
from bmtick.engine.messages import BATCH, NO_EDGE, STREAM, Barrier, Batch, First, Point
from bmtick.engine.predicate import Predicate, TaskStopped
from bmtick.errors import BmtickError

if TYPE_CHECKING:
    from bmtick.engine.events import Events, Posted
    from bmtick.errors import Location
    from bmtick.tick import ast


__all__ = [
    "BATCH",
    "DEFAULT_VERSION",
    "NO_EDGE",
    "SAME",
    "STREAM",
    "DefinitionError",
    "Diagnostic",
    "Group",
    "Node",
    "Out",
    "Pipeline",
    "TaskStopped",
    "located",
]

SAME = "same"  # the edge type of the parent


class DefinitionError(Exception):
    """Kapacitor would not start a task with this node; the text gives the reason."""


class Node:
    """One node of a task.

    A subclass declares as data what a script may write (``chain``, ``signature``, ``properties``). It
    overrides the message methods, or ``new_group`` if it keeps state per group.
    """

    chain: ClassVar[str] = ""
    desc: ClassVar[str] = ""
    wants: ClassVar[str] = SAME
    gives: ClassVar[str] = SAME
    # None and "" mean: use the language's table.
    signature: ClassVar[Signature | None] = None
    since: ClassVar[str] = ""
    properties: ClassVar[Mapping[str, Property]] = {}
    # Whether the methods of Kapacitor's chainnode exist (``|where``, ``|alert``, ...).
    chains: ClassVar[bool] = True
    # Chain methods that Kapacitor cannot call after this node: a field of its struct has their name.
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
        self.counters: list[Any] = []  # counters of the stats nodes on this node
        self.outs: list[Out] = []
        self.groups: dict[str, Any] = {}
        self.forward: Callable[[Any], None] = _discard
        self.define(*args)

    # --- definition -------------------------------------------------------------------------

    @classmethod
    def allowed_after(cls, parent: Node) -> bool:
        """Return whether a script may chain this kind after parent."""
        return parent.chains

    @classmethod
    def create(cls, parent: Node, args: list[Any]) -> Node:
        """Create a node as child of parent."""
        node = cls(parent.provides, args)
        parent.link(node)
        return node

    def set_property(self, prop: Property, args: list[Any]) -> Any:
        """Apply a property; return the object that the rest of the chain applies to."""
        result = prop.apply(self, args)
        return self if result is None else result

    def define(self, *args: Any) -> None:
        """Set the arguments of the chain method."""

    @classmethod
    def all_properties(cls) -> Mapping[str, Property]:
        """The node's properties and those of every node."""
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
        """Add a child and number it, once for each parent, as Kapacitor does."""
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
        """Compile expressions and templates; called once, after the node is linked.

        Raises:
            DefinitionError: Kapacitor would refuse it.
        """

    def connect(self, outs: list[Out]) -> None:
        """Set the output edges."""
        self.outs = outs
        if len(outs) == 1:
            self.forward = outs[0].single(self.provides)
        elif outs:
            self.forward = _fan_out([out.single(self.provides) for out in outs])

    def entry(self, source: int) -> Node | Any:
        """Return the receiver for messages of the parent with number source."""
        del source
        return self

    def new_group(self, first: First) -> Any:
        """Create the state of a new group.

        The result has a method ``point`` or ``batch``, depending on the edge.
        """
        raise NotImplementedError

    def group_of(self, message: First) -> Any:
        """Return the state of the message's group."""
        group = self.groups.get(message.group)
        if group is None:
            group = self.groups[message.group] = self.new_group(message)
        return group

    def point(self, point: Point) -> None:
        """Process a point of a stream."""
        group = self.groups.get(point.group)
        if group is None:
            group = self.groups[point.group] = self.new_group(point)
        group.point(point)

    def batch(self, batch: Batch) -> None:
        """Process a whole batch."""
        group = self.groups.get(batch.group)
        if group is None:
            group = self.groups[batch.group] = self.new_group(batch)
        group.batch(batch)

    def barrier(self, barrier: Barrier) -> None:
        """Process a barrier; by default, create its group and forward it."""
        self.group_of(barrier)
        self.forward_barrier(barrier)

    def delete_group(self, group: str) -> None:
        """Delete a group here and in the children."""
        if self.groups.pop(group, None) is not None:
            self.forward_delete(group)

    def finish(self) -> None:
        """Handle the end of the data; only nodes with several parents flush, as in Kapacitor."""

    def forward_barrier(self, barrier: Barrier) -> None:
        """Send a barrier to all children."""
        for out in self.outs:
            out.barrier(barrier)

    def forward_delete(self, group: str) -> None:
        """Send the deletion of a group to all children."""
        for out in self.outs:
            out.delete_group(group)

    def expression_of(self, node: ast.Lambda) -> Any:
        """Compile a lambda."""
        file = self.location.file if self.location else "-"
        return compile_lambda(node, file=file, now=self.pipeline.clock)

    def predicate_of(self, node: ast.Lambda) -> Any:
        """Compile a lambda as a condition."""
        return Predicate(self.expression_of(node))

    def report(self, message: str, error: object) -> None:
        """Record an error that Kapacitor logs before it continues with the next point."""
        if not self.quiet:
            self.pipeline.report(self, f"{message}: {error}" if error else message)

    # --- state ------------------------------------------------------------------------------

    def snapshot(self) -> object:
        """Return the state for a restart as JSON-able data, or None if there is none."""
        return None

    def restore(self, state: Any) -> None:
        """Restore what ``snapshot`` returned."""
        del state


class StatelessNode(Node):
    """A node without state per group."""

    def barrier(self, barrier: Barrier) -> None:
        """Forward a barrier."""
        self.forward_barrier(barrier)

    def delete_group(self, group: str) -> None:
        """Forward the end of a group."""
        self.forward_delete(group)


class Group:
    """State of one group in a node; subclasses add attributes."""

    __slots__ = ("node",)

    def __init__(self, node: Any) -> None:
        self.node = node


class Out:
    """An edge to the receiver of one child."""

    __slots__ = ("receiver",)

    def __init__(self, receiver: Any) -> None:
        self.receiver = receiver

    def single(self, edge: str) -> Callable[[Any], None]:
        """Return the receiver's function for this edge's data messages."""
        receiver: Callable[[Any], None] = (
            self.receiver.point if edge == STREAM else self.receiver.batch
        )
        return receiver

    def barrier(self, barrier: Barrier) -> None:
        """Forward a barrier."""
        self.receiver.barrier(barrier)

    def delete_group(self, group: str) -> None:
        """Forward the end of a group."""
        self.receiver.delete_group(group)


def _discard(message: object) -> None:
    del message


def _fan_out(receivers: list[Callable[[Any], None]]) -> Callable[[Any], None]:
    def forward(message: object) -> None:
        for receiver in receivers:
            receiver(message)

    return forward


DEFAULT_VERSION = (1, 5, 7)  # the default Kapacitor version, which the engine was measured against


@dataclass
class Diagnostic:
    """An error while a node ran: Kapacitor logs it and continues."""

    node: str
    message: str
    count: int = 0


@dataclass
class Pipeline:
    """All nodes of a task and their shared objects: events, errors, the clock."""

    task: str
    events: Events
    server: Mapping[str, str] = field(default_factory=dict)
    sources: list[Node] = field(default_factory=list)
    diagnostics: dict[tuple[str, str], Diagnostic] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    next_id: int = 0
    # The latest time of the data or of the caller's clock; None before the first.
    now: int | None = None
    latest: int = 0
    # The Kapacitor version whose behaviour to follow.
    version: tuple[int, ...] = DEFAULT_VERSION
    # The databases and retention policies in the script's dbrp statements.
    dbrps: list[tuple[str, str]] = field(default_factory=list)
    # Sends requests of ``httpPost``; returns the HTTP status (0: no response) and the error.
    post: Callable[[Posted], tuple[int, str]] | None = None
    # The machine's zone, for ``.Time.Local`` in templates.
    zone: tzinfo = UTC
    # The clock of ``now()`` in lambdas.
    clock: Callable[[], int] = time_ns
    started: int | None = None
    timers: list[tuple[int, int, Callable[[int], None]]] = field(default_factory=list)
    _timer_number: int = 0

    @property
    def is_newer(self) -> bool:
        """Whether it is Kapacitor 1.6 or later: all behave alike (read in 1.6.5 and 1.8.3)."""
        return self.version >= (1, 6)

    def add_source(self, node: Node) -> None:
        """Add a node without a parent."""
        self.adopt(node)
        self.sources.append(node)

    def adopt(self, node: Node) -> None:
        """Assign the next number to a node."""
        node.pipeline = self
        node.id = self.next_id
        self.next_id += 1

    def sorted_nodes(self) -> list[Node]:
        """Return all nodes, parents before children, in the order of Kapacitor's walk.

        A recording of a batch task contains the queries in this order: the last one comes first.
        """
        done: list[Node] = []
        seen: set[int] = set()

        def visit(node: Node) -> None:
            if id(node) not in seen:
                seen.add(id(node))
                for child in node.children:
                    visit(child)
                done.append(node)

        for source in reversed(self.sources):
            visit(source)
        return done[::-1]

    def build(self) -> list[Node]:
        """Validate, link and start all nodes; return them sorted.

        Raises:
            BmtickError: Kapacitor would refuse the task; with node, location and reason.
        """
        nodes = self.sorted_nodes()
        self._check_depth(nodes)
        for step in (self._validate, self._link, self._start):
            for node in nodes:
                try:
                    step(node)
                except DefinitionError as error:
                    raise located(node, str(error)) from None
        return nodes

    @staticmethod
    def _check_depth(nodes: list[Node]) -> None:
        # Nodes call each other for each message, and Python limits the depth of calls.
        depth: dict[Node, int] = {}
        for node in nodes:
            depth[node] = 1 + max((depth[parent] for parent in node.parents), default=0)
            if depth[node] > _MAX_DEPTH:
                raise located(node, f"more than {_MAX_DEPTH} nodes in a row are not supported")

    @staticmethod
    def _validate(node: Node) -> None:
        node.validate()

    @staticmethod
    def _start(node: Node) -> None:
        node.start()

    @staticmethod
    def _link(node: Node) -> None:
        outs = []
        for child in dict.fromkeys(node.children):
            if node.provides != child.receives:
                raise DefinitionError(
                    f"{node.name} gives a {node.provides}, "
                    f"but {child.name} takes a {child.receives}"
                )
            outs += [
                Out(child.entry(source))
                for source, parent in enumerate(child.parents)
                if parent is node
            ]
        node.connect([*(Out(counter) for counter in node.counters), *outs])

    def report(self, node: Node, message: str) -> None:
        """Count an error of a node."""
        key = (node.name, message)
        found = self.diagnostics.get(key)
        if found is None:
            if len(self.diagnostics) >= _MAX_DIAGNOSTICS:
                return
            found = self.diagnostics[key] = Diagnostic(node.name, message)
        found.count += 1

    def at(self, time: int, action: Callable[[int], None]) -> None:
        """Call action with the time once the clock has reached it."""
        self._timer_number += 1
        heapq.heappush(self.timers, (time, self._timer_number, action))

    def due(self) -> dict[object, int]:
        """Return the due time of the next timer of each object, for snapshots."""
        found: dict[object, int] = {}
        for time, _, action in sorted(self.timers, key=lambda timer: timer[:2], reverse=True):
            found[getattr(action, "__self__", None)] = time
        return found

    def advance(self, now: int) -> None:
        """Move the clock forward; timers due before now fire in order.

        A timer due exactly at now fires later: points of that time come first. On a live server, too,
        the point that starts a timer arrives before the timer ends.
        """
        if self.now is not None and now <= self.now:
            return
        if self.started is None:
            self.begin(now)
        while self.timers and self.timers[0][0] < now:
            time, _, action = heapq.heappop(self.timers)
            self.now = time
            action(time)
        self.now = now

    def data_clock(self) -> int:
        """Return the latest time of the data."""
        return self.latest

    def begin(self, now: int) -> None:
        """Start the clock; sources set their timers."""
        self.started = self.now = now
        for source in self.sources:
            begin = getattr(source, "begin", None)
            if begin is not None:
                begin(now)


_MAX_DIAGNOSTICS = 1000
_MAX_DEPTH = 100


def located(node: Node, message: str) -> BmtickError:
    """Return an error about a node, with its location in the script."""
    return BmtickError(f"{node.name}: {message}", location=node.location, excerpt=node.excerpt)
