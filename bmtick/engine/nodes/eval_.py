"""``|eval``: computes fields and tags with lambdas. Source: kapacitor ``eval.go``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bmtick.engine.arguments import Property, table, values
from bmtick.engine.lambdas import EvaluationError
from bmtick.engine.messages import Batch, BatchPoint, Fields, First, Point, Tags, group_id
from bmtick.engine.node import DefinitionError, Group, Node
from bmtick.engine.predicate import fill_scope
from bmtick.engine.registry import register
from bmtick.tick import ast
from bmtick.tick.types import go_type_name


def _keep(owner: EvalNode, args: list[Any]) -> None:
    owner.keep, owner.keep_list = True, list(args)


@register
class EvalNode(Node):
    """Evaluates its lambdas in order; later ones can read the results of earlier ones."""

    chain = "eval"
    desc = "eval"
    properties = table(
        {
            "as": values("names"),
            "tags": values("tag_names"),
            "keep": Property(_keep),
        }
    )

    def define(self, *lambdas: ast.Lambda) -> None:
        """Set the lambdas."""
        self.lambdas = lambdas
        self.names: list[str] = []
        self.tag_names: list[str] = []
        self.keep = False
        self.keep_list: list[str] = []

    def validate(self) -> None:
        """Check that each lambda has a name and that each tag is such a name."""
        if len(self.names) != len(self.lambdas):
            raise DefinitionError(
                "must specify same number of expressions and .as() names: "
                f"got {len(self.names)} as names, and {len(self.lambdas)} expressions"
            )
        for tag in self.tag_names:
            if tag not in self.names:
                raise DefinitionError(
                    f"invalid tag name '{tag}', name is not present in .as() names"
                )

    def start(self) -> None:
        """Compile the lambdas."""
        self.expressions = [self.expression_of(node) for node in self.lambdas]
        self.new_fields = [n for n in self.names if n not in self.tag_names]
        self.independent = self._are_independent()

    def _are_independent(self) -> bool:
        """Return whether no expression reads a result of another, and no plain reference is kept."""
        references = {name for e in self.expressions for name in e.references}
        kept = set(self.keep_list) & references - set(self.names)
        later = {name for e in self.expressions[1:] for name in e.references}
        return not kept and not later & set(self.names) and len(set(self.names)) == len(self.names)

    def snapshot(self) -> object:
        """Return the groups with the state of stateful functions."""
        return [
            [group, [expression.snapshot() for expression in found.expressions]]
            for group, found in self.groups.items()
        ]

    def restore(self, state: Any) -> None:
        """Restore the groups."""
        for group, expressions in state:
            self.groups[group] = found = EvalGroup(self)
            for expression, kept in zip(found.expressions, expressions, strict=True):
                expression.restore(kept)

    def new_group(self, first: First) -> EvalGroup:
        """Start with fresh state."""
        del first
        return EvalGroup(self)


class EvalGroup(Group):
    """The expressions and their state for one group."""

    __slots__ = ("compute", "expressions", "fast")

    def __init__(self, node: EvalNode) -> None:
        super().__init__(node)
        self.expressions = [expression.copy() for expression in node.expressions]
        self.fast = [expression.value_of_point() for expression in self.expressions]
        # Returns the new fields and tags of a point; raises EvaluationError if a value is missing.
        self.compute: Callable[[Fields, Tags, int], tuple[Fields, Tags]] = self._in_scope
        if node.independent:
            alone = len(self.fast) == 1 and not node.keep_list and not node.tag_names
            plain = not any(expression.stateful for expression in self.expressions)
            if alone:
                self.compute = self._alone()
            else:
                self.compute = self._together if plain else self._independently

    def _alone(self) -> Callable[[Fields, Tags, int], tuple[Fields, Tags]]:
        """Compute a single field; it is the only field, or it is added to the existing ones."""
        fast, name, exactly = self.fast[0], self.node.names[0], self._exactly
        keep = self.node.keep

        def compute(fields: Fields, tags: Tags, time: int) -> tuple[Fields, Tags]:
            try:
                value = fast(fields, tags, time)
            except Exception:  # noqa: BLE001 -- the exact evaluation finds the error
                value = exactly([], fields, tags, time)
            return ({**fields, name: value} if keep else {name: value}), tags

        return compute

    def _together(self, fields: Fields, tags: Tags, time: int) -> tuple[Fields, Tags]:
        """Compute independent expressions without state, which a retry cannot change."""
        try:
            values = [fast(fields, tags, time) for fast in self.fast]
        except Exception:  # noqa: BLE001 -- the exact evaluation finds the error
            return self._independently(fields, tags, time)
        return self._result(fields, tags, dict(zip(self.node.names, values, strict=True)))

    def _independently(self, fields: Fields, tags: Tags, time: int) -> tuple[Fields, Tags]:
        """Compute independent expressions."""
        node: EvalNode = self.node
        values: list[Any] = []
        for fast in self.fast:
            try:
                values.append(fast(fields, tags, time))
            except Exception:  # noqa: BLE001 -- the exact evaluation finds the error
                values.append(self._exactly(values, fields, tags, time))
        return self._result(fields, tags, dict(zip(node.names, values, strict=True)))

    def _exactly(self, values: list[Any], fields: Fields, tags: Tags, time: int) -> Any:
        """Return the next value in the scope after the previous expressions."""
        scope: dict[str, Any] = {}
        for expression, name, value in zip(self.expressions, self.node.names, values, strict=False):
            fill_scope(scope, expression.references, fields, tags, time)
            scope[name] = value
        expression = self.expressions[len(values)]
        fill_scope(scope, expression.references, fields, tags, time)
        return expression.evaluate_exactly(scope)

    def _in_scope(self, fields: Fields, tags: Tags, time: int) -> tuple[Fields, Tags]:
        """Compute expressions that read each other's results, or where a reference is kept."""
        scope: dict[str, Any] = {}
        for expression, name in zip(self.expressions, self.node.names, strict=True):
            fill_scope(scope, expression.references, fields, tags, time)
            scope[name] = expression.evaluate(scope)
        return self._result(fields, tags, scope)

    def _result(self, fields: Fields, tags: Tags, scope: dict[str, Any]) -> tuple[Fields, Tags]:
        node: EvalNode = self.node
        if node.tag_names:
            tags = self._tags(tags, scope)
        if not node.keep:
            return {name: scope[name] for name in node.new_fields}, tags
        if node.keep_list:
            return self._kept(fields, scope), tags
        new = dict(fields)
        for name in node.names:
            new[name] = scope[name]
        return new, tags

    def _tags(self, tags: Tags, scope: dict[str, Any]) -> Tags:
        new = dict(tags)
        for name in self.node.tag_names:
            value = scope[name]
            if not isinstance(value, str):
                raise EvaluationError(
                    "result of a tag expression must be of type string, "
                    f"got {go_type_name(type(value))}"
                )
            new[name] = value
        return new

    def _kept(self, fields: Fields, scope: dict[str, Any]) -> Fields:
        new: Fields = {}
        for name in self.node.keep_list:
            if name in scope:
                new[name] = scope[name]
            elif name in fields:
                new[name] = fields[name]
            else:
                raise EvaluationError(f'cannot keep field "{name}", field does not exist')
        return new

    def point(self, point: Point) -> None:
        """Forward the point with its new fields, or drop it."""
        try:
            fields, tags = self.compute(point.fields, point.tags, point.time)
        except EvaluationError as error:
            self.node.report("error evaluating expression", error)
            return
        group = point.group
        if tags is not point.tags:
            group = group_id(point.name, tags, point.dimensions)
        self.node.forward(
            Point(
                point.name,
                point.dimensions,
                fields,
                tags,
                point.time,
                group,
                point.database,
                point.retention_policy,
            )
        )

    def batch(self, batch: Batch) -> None:
        """Forward the batch without the points that fail."""
        points = []
        compute = self.compute
        for point in batch.points:
            try:
                fields, tags = compute(point.fields, point.tags, point.time)
            except EvaluationError as error:
                self.node.report("error evaluating expression", error)
                continue
            points.append(BatchPoint(fields, tags, point.time))
        self.node.forward(batch.copy(points, size_hint=0))
