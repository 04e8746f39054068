"""A running task: takes points, gives events and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bmtick.engine.events import AlertEvent, EventState, Posted, Written
from bmtick.engine.messages import Batch
from bmtick.engine.node import Diagnostic, Node, Pipeline, TaskStopped
from bmtick.engine.nodes.batch import QueryNode
from bmtick.engine.nodes.from_ import FromNode
from bmtick.engine.nodes.stream import Receiver, StreamNode
from bmtick.errors import BmtickError
from bmtick.points import Point

SNAPSHOT_VERSION = 2


class Task:
    """One script with its state, built by ``load_task``.

    The caller controls the clock: ``feed`` does not move it, ``advance`` does. A caller that replays
    data advances to each point's time before it feeds the point.

    A batch task has ``queries``, in the order of Kapacitor's recordings. The caller runs them when
    they are due and feeds the results with ``feed_batch``.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        nodes: list[Node],
        *,
        dbrps: list[tuple[str, str]],
        stream: StreamNode | None = None,
        queries: Sequence[QueryNode] = (),
    ) -> None:
        self.name = pipeline.task
        self.dbrps = dbrps
        self.queries = tuple(queries)
        self.stopped = ""
        self._pipeline = pipeline
        self._nodes = nodes
        self._events = pipeline.events
        self._source: Receiver = stream.feed if stream else _discard
        self._measurements = frozenset(
            node.measurement for node in nodes if isinstance(node, FromNode)
        )
        self._everything = "" in self._measurements
        self._dbrps = frozenset(dbrps)

    @property
    def measurements(self) -> frozenset[str]:
        """The measurements that the task reads; ``""`` means all."""
        return self._measurements

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes, parents before children, for inspection."""
        return tuple(self._nodes)

    @property
    def databases(self) -> set[tuple[str, str]]:
        """The databases and retention policies of its ``from`` nodes and queries."""
        found = {
            (node.database, node.retention_policy)
            for node in self._nodes
            if isinstance(node, FromNode)
        }
        return found.union(*(query.databases for query in self.queries)) - {("", "")}

    @property
    def is_batch(self) -> bool:
        """Whether it runs queries instead of reading the stream."""
        return bool(self.queries)

    def feed(
        self, point: Point, database: str = "telegraf", retention_policy: str = "autogen"
    ) -> None:
        """Run one point through the task.

        Args:
            point: the caller must not change its maps afterwards.
            database: the point's database; ``""`` matches any database of the script.
            retention_policy: likewise.
        """
        if self._dbrps and database and (database, retention_policy) not in self._dbrps:
            return
        known = point.name in self._measurements
        if self.stopped or not (known or self._everything):
            return
        pipeline = self._pipeline
        pipeline.latest = max(pipeline.latest, point.time)
        try:
            self._source(point, database, retention_policy)
            if known and self._everything and point.name:
                # Kapacitor subscribes such a task twice, by measurement and for all measurements, so the
                # point arrives twice.
                self._source(point, database, retention_policy)
        except TaskStopped as stop:
            self.stopped = str(stop)
        except RecursionError:
            raise BmtickError(
                f"the task '{self.name}' nests too deeply to run",
                remedy="name parts of its lambdas with var, split the task",
            ) from None

    def feed_batch(self, query: int, batch: Batch) -> None:
        """Run a batch, part of the result of query number ``query``, through the task."""
        if self.stopped:
            return
        pipeline = self._pipeline
        pipeline.latest = max(pipeline.latest, batch.time)
        try:
            self.queries[query].batch(batch)
        except TaskStopped as stop:
            self.stopped = str(stop)

    def advance(self, now: int) -> None:
        """Move the clock to now (nanoseconds); deadman, stats and barrier depend on it.

        Timers due before now fire; timers due at now fire after the points of that time.
        """
        if self.stopped:
            return
        try:
            self._pipeline.advance(now)
        except TaskStopped as stop:
            self.stopped = str(stop)

    def close(self) -> None:
        """End the data: joins and unions flush their pending messages, windows do not."""
        if self.stopped:
            return
        try:
            for node in self._nodes:
                node.finish()
        except TaskStopped as stop:
            self.stopped = str(stop)

    @property
    def has_events(self) -> bool:
        """Whether there are alert events to take."""
        return bool(self._events.pending)

    def take_events(self) -> list[AlertEvent]:
        """Return the alert events since the last call, in order."""
        events = self._pipeline.events
        taken, events.pending = events.pending, []
        return taken

    def take_written(self) -> list[Written]:
        """Return the points written by ``influxDBOut`` nodes since the last call."""
        events = self._pipeline.events
        taken, events.written = events.written, []
        return taken

    def take_looped(self) -> list[Written]:
        """Return the points written by ``kapacitorLoopback`` nodes since the last call."""
        events = self._pipeline.events
        taken, events.looped = events.looped, []
        return taken

    def take_posted(self) -> list[Posted]:
        """Return the requests of ``httpPost`` nodes since the last call."""
        events = self._pipeline.events
        taken, events.posted = events.posted, []
        return taken

    def drop_outputs(self) -> None:
        """Drop written points and requests, for callers that need only the alert events."""
        events = self._pipeline.events
        events.written, events.looped, events.posted = [], [], []

    def http_outputs(self) -> dict[str, Any]:
        """Return each ``httpOut`` endpoint's content: ``{"series": [...]}``."""
        return {name: node.content() for name, node in self._pipeline.outputs.items()}

    def diagnostics(self) -> list[Diagnostic]:
        """Return the errors after which nodes continued, with their counts."""
        return list(self._pipeline.diagnostics.values())

    def snapshot(self) -> dict[str, Any]:
        """Return the task's state as JSON-able data: windows, alerts, counts, topics."""
        events = self._pipeline.events
        return {
            "version": SNAPSHOT_VERSION,
            "now": self._pipeline.now,
            "started": self._pipeline.started,
            "nodes": {
                node.name: state for node in self._nodes if (state := node.snapshot()) is not None
            },
            "topics": {
                topic: {key: [s.level, s.time] for key, s in states.items()}
                for topic, states in events.topics.items()
            },
        }

    def restore(self, state: Any) -> None:
        """Restore a snapshot; nodes that the script no longer has are ignored.

        Raises:
            BmtickError: not a snapshot of this version; the task must not be run afterwards.
        """
        try:
            self._restore_nodes(state)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            raise BmtickError(
                f"the saved state of task '{self.name}' is not of this version",
                remedy="remove it to start afresh",
            ) from None

    def _restore_nodes(self, state: dict[str, Any]) -> None:
        if state["version"] != SNAPSHOT_VERSION:
            raise ValueError
        for topic, states in state["topics"].items():
            self._pipeline.events.topics[topic] = {
                key: EventState(level, time) for key, (level, time) in states.items()
            }
        for node in self._nodes:
            if node.name in state["nodes"]:
                node.restore(state["nodes"][node.name])
        self._pipeline.now = state["now"]
        self._pipeline.started = state["started"]  # the snapshot restores the timers


def _discard(point: Point, database: str, policy: str) -> None:
    """Drop a point of the stream: a batch task does not use it."""
