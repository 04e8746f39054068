"""Evaluate the alerts' lambdas on the fields of one point, without groups or a server.

The guard does this for each message, ``suspects`` and ``relays`` for each account and machine. The
lambdas are those of the rendered scripts, compiled by the engine, so results cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bmtick.alerts.load import catalogue
from bmtick.alerts.model import Rendered
from bmtick.alerts.render import desired, render
from bmtick.engine import Task, load_task
from bmtick.engine.lambdas import MISSING, EvaluationError
from bmtick.engine.nodes.alert import AlertNode
from bmtick.engine.nodes.eval_ import EvalNode
from bmtick.engine.nodes.from_ import FromNode
from bmtick.engine.nodes.where import WhereNode
from bmtick.engine.predicate import Predicate
from bmtick.names import FIELDS
from bmtick.settings import Settings

# Nodes that process each point alone; alerts with other nodes depend on earlier points.
_STATELESS = {"stream", "from", "barrier", "eval", "where", "default", "alert"}


@dataclass(frozen=True)
class Weight:
    """The result of one alert for one set of fields.

    Attributes:
        alert: its name in the settings.
        value: the value that it compares with its threshold.
        threshold: ``crit``; from here the alert is CRITICAL.
        critical: whether the alert would fire.
    """

    alert: str
    value: float
    threshold: float
    critical: bool


class Scales:
    """The alerts of some settings that evaluate an entity by the fields of one point.

    Args:
        settings: their ``[alerts.*]`` sections are used.
        rendered: the alerts as scripts; None renders those of the settings.

    Raises:
        BmtickError: an invalid value in the settings.
    """

    def __init__(self, settings: Settings, rendered: Iterable[Rendered] | None = None) -> None:
        self._scales: dict[str, list[Scale]] = {}
        self.names: set[str] = set()
        for one in desired(settings, per_host=True) if rendered is None else rendered:
            task = load_task(one.script, file=f"{one.name}.tick", name=one.task_id, now=None)
            scale = _scale(one.name, task)
            if scale is not None:
                self._scales.setdefault(scale.measurement, []).append(scale)
                self.names.add(one.name)
        # Defaults of optional fields, copied for each evaluation: the guard evaluates each message.
        self._bases = {
            measurement: {
                **dict.fromkeys((name for s in scales for name in s.references), MISSING),
                **_zeros(measurement),
            }
            for measurement, scales in self._scales.items()
        }

    @classmethod
    def recommended(cls, settings: Settings) -> Scales:
        """Return the settings' alerts; if they enable none, the recommended ones."""
        if settings.alerts:
            return cls(settings)
        return cls(
            settings,
            [render(a, {}, settings=settings) for a in catalogue().values() if a.recommended],
        )

    def weigh(self, measurement: str, facts: Mapping[str, Any]) -> list[Weight]:
        """Evaluate the fields of one entity.

        Args:
            measurement: e.g. ``postfix_sender``.
            facts: tags and fields by name; a missing field is zero, a missing tag empty.

        Returns:
            A weight for each alert that reads the measurement and does not exclude the entity, the
            heaviest (value by threshold) first.
        """
        scales = self._scales.get(measurement)
        if scales is None:
            return []
        scope = {**self._bases[measurement], **facts}
        weights = [w for scale in scales if (w := scale.weigh(scope))]
        return sorted(weights, key=lambda w: -w.value / w.threshold if w.threshold else 0.0)

    def of(self, measurement: str) -> Sequence[Scale]:
        """Return the alerts that read a measurement, in their order."""
        return self._scales.get(measurement, ())


def _zeros(measurement: str) -> dict[str, Any]:
    kinds = {"int": 0, "float": 0.0}
    return {"host": "", "datalocation": ""} | {
        name: kinds[kind] for name, kind in FIELDS.get(measurement, {}).items()
    }


class Scale:
    """One alert: the steps from a point's fields to its level."""

    def __init__(self, name: str, measurement: str, steps: list[Any], critical: Predicate) -> None:
        self.name, self.measurement = name, measurement
        self.steps, self.critical = steps, critical

    @property
    def references(self) -> set[str]:
        """The names that its lambdas read."""
        found = set(self.critical.references)
        for step in self.steps:
            if isinstance(step, Predicate):
                found.update(step.references)
            else:
                found.update(name for _, expression in step for name in expression.references)
        return found

    def weigh(self, facts: Mapping[str, Any]) -> Weight | None:
        """Evaluate fields that include all references."""
        scope: Mapping[str, Any] = facts
        try:
            for step in self.steps:
                if isinstance(step, Predicate):
                    if not step.expression.predicate(scope):
                        return None
                    continue
                made = dict(scope)
                for name, expression in step:
                    made[name] = expression.evaluate(made)
                scope = made
            critical = self.critical.expression.predicate(scope)
        except EvaluationError:
            return None  # a field is missing or has another type: Kapacitor drops such a point, too
        return Weight(self.name, float(scope["value"]), float(scope["crit"]), critical)


def _scale(name: str, task: Task) -> Scale | None:
    """Return the steps before the first alert node; None if one depends on earlier points."""
    steps: list[Any] = []
    measurement = ""
    for node in task.nodes:
        if node.desc not in _STATELESS:
            return None
        match node:
            case FromNode():
                measurement = node.measurement
                if node.condition is not None:
                    steps.append(node.predicate_of(node.condition))
            case WhereNode():
                steps.append(node.predicate)
            case EvalNode():
                steps.append(list(zip(node.names, node.expressions, strict=True)))
            case AlertNode():
                conditions = node.levels.conditions
                critical = conditions[max(conditions)]
                return Scale(name, measurement, _needed(steps, critical), critical)
    return None


def _needed(steps: list[Any], critical: Predicate) -> list[Any]:
    """Remove the values that no condition reads: texts of messages and ids."""
    wanted = {"value", "crit", *critical.references}
    needed_steps: list[Any] = []
    for step in reversed(steps):
        if isinstance(step, Predicate):
            wanted.update(step.references)
            needed_steps.append(step)
            continue
        needed = [(name, expression) for name, expression in step if name in wanted]
        for _, expression in needed:
            wanted.update(expression.references)
        if needed:
            needed_steps.append(needed)
    return needed_steps[::-1]
