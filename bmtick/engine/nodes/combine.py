"""``|combine``: all combinations of a group's points of one time. Source: ``combine.go``."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any

from bmtick.engine.arguments import table, value, values
from bmtick.engine.gotime import round_time
from bmtick.engine.lambdas import EvaluationError
from bmtick.engine.messages import (
    STREAM,
    AnyPoint,
    Barrier,
    Batch,
    BatchPoint,
    Fields,
    First,
    Point,
    Tags,
    grouped,
)
from bmtick.engine.node import DefinitionError, Group, Node, TaskStopped
from bmtick.engine.registry import register
from bmtick.engine.state import dump_info, dump_points, load_info, load_points
from bmtick.tick import ast


@register
class CombineNode(Node):
    """Chooses one point per lambda for each combination, and merges them."""

    chain = "combine"
    desc = "combine"
    gives = STREAM
    hides = frozenset(("max",))
    properties = table(
        {
            "as": values("names"),
            "delimiter": value("delimiter"),
            "tolerance": value("tolerance"),
            "max": value("max"),
        }
    )

    def define(self, *lambdas: ast.Lambda) -> None:
        """Set Kapacitor's defaults."""
        self.lambdas = lambdas
        self.names: list[str] = []
        self.delimiter = "."
        self.tolerance = 0
        self.max = 1_000_000

    def validate(self) -> None:
        """Check that each lambda has its own name."""
        check_prefixes("combine", self.names, len(self.lambdas), "expressions", self.delimiter)

    def start(self) -> None:
        """Compile the lambdas."""
        self.predicates = [self.predicate_of(node) for node in self.lambdas]

    def snapshot(self) -> object:
        """Return the pending points by group, and the state of stateful functions."""
        return [
            {
                "info": dump_info(found.info),
                "name": found.name,
                "time": found.time,
                "points": list(dump_points(found.points)),
                "room": found.room,
                "predicates": [p.expression.snapshot() for p in found.predicates],
            }
            for found in self.groups.values()
        ]

    def restore(self, state: Any) -> None:
        """Restore the pending points."""
        for kept in state:
            barrier = Barrier(load_info(kept["info"]), 0)
            self.groups[barrier.group] = found = CombineGroup(self, barrier)
            found.name, found.time, found.room = kept["name"], kept["time"], kept["room"]
            found.points = list(load_points(kept["points"]))
            for predicate, expression in zip(found.predicates, kept["predicates"], strict=True):
                predicate.expression.restore(expression)

    def new_group(self, first: First) -> CombineGroup:
        """Start with the first message."""
        return CombineGroup(self, first)


def check_prefixes(kind: str, names: list[str], count: int, what: str, delimiter: str) -> None:
    """Check the prefixes of ``.as()``.

    Raises:
        DefinitionError: Kapacitor would refuse them.
    """
    if not names:
        raise DefinitionError(
            f"a call to {kind}.as() is required to specify the output stream prefixes"
        )
    if len(names) != count:
        raise DefinitionError(
            f"number of prefixes specified by {kind}.as() must match the number of {what}"
        )
    for name in names:
        if not name:
            raise DefinitionError(
                f"must provide a prefix name for the {kind} node, see .as() property method"
            )
        if delimiter in name and (delimiter or kind == "combine"):
            raise DefinitionError(
                f"cannot use name {name} as field prefix, it contains the delimiter {delimiter}"
            )
    if len(set(names)) != len(names):
        raise DefinitionError("cannot use the same prefix name, see .as() property method")


class CombineGroup(Group):
    """The points of one group with the same time."""

    __slots__ = ("info", "name", "points", "predicates", "room", "time")

    def __init__(self, node: CombineNode, first: First) -> None:
        super().__init__(node)
        self.info, self.name = first.group_info(), first.name
        self.time: int | None = first.time
        self.points: list[BatchPoint] = []
        self.room = False
        self.predicates = [predicate.copy() for predicate in node.predicates]

    def point(self, point: Point) -> None:
        """Add a point."""
        self.add(point)

    def batch(self, batch: Batch) -> None:
        """Combine the points of a batch."""
        self.name, self.time = batch.name, None
        self.room = self.room or batch.size_hint > 0
        for point in batch.points:
            self.add(point)
        self.combine()
        self.points = []

    def add(self, point: AnyPoint) -> None:
        """Add a point; if its time is new, combine the pending points first."""
        time = round_time(point.time, self.node.tolerance)
        entry = BatchPoint(point.fields, point.tags, time)
        if time == self.time:
            self.room = True
            self.points.append(entry)
            return
        self.combine()
        if not self.room:
            # Here Kapacitor slices an empty list: the first point of a group with a rounded time, or a
            # batch of unknown size.
            raise TaskStopped(f"{self.node.name}: Kapacitor's server crashes here")
        self.time, self.points = time, [entry]

    def combine(self) -> None:
        """Forward all combinations of the pending points.

        Raises:
            TaskStopped: the combinations exceed the node's maximum.
        """
        node: CombineNode = self.node
        points, size = self.points, len(self.predicates)
        if not points:
            return
        matches = [[self._matches(p, point) for point in points] for p in self.predicates]
        if len(points) < size:
            return
        total = comb(len(points), size)
        if total > node.max:
            raise TaskStopped(
                f"{node.name}: refusing to perform combination as total combinations {total} "
                f"exceeds max combinations {node.max}"
            )
        for indices in combinations(range(len(points)), size):
            chosen = self._choose(matches, list(indices))
            if chosen is not None:
                self._pass([points[i] for i in chosen])

    def _matches(self, predicate: Any, point: BatchPoint) -> bool:
        try:
            return bool(predicate(point.fields, point.tags, point.time))
        except EvaluationError as error:
            self.node.report("error evaluating lambda expression", error)
            return False

    @staticmethod
    def _choose(matches: list[list[bool]], indices: list[int]) -> list[int] | None:
        chosen = []
        for row in matches:
            for position, index in enumerate(indices):
                if row[index]:
                    chosen.append(index)
                    del indices[position]
                    break
            else:
                return None
        return chosen

    def _pass(self, points: list[BatchPoint]) -> None:
        node: CombineNode = self.node
        fields: Fields = {}
        tags: Tags = {}
        dimensions = self.info.dimensions
        for name, point in zip(node.names, points, strict=True):
            prefix = name + node.delimiter
            fields.update({prefix + k: v for k, v in point.fields.items()})
            for tag, content in point.tags.items():
                tags[tag if tag in dimensions.tag_names else prefix + tag] = content
        time = round_time(points[0].time, node.tolerance)
        node.forward(grouped(self.name, dimensions, fields, tags, time))
