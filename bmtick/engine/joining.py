"""The sets of a join: which messages belong together, and when a set is complete.

Source: kapacitor ``join.go``. None stands for Go's zero time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bmtick.engine.gotime import round_time
from bmtick.engine.messages import Batch, BatchPoint, Fields, Point, grouped
from bmtick.engine.state import dump_message, load_message

if TYPE_CHECKING:
    from bmtick.engine.nodes.join import JoinNode


class JoinGroup:
    """The waiting sets of one group, by their time."""

    def __init__(self, node: JoinNode, sources: int) -> None:
        self.node = node
        self.sets: dict[int, list[JoinSet]] = {}
        self.head: list[int | None] = [None] * sources
        self.oldest: int | None = None

    def dump(self) -> list[Any]:
        """Return the waiting sets as JSON-able data."""
        sets = [
            [time, [[dump_message(value) for value in joined.values] for joined in waiting]]
            for time, waiting in self.sets.items()
        ]
        return [sets, self.head, self.oldest]

    def load(self, state: Any) -> None:
        """Take back what ``dump`` gave."""
        sets, self.head, self.oldest = state
        for time, waiting in sets:
            self.sets[time] = []
            for values in waiting:
                joined = JoinSet(self.node, time)
                joined.values = [load_message(value) for value in values]
                self.sets[time].append(joined)

    def collect(self, source: int, message: Point | Batch) -> None:
        """Put a message into the first set of its time that lacks its source."""
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
        """A source will send nothing older than time."""
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
        """Say whether some source has not yet passed the oldest time."""
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
    """One message of each source at most, all of one time."""

    def __init__(self, node: JoinNode, time: int) -> None:
        self.node = node
        self.time = time
        self.values: list[Any] = [None] * len(node.names)

    def put(self, source: int, message: Point | Batch) -> None:
        """Set the message of a source."""
        self.values[source] = message

    @property
    def ready(self) -> bool:
        """Whether every source is there."""
        return None not in self.values

    @property
    def first(self) -> Any:
        """The message of the first source that is there."""
        return next(value for value in self.values if value is not None)

    def _prefixes(self) -> list[str]:
        return [name + self.node.delimiter for name in self.node.names]

    def _merge(self, values: list[Any], names: list[str]) -> Fields | None:
        """Return the fields of all values, or None if one is missing and nothing fills it."""
        node = self.node
        fields: Fields = {}
        for prefix, value in zip(self._prefixes(), values, strict=True):
            if value is not None:
                for name, content in value.fields.items():
                    fields[prefix + name] = content
            elif node.outer:
                for name in names:
                    fields[prefix + name] = node.fill_value
            else:
                return None
        return fields

    def as_point(self) -> Point | None:
        """Join points into one."""
        first: Point = self.first
        fields = self._merge(self.values, list(first.fields))
        if fields is None:
            return None
        name = self.node.stream_name or first.name
        return grouped(name, first.dimensions, fields, first.group_info().tags, self.time)

    def as_batch(self) -> Batch:
        """Join batches into one: their points by time."""
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
    """Steps through several batches at once, by the time of their points."""

    def __init__(self, batches: list[list[BatchPoint] | None], tolerance: int) -> None:
        self.batches = batches
        self.tolerance = tolerance
        self.indexes = [0] * len(batches)
        self.names: list[str] = []
        self._named = False

    def next(self) -> tuple[int, list[BatchPoint | None]] | None:
        """Return the next time and the points that bear it, or None at the end."""
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
