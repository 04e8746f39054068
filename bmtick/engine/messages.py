"""Messages between nodes: points, whole batches, barriers, and the end of a group.

Source: kapacitor ``edge/messages.go`` and ``models/point.go``. A batch is one message: Kapacitor
never interleaves the begin, point and end messages of one batch with others on an edge. Messages
share tag and field maps: copy before a change.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import msgspec

Tags: TypeAlias = dict[str, str]
Fields: TypeAlias = dict[str, object]


class NilTags(Tags):
    """Go's nil map, which JSON shows as null: the tags of a query result without tags."""

    __slots__ = ()


NIL_TAGS = NilTags()

STREAM = "stream"
BATCH = "batch"
NO_EDGE = "noedge"


class Dimensions(NamedTuple):
    """The dimensions of a group: whether by measurement, and sorted tag names."""

    by_name: bool = False
    tag_names: tuple[str, ...] = ()


NO_DIMENSIONS = Dimensions()


def group_id(name: str, tags: Tags, dimensions: Dimensions) -> str:
    r"""Return Kapacitor's id of a group: ``name\nkey=value,key=value``; empty without groups."""
    by_name, tag_names = dimensions
    if not tag_names:
        return name if by_name else ""
    pattern, values = _pattern(tag_names)
    try:
        text = pattern % values(tags)
    except KeyError:
        text = pattern % tuple([tags.get(tag, "") for tag in tag_names])
    return f"{name}\n{text}" if by_name else text


@lru_cache
def _pattern(tag_names: tuple[str, ...]) -> tuple[str, Callable[[Tags], Any]]:
    """Return the format of a group's id, and a getter of the values from tags."""
    names = [tag.replace("%", "%%") for tag in tag_names]
    return ",".join([f"{name}=%s" for name in names]), itemgetter(*tag_names)


class GroupInfo(NamedTuple):
    """A group: its id, its tags, its dimensions."""

    id: str
    tags: Tags
    dimensions: Dimensions


class Point(msgspec.Struct, eq=False):
    """A point on a stream edge; ``time`` in nanoseconds; ``group`` is the id of its group."""

    name: str
    dimensions: Dimensions
    fields: Fields
    tags: Tags
    time: int
    group: str
    database: str = ""
    retention_policy: str = ""

    def copy(self) -> Point:
        """Return a copy that shares tags and fields."""
        return Point(
            self.name,
            self.dimensions,
            self.fields,
            self.tags,
            self.time,
            self.group,
            self.database,
            self.retention_policy,
        )

    def regroup(self) -> None:
        """Recompute the group after a change of name, tags or dimensions."""
        self.group = group_id(self.name, self.tags, self.dimensions)

    def group_info(self) -> GroupInfo:
        """Return the description of the point's group."""
        tags = self.tags
        names = self.dimensions.tag_names
        return GroupInfo(self.group, {n: tags.get(n, "") for n in names}, self.dimensions)


def grouped(name: str, dimensions: Dimensions, fields: Fields, tags: Tags, time: int) -> Point:
    """Return a point in the group of its dimensions and tags."""
    return Point(name, dimensions, fields, tags, time, group_id(name, tags, dimensions))


class BatchPoint(msgspec.Struct, eq=False):
    """A point within a batch."""

    fields: Fields
    tags: Tags
    time: int

    def copy(self) -> BatchPoint:
        """Return a copy that shares tags and fields."""
        return BatchPoint(self.fields, self.tags, self.time)


class Batch(msgspec.Struct, eq=False):
    """A batch: the points of one group up to ``time``.

    ``size_hint`` is the number of points in Kapacitor's begin message; its combine node crashes
    without it.
    """

    name: str
    tags: Tags
    dimensions: Dimensions
    group: str
    time: int
    points: list[BatchPoint]
    size_hint: int

    @staticmethod
    def of(name: str, tags: Tags, by_name: bool, time: int, points: list[BatchPoint]) -> Batch:
        """Return a batch grouped by its tags."""
        dimensions = Dimensions(by_name, tuple(sorted(tags)))
        group = group_id(name, tags, dimensions)
        return Batch(name, tags, dimensions, group, time, points, len(points))

    def copy(
        self, points: list[BatchPoint] | None = None, *, size_hint: int | None = None
    ) -> Batch:
        """Return a copy with other points, or the same ones."""
        return Batch(
            self.name,
            self.tags,
            self.dimensions,
            self.group,
            self.time,
            self.points if points is None else points,
            self.size_hint if size_hint is None else size_hint,
        )

    def set_tags(self, tags: Tags) -> None:
        """Replace the tags, which are also the dimensions."""
        self.tags = tags
        self.dimensions = Dimensions(self.dimensions.by_name, tuple(sorted(tags)))
        self.regroup()

    def regroup(self) -> None:
        """Recompute the group."""
        self.group = group_id(self.name, self.tags, self.dimensions)

    def group_info(self) -> GroupInfo:
        """Return the description of the batch's group."""
        return GroupInfo(self.group, self.tags, self.dimensions)


class Barrier:
    """A message that no point of the group older than ``time`` follows."""

    __slots__ = ("info", "time")

    name = "barrier"
    dimensions = NO_DIMENSIONS

    def __init__(self, info: GroupInfo, time: int) -> None:
        self.info = info
        self.time = time

    @property
    def group(self) -> str:
        """The id of the group."""
        return self.info.id

    @property
    def tags(self) -> Tags:
        """No tags, as in Kapacitor."""
        return {}

    def group_info(self) -> GroupInfo:
        """Return the description of the group."""
        return self.info


First: TypeAlias = Point | Batch | Barrier
AnyPoint: TypeAlias = Point | BatchPoint
