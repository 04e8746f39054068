"""``|join``: merges points of several parents with the same time.

A set contains the messages of one time. ``on`` sends a less specific message to each more specific
group. None stands for Go's zero time. Source: kapacitor ``join.go``.
"""

from __future__ import annotations

from typing import Any

from bmtick.engine.arguments import table, value, values
from bmtick.engine.gotime import round_time
from bmtick.engine.messages import (
    STREAM,
    Barrier,
    Batch,
    BatchPoint,
    Dimensions,
    Fields,
    Point,
    group_id,
    grouped,
)
from bmtick.engine.node import DefinitionError, Node
from bmtick.engine.nodes.combine import check_prefixes
from bmtick.engine.registry import register
from bmtick.engine.state import dump_message, load_message


@register
class JoinNode(Node):
    """Joins by group, or by the tags of ``on``, with a tolerance in time."""

    chain = "join"
    desc = "join"
    properties = table(
        {
            "as": values("names"),
            "on": values("dimensions"),
            "delimiter": value("delimiter"),
            "streamName": value("stream_name"),
            "tolerance": value("tolerance"),
            "fill": value("fill", "fill"),
            "deleteAll": value("delete_all"),
        }
    )

    def define(self, *others: Node) -> None:
        """Set Kapacitor's defaults; ``create`` links the other parents."""
        self.others = others
        self.names: list[str] = []
        self.dimensions: list[str] = []
        self.delimiter = "."
        self.stream_name = ""
        self.tolerance = 0
        self.fill: Any = None
        self.delete_all = False

    @classmethod
    def create(cls, parent: Node, args: list[Any]) -> Node:
        """Link the parent first, then the other nodes."""
        node = cls(parent.provides, args)
        for other in [parent, *args]:
            other.link(node)
        return node

    def validate(self) -> None:
        """Check that each parent has its own name and that fill is valid."""
        check_prefixes("join", self.names, len(self.parents), "joined streams", self.delimiter)
        if isinstance(self.fill, str) and self.fill not in ("null", "none"):
            raise DefinitionError(f"unexpected fill option {self.fill}")

    def start(self) -> None:
        """Set the fill value."""
        number = type(self.fill) in (int, float)
        self.outer = number or self.fill == "null"
        self.fill_value = self.fill if number else None
        self.joins: dict[str, JoinGroup] = {}
        self.matcher = Matcher(self) if self.dimensions else None

    def join_group(self, group: str) -> JoinGroup:
        """Return the sets of a group."""
        found = self.joins.get(group)
        if found is None:
            found = self.joins[group] = JoinGroup(self, len(self.parents))
        return found

    def entry(self, source: int) -> JoinEntry:
        """Return the receiver of one parent."""
        return JoinEntry(self, source)

    def take(self, source: int, message: Point | Batch) -> None:
        """Add a message to the sets of its group."""
        if self.matcher is not None:
            self.matcher.match(source, message)
        else:
            self.join_group(message.group).collect(source, message)

    def emit(self, joined: JoinSet) -> None:
        """Forward a set as one message, if it is complete or filled."""
        if self.receives == STREAM:
            message: Any = joined.as_point()
        else:
            message = joined.as_batch()
        if message is not None:
            self.forward(message)

    def snapshot(self) -> object:
        """Return the pending sets, and with ``on`` the pending messages."""
        return {
            "joins": [[group, found.dump()] for group, found in self.joins.items()],
            "matcher": self.matcher.dump() if self.matcher else None,
        }

    def restore(self, state: Any) -> None:
        """Restore the pending sets and messages."""
        for group, dumped in state["joins"]:
            self.join_group(group).load(dumped)
        if self.matcher is not None and state["matcher"] is not None:
            self.matcher.load(state["matcher"])

    def finish(self) -> None:
        """Emit all pending sets."""
        for group in self.joins.values():
            group.emit_all()


class JoinEntry:
    """Receives from one parent."""

    def __init__(self, node: JoinNode, source: int) -> None:
        self.node, self.source = node, source

    def point(self, point: Point) -> None:
        """Process a point."""
        self.node.take(self.source, point)

    def batch(self, batch: Batch) -> None:
        """Process a batch."""
        self.node.take(self.source, batch)

    def barrier(self, barrier: Barrier) -> None:
        """Record that nothing older comes from this parent."""
        self.node.join_group(barrier.group).barrier(self.source, barrier.time)
        self.node.forward_barrier(barrier)

    def delete_group(self, group: str) -> None:
        """Delete a group; nodes with several parents do so since Kapacitor 1.6."""
        if self.node.pipeline.is_newer:
            self.node.joins.pop(group, None)
            if self.node.matcher is not None:
                self.node.matcher.forget(self.source, group, every_source=self.node.delete_all)
            self.node.forward_delete(group)


