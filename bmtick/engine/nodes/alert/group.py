"""One group of an alert: from points and batches to events.

Source: kapacitor ``alert.go`` (``alertState.Point`` and ``BufferedBatch``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bmtick.engine.events import LEVELS, OK, AlertEvent
from bmtick.engine.messages import Batch, BatchPoint, Fields, Point, Tags
from bmtick.engine.node import Group
from bmtick.engine.nodes.alert.state import AlertState
from bmtick.engine.rows import to_row

if TYPE_CHECKING:
    from bmtick.engine.nodes.alert import AlertNode


class AlertGroup(Group):
    """One group of an alert."""

    __slots__ = ("state",)

    def __init__(self, node: AlertNode, state: AlertState) -> None:
        super().__init__(node)
        self.state = state

    def point(self, point: Point) -> None:
        """Give the point a level; send and pass it if that is called for."""
        node: AlertNode = self.node
        state = self.state
        id_ = node.texts.id(point.name, point.group, point.tags)
        level = node.levels.of(point, state.level)
        state.add(point.time, level)
        if node.use_flapping and state.flapping:
            return
        if node.state_changes_only and not state.changed and not state.expired:
            return
        if level == OK and not state.changed:
            return
        state.triggered(point.time)
        if node.no_recoveries and level == OK:
            return
        event = self._event(id_, point, point.fields, level, point.time)
        new = point.copy()
        tags = self._tags(point.tags, event)
        if tags is not point.tags:
            new.tags = tags
            new.regroup()
        new.fields = self._fields(point.fields, event)
        node.forward(new)

    def batch(self, batch: Batch) -> None:
        """Give the batch a level; send and pass it if that is called for."""
        node: AlertNode = self.node
        state = self.state
        id_ = node.texts.id(batch.name, batch.group, batch.tags)
        if not batch.points:
            return
        level, point = self._level(batch)
        time = batch.time if node.all_points or level == OK else point.time
        state.add(time, level)
        quiet = (node.use_flapping and state.flapping) or (
            node.state_changes_only and not state.changed and not state.expired
        )
        if not (state.changed if level == OK else not quiet):
            return
        state.triggered(time)
        if node.no_recoveries and level == OK:
            return
        event = self._event(id_, batch, point.fields, level, time)
        node.forward(self._augmented(batch, event))

    def _level(self, batch: Batch) -> tuple[int, BatchPoint]:
        node: AlertNode = self.node
        current = self.state.level
        lowest, highest = len(LEVELS) - 1, OK
        best: BatchPoint | None = None
        for point in batch.points:
            level = node.levels.of(point, current)
            lowest = min(lowest, level)
            if level > highest or best is None:
                highest, best = level, point
        assert best is not None  # noqa: S101 -- the caller has seen that there are points
        return (lowest if node.all_points else highest), best

    def _augmented(self, batch: Batch, event: AlertEvent) -> Batch:
        points = [
            BatchPoint(self._fields(p.fields, event), self._tags(p.tags, event), p.time)
            for p in batch.points
        ]
        new = batch.copy(points, size_hint=len(points))
        tags = self._tags(batch.tags, event)
        if tags is not batch.tags:
            new.set_tags(tags)
        return new

    def _event(
        self, id_: str, message: Point | Batch, fields: Fields, level: int, time: int
    ) -> AlertEvent:
        node: AlertNode = self.node
        duration = self.state.duration()
        text, details = node.texts.message_and_details(
            id_, message, fields, LEVELS[level], time, duration
        )
        event = AlertEvent(
            time=time,
            id=id_,
            level=LEVELS[level],
            previous_level=LEVELS[OK],
            message=text,
            details=details,
            tags=message.tags,
            fields=fields,
            duration=duration,
            name=message.name,
            task=node.pipeline.task,
            topic=node.topic,
            handlers=node.frozen,
            group=message.group,
            data={"series": [to_row(message)]},
            recoverable=not node.no_recoveries,
        )
        node.send(event, level)
        return event

    def _tags(self, tags: Tags, event: AlertEvent) -> Tags:
        node: AlertNode = self.node
        if not node.level_tag and not node.id_tag:
            return tags
        new = dict(tags)
        if node.level_tag:
            new[node.level_tag] = event.level
        if node.id_tag:
            new[node.id_tag] = event.id
        return new

    def _fields(self, fields: Fields, event: AlertEvent) -> Fields:
        node: AlertNode = self.node
        added = {
            node.level_field: event.level,
            node.message_field: event.message,
            node.id_field: event.id,
            node.duration_field: event.duration,
        }
        added.pop("", None)
        return {**fields, **added} if added else fields
