"""``|groupBy``: sets new groups. Source: kapacitor ``group_by.go``."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from bmtick.engine.arguments import Signature, appended, flag, table
from bmtick.engine.grouping import TagNames, check_dimensions
from bmtick.engine.influxql.gosort import go_sorted
from bmtick.engine.messages import Barrier, Batch, BatchPoint, Dimensions, Point, group_id
from bmtick.engine.node import StatelessNode
from bmtick.engine.registry import register
from bmtick.engine.state import dump_message, load_message


def _earlier(a: BatchPoint, b: BatchPoint) -> bool:
    return a.time < b.time


@register
class GroupByNode(StatelessNode):
    """Groups points by tags; batches are pending until one with another time arrives."""

    chain = "groupBy"
    desc = "groupby"
    signature = Signature.of("...dimension")
    properties = table(
        {
            "exclude": appended("excluded"),
            "byMeasurement": flag("by_name"),
        }
    )

    def define(self, *dimensions: Any) -> None:
        """Set the dimensions."""
        self.dimensions = list(dimensions)
        self.excluded: list[str] = []
        self.by_name = False
        self.last_time: int | None = None
        self.waiting: dict[str, Batch] = {}

    def validate(self) -> None:
        """Check the dimensions."""
        check_dimensions(self.dimensions, self.excluded)

    def start(self) -> None:
        """Prepare the tag names."""
        self.tag_names = TagNames(self.dimensions, self.excluded)
        fixed = self.tag_names.fixed
        # Whether to group by measurement.
        self._fixed = fixed and (Dimensions(False, fixed), Dimensions(True, fixed))

    def snapshot(self) -> object:
        """Return the pending batches."""
        waiting = [[group, dump_message(batch)] for group, batch in self.waiting.items()]
        return [self.last_time, waiting]

    def restore(self, state: Any) -> None:
        """Restore the pending batches."""
        self.last_time, waiting = state
        self.waiting = {group: load_message(batch) for group, batch in waiting}

    def point(self, point: Point) -> None:
        """Forward a copy in its new group."""
        tags, name = point.tags, point.name
        by_name = point.dimensions.by_name or self.by_name
        if self._fixed:
            dimensions = self._fixed[by_name]
        else:
            dimensions = Dimensions(by_name, self.tag_names.of(tags))
        self.forward(
            Point(
                name,
                dimensions,
                point.fields,
                tags,
                point.time,
                group_id(name, tags, dimensions),
                point.database,
                point.retention_policy,
            )
        )

    def batch(self, batch: Batch) -> None:
        """Distribute the points of a batch to the pending groups."""
        self._emit(batch.time)
        by_name = batch.dimensions.by_name or self.by_name
        for point in batch.points:
            dimensions = Dimensions(by_name, self.tag_names.of(point.tags))
            group = group_id(batch.name, point.tags, dimensions)
            waiting = self.waiting.get(group)
            if waiting is None:
                tags = {name: point.tags.get(name, "") for name in dimensions.tag_names}
                waiting = Batch.of(batch.name, tags, by_name, batch.time, [])
                self.waiting[group] = waiting
            waiting.points.append(point)

    def barrier(self, barrier: Barrier) -> None:
        """Forward the pending groups, then the barrier."""
        self._emit(barrier.time)
        self.forward_barrier(barrier)

    def delete_group(self, group: str) -> None:
        """Drop the pending batch of a deleted group; Kapacitor does so since 1.6."""
        if self.pipeline.is_newer:
            self.waiting.pop(group, None)
        super().delete_group(group)

    def _emit(self, time: int) -> None:
        if time == self.last_time:
            return
        self.last_time = time
        released, self.waiting = self.waiting, {}
        for batch in released.values():
            # Go's sort is not stable; a sorted list stays unchanged.
            if any(b.time < a.time for a, b in pairwise(batch.points)):
                batch.points = go_sorted(batch.points, _earlier)
            batch.size_hint = len(batch.points)
            self.forward(batch)