class JoinGroup:
    """The pending sets of one group, by time."""

    def __init__(self, node: JoinNode, sources: int) -> None:
        self.node = node
        self.sets: dict[int, list[JoinSet]] = {}
        self.head: list[int | None] = [None] * sources
        self.oldest: int | None = None

    def dump(self) -> list[Any]:
        """Return the pending sets as JSON-able data."""
        sets = [
            [time, [[dump_message(value) for value in joined.values] for joined in waiting]]
            for time, waiting in self.sets.items()
        ]
        return [sets, self.head, self.oldest]

    def load(self, state: Any) -> None:
        """Restore what ``dump`` returned."""
        sets, self.head, self.oldest = state
        for time, waiting in sets:
            self.sets[time] = []
            for dumped in waiting:
                joined = JoinSet(self.node, time)
                joined.values = [load_message(message) for message in dumped]
                self.sets[time].append(joined)

    def collect(self, source: int, message: Point | Batch) -> None:
        """Add a message to the first set of its time without a message of its source."""
        time = round_time(message.time, self.node.tolerance)
        self._age(time)
        sets = self.sets.setdefault(time, [])
        for joined in sets:
            if joined.values[source] is None:
                break
        else:
            joined = JoinSet(self.node, time)
            sets.append(joined)
        joined.put(source, message)
        self.head[source] = time
        self._emit(self._only_ready())

    def barrier(self, source: int, time: int) -> None:
        """Record that a source sends nothing older than ``time``."""
        time = round_time(time, self.node.tolerance)
        self._age(time)
        self.head[source] = time
        self._emit(self._only_ready())

    def emit_all(self) -> None:
        """Emit every set, complete or not."""
        while self.sets:
            self._emit(only_ready=False)

    def _age(self, time: int) -> None:
        if self.oldest is None or time < self.oldest:
            self.oldest = time

    def _only_ready(self) -> bool:
        """Return whether some source has not yet passed the oldest time."""
        oldest = self.oldest
        return any(t is None or (oldest is not None and t <= oldest) for t in self.head)

    def _emit(self, only_ready: bool) -> None:
        while self.sets:
            sets = self.sets.get(self.oldest, []) if self.oldest is not None else []
            done = 0
            for joined in sets:
                if only_ready and not joined.ready:
                    break
                self.node.emit(joined)
                done += 1
            if self.oldest is not None:
                if done == len(sets):
                    self.sets.pop(self.oldest, None)
                else:
                    self.sets[self.oldest] = sets[done:]
            self.oldest = min(self.sets, default=None)
            if only_ready:
                return
            # All parents may have passed the next set too: one of them missed some data.
            only_ready = self._only_ready()


class JoinSet:
    """At most one message of each source, all with the same time."""

    def __init__(self, node: JoinNode, time: int) -> None:
        self.node = node
        self.time = time
        self.values: list[Any] = [None] * len(node.names)

    def put(self, source: int, message: Point | Batch) -> None:
        """Set the message of a source."""
        self.values[source] = message

    @property
    def ready(self) -> bool:
        """Whether every source has a message."""
        return None not in self.values

    @property
    def first(self) -> Any:
        """The message of the first source that has one."""
        return next(value for value in self.values if value is not None)

    def _prefixes(self) -> list[str]:
        return [name + self.node.delimiter for name in self.node.names]

    def _merge(self, values: list[Any], names: list[str]) -> Fields | None:
        """Return the fields of all values, or None if one is missing and there is no fill."""
        node = self.node
        fields: Fields = {}
        for prefix, message in zip(self._prefixes(), values, strict=True):
            if message is not None:
                for name, content in message.fields.items():
                    fields[prefix + name] = content
            elif node.outer:
                for name in names:
                    fields[prefix + name] = node.fill_value
            else:
                return None
        return fields

    def as_point(self) -> Point | None:
        """Merge points into one."""
        first: Point = self.first
        fields = self._merge(self.values, list(first.fields))
        if fields is None:
            return None
        name = self.node.stream_name or first.name
        return grouped(name, first.dimensions, fields, first.group_info().tags, self.time)

    def as_batch(self) -> Batch:
        """Merge batches into one: their points by time."""
        first: Batch = self.first
        name = self.node.stream_name or first.name
        batch = Batch.of(name, first.tags, first.dimensions.by_name, self.time, [])
        cursor = BatchCursor([v.points if v else None for v in self.values], self.node.tolerance)
        while True:
            step = cursor.next()
            if step is None:
                batch.size_hint = len(batch.points)
                return batch
            time, points = step
            fields = self._merge(points, cursor.names)
            if fields is not None:
                batch.points.append(BatchPoint(fields, batch.tags, time))


class BatchCursor:
    """Iterates over several batches at once, by the time of their points."""

    def __init__(self, batches: list[list[BatchPoint] | None], tolerance: int) -> None:
        self.batches = batches
        self.tolerance = tolerance
        self.indexes = [0] * len(batches)
        self.names: list[str] = []
        self._named = False

    def next(self) -> tuple[int, list[BatchPoint | None]] | None:
        """Return the next time and its points, or None at the end."""
        found: list[BatchPoint | None] = [None] * len(self.batches)
        time: int | None = None
        for i, points in enumerate(self.batches):
            if points is None or self.indexes[i] == len(points):
                continue
            point = points[self.indexes[i]]
            at = round_time(point.time, self.tolerance)
            if time is None:
                time = at
            if at < time:
                time = at
                for j, other in enumerate(found):
                    if other is not None:
                        self.indexes[j] -= 1
                    found[j] = None
                found[i] = point
                self.indexes[i] += 1
            elif at == time:
                if not self._named:
                    self._named, self.names = True, list(point.fields)
                found[i] = point
                self.indexes[i] += 1
        return None if time is None else (time, found)


