"""What travels between nodes: points, whole batches, barriers, and the end of a group.

Source: kapacitor ``edge/messages.go`` and ``models/point.go``. A batch travels whole: Kapacitor's
begin, point and end messages of one batch are never interleaved with others on an edge. Tag and
field maps are shared between messages: copy before a change.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

Tags: TypeAlias = dict[str, str]
Fields: TypeAlias = dict[str, object]

STREAM = "stream"
BATCH = "batch"
NO_EDGE = "noedge"


class Dimensions(NamedTuple):
    """What a group is made of: the measurement or not, and tag names (sorted)."""

    by_name: bool = False
    tag_names: tuple[str, ...] = ()


NO_DIMENSIONS = Dimensions()


def group_id(name: str, tags: Tags, dimensions: Dimensions) -> str:
    r"""Return Kapacitor's id of a group: ``name\nkey=value,key=value``; empty without groups."""
    by_name, tag_names = dimensions
    if not tag_names:
        return name if by_name else ""
    get = tags.get
    text = ",".join([f"{tag}={get(tag, '')}" for tag in tag_names])
    return f"{name}\n{text}" if by_name else text


class GroupInfo(NamedTuple):
    """A group: its id, the tags that make it, its dimensions."""

    id: str
    tags: Tags
    dimensions: Dimensions


class Point:
    """A point on a stream edge; ``time`` in nanoseconds; ``group`` is the id of its group."""

    __slots__ = (
        "database",
        "dimensions",
        "fields",
        "group",
        "name",
        "retention_policy",
        "tags",
        "time",
    )

    def __init__(
        self,
        name: str,
        dimensions: Dimensions,
        fields: Fields,
        tags: Tags,
        time: int,
        group: str | None = None,
        database: str = "",
        retention_policy: str = "",
    ) -> None:
        self.name = name
        self.dimensions = dimensions
        self.fields = fields
        self.tags = tags
        self.time = time
        self.group = group_id(name, tags, dimensions) if group is None else group
        self.database = database
        self.retention_policy = retention_policy

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
        """Compute the group anew, after a change of name, tags or dimensions."""
        self.group = group_id(self.name, self.tags, self.dimensions)

    def group_info(self) -> GroupInfo:
        """Describe the point's group."""
        tags = self.tags
        names = self.dimensions.tag_names
        return GroupInfo(self.group, {n: tags.get(n, "") for n in names}, self.dimensions)


class BatchPoint:
    """A point within a batch."""

    __slots__ = ("fields", "tags", "time")

    def __init__(self, fields: Fields, tags: Tags, time: int) -> None:
        self.fields = fields
        self.tags = tags
        self.time = time

    def copy(self) -> BatchPoint:
        """Return a copy that shares tags and fields."""
        return BatchPoint(self.fields, self.tags, self.time)


class Batch:
    """A batch: the points of one group up to ``time``.

    ``size_hint`` is what Kapacitor's begin message says of the number of points; its combine node
    crashes for want of it.
    """

    __slots__ = ("dimensions", "group", "name", "points", "size_hint", "tags", "time")

    def __init__(
        self,
        name: str,
        tags: Tags,
        by_name: bool,
        time: int,
        points: list[BatchPoint],
    ) -> None:
        self.name = name
        self.tags = tags
        self.dimensions = Dimensions(by_name, tuple(sorted(tags)))
        self.group = group_id(name, tags, self.dimensions)
        self.time = time
        self.points = points
        self.size_hint = len(points)

    def copy(
        self, points: list[BatchPoint] | None = None, *, size_hint: int | None = None
    ) -> Batch:
        """Return a copy with other points, or the same ones."""
        new = Batch.__new__(Batch)
        new.name = self.name
        new.tags = self.tags
        new.dimensions = self.dimensions
        new.group = self.group
        new.time = self.time
        new.points = self.points if points is None else points
        new.size_hint = self.size_hint if size_hint is None else size_hint
        return new

    def set_tags(self, tags: Tags) -> None:
        """Replace the tags; they are the dimensions too."""
        self.tags = tags
        self.dimensions = Dimensions(self.dimensions.by_name, tuple(sorted(tags)))
        self.regroup()

    def regroup(self) -> None:
        """Compute the group anew."""
        self.group = group_id(self.name, self.tags, self.dimensions)

    def group_info(self) -> GroupInfo:
        """Describe the batch's group."""
        return GroupInfo(self.group, self.tags, self.dimensions)


class Barrier:
    """No point of the group that is older than ``time`` will come."""

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
        """Describe the group."""
        return self.info


First: TypeAlias = Point | Batch | Barrier
AnyPoint: TypeAlias = Point | BatchPoint
