"""The nodes of one task: numbering, validation, linking, timers.

Source: kapacitor ``pipeline/pipeline.go`` and ``task.go``.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from time import time_ns
from typing import TYPE_CHECKING, Any

from bmtick.engine.node import DefinitionError, Node, Out
from bmtick.errors import BmtickError

if TYPE_CHECKING:
    from bmtick.engine.events import Events, Posted


MEASURED = (1, 5, 7)  # the Kapacitor that the engine is held to, where nobody names another


@dataclass
class Diagnostic:
    """An error that occurred while a node ran: Kapacitor logs it and goes on."""

    node: str
    message: str
    count: int = 0


@dataclass
class Pipeline:
    """All nodes of a task, and what they share: events, errors, the clock."""

    task: str
    events: Events
    server: Mapping[str, str] = field(default_factory=dict)
    sources: list[Node] = field(default_factory=list)
    diagnostics: dict[tuple[str, str], Diagnostic] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    next_id: int = 0
    # The latest time that the data or the caller's clock has shown; None before the first.
    now: int | None = None
    latest: int = 0
    # Of the Kapacitor whose ways count.
    version: tuple[int, ...] = MEASURED
    # The databases and retention policies that the script names for itself.
    dbrps: list[tuple[str, str]] = field(default_factory=list)
    # Sends what ``httpPost`` posts; returns the answer's status (0: none came) and what went wrong.
    post: Callable[[Posted], tuple[int, str]] | None = None
    # The machine's zone, for ``.Time.Local`` in templates.
    zone: tzinfo = UTC
    # What ``now()`` gives in lambdas.
    clock: Callable[[], int] = time_ns
    started: int | None = None
    timers: list[tuple[int, int, Callable[[int], None]]] = field(default_factory=list)
    _timer_number: int = 0

    @property
    def is_newer(self) -> bool:
        """Whether it is Kapacitor 1.6 or later: those behave alike (read in 1.6.5 and 1.8.3)."""
        return self.version >= (1, 6)

    def add_source(self, node: Node) -> None:
        """Add a node that has no parent."""
        self.adopt(node)
        self.sources.append(node)

    def adopt(self, node: Node) -> None:
        """Give a node the next number."""
        node.pipeline = self
        node.id = self.next_id
        self.next_id += 1

    def sorted_nodes(self) -> list[Node]:
        """Return all nodes, parents before children, in the order in which Kapacitor walks them.

        A recording of a batch task holds the queries in this order: the last one comes first.
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
            BmtickError: Kapacitor would refuse the task; says which node, where, why.
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
        # A message passes from node to node by calls, of which Python allows so many.
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
        """Return when the next timer of an object with timers is due, for snapshots."""
        found: dict[object, int] = {}
        for time, _, action in sorted(self.timers, key=lambda timer: timer[:2], reverse=True):
            found[getattr(action, "__self__", None)] = time
        return found

    def advance(self, now: int) -> None:
        """Move the clock forward; timers that were due before now fire in their order.

        One that is due at now fires later: points of that time come first, as a point that sets
        off a live server's timer comes before the timer ends.
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
        """Return the latest time that the data has shown."""
        return self.latest

    def begin(self, now: int) -> None:
        """Start the clock: sources with timers set them."""
        self.started = self.now = now
        for source in self.sources:
            begin = getattr(source, "begin", None)
            if begin is not None:
                begin(now)


_MAX_DIAGNOSTICS = 1000
_MAX_DEPTH = 100


def located(node: Node, message: str) -> BmtickError:
    """Return an error about a node, at its place in the script."""
    return BmtickError(f"{node.name}: {message}", location=node.location, excerpt=node.excerpt)