class Matcher:
    """Joins with ``on``: sends a less specific message to every more specific group.

    A message is specific if it has more dimensions than ``on``.
    """

    def __init__(self, node: JoinNode) -> None:
        self.node = node
        self.low_marks: dict[tuple[int, str], int] = {}
        self.matches: dict[str, list[tuple[int, Any]]] = {}
        self.specifics: dict[str, list[tuple[int, Any]]] = {}
        self.reported: set[int] = set()

    def dump(self) -> dict[str, Any]:
        """Return the pending messages as JSON-able data."""
        return {
            "marks": [[source, group, time] for (source, group), time in self.low_marks.items()],
            "matches": _dump_waiting(self.matches),
            "specifics": _dump_waiting(self.specifics),
            "reported": sorted(self.reported),
        }

    def load(self, state: Any) -> None:
        """Restore what ``dump`` returned."""
        self.low_marks = {(source, group): time for source, group, time in state["marks"]}
        self.matches = _load_waiting(state["matches"])
        self.specifics = _load_waiting(state["specifics"])
        self.reported = set(state["reported"])

    def forget(self, source: int, group: str, *, every_source: bool) -> None:
        """Delete the pending messages of a group, and the progress of its source or of all sources."""
        self.matches.pop(group, None)
        self.specifics.pop(group, None)
        if every_source:
            self.low_marks.clear()
        else:
            self.low_marks.pop((source, group), None)

    def _time(self, message: Any) -> int:
        return round_time(message.time, self.node.tolerance)

    def match(self, source: int, message: Any) -> None:
        """Add a message; send all messages that can be matched."""
        self.reported.add(source)
        complete = len(self.reported) == len(self.node.parents)
        time = self._time(message)
        dimensions = Dimensions(message.dimensions.by_name, tuple(self.node.dimensions))
        group = group_id(message.name, message.group_info().tags, dimensions)
        self.low_marks[source, group] = time
        low = self._low_mark(group) if complete else None
        if complete:
            self._release(group, low)
        if len(message.dimensions.tag_names) > len(self.node.dimensions):
            self._specific(group, (source, message), time, low, complete=complete)
        else:
            self._general(group, (source, message), time)

    def _low_mark(self, group: str) -> int | None:
        low: int | None = None
        for source in range(len(self.node.parents)):
            mark = self.low_marks.get((source, group))
            if low is None or mark is None or mark < low:
                low = mark
        return low

    def _release(self, group: str, low: int | None) -> None:
        waiting = self.specifics.get(group, [])
        sent = 0
        for entry in waiting:
            if low is None or self._time(entry[1]) >= low:
                break
            self._send(entry)
            sent += 1
        self.specifics[group] = waiting[sent:]

    def _specific(
        self,
        group: str,
        entry: tuple[int, Any],
        time: int,
        low: int | None,
        *,
        complete: bool,
    ) -> None:
        matches = self.matches.get(group, [])
        matched, passed = False, 0
        for match in matches:
            at = self._time(match[1])
            if at == time:
                self._send_match(entry, match)
                matched = True
            if low is None or at >= low:
                break
            passed += 1
        if complete:
            self.matches[group] = matches[passed:]
        if matched:
            return
        if complete and low is not None and time < low:
            self._send(entry)
        else:
            self.specifics.setdefault(group, []).append(entry)

    def _general(self, group: str, entry: tuple[int, Any], time: int) -> None:
        self.matches.setdefault(group, []).append(entry)
        waiting = self.specifics.get(group, [])
        sent = 0
        for specific in waiting:
            if self._time(specific[1]) != time:
                break
            self._send_match(specific, entry)
            sent += 1
        self.specifics[group] = waiting[sent:]

    def _send(self, entry: tuple[int, Any]) -> None:
        source, message = entry
        self.node.join_group(message.group).collect(source, message)

    def _send_match(self, specific: tuple[int, Any], general: tuple[int, Any]) -> None:
        source, message = general
        info = specific[1].group_info()
        new = message.copy()
        if isinstance(new, Batch):
            new.set_tags(info.tags)
        else:
            new.tags, new.dimensions = info.tags, info.dimensions
            new.regroup()
        group = self.node.join_group(specific[1].group)
        group.collect(*specific)
        group.collect(source, new)


def _dump_waiting(waiting: dict[str, list[tuple[int, Any]]]) -> list[Any]:
    return [
        [group, [[source, dump_message(message)] for source, message in entries]]
        for group, entries in waiting.items()
    ]


def _load_waiting(state: Any) -> dict[str, list[tuple[int, Any]]]:
    return {
        group: [(source, load_message(message)) for source, message in entries]
        for group, entries in state
    }
