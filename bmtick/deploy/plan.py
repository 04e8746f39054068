"""Compare desired and actual state: the plan, as plain data. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from bmtick.deploy import labels
from bmtick.deploy.desired import INTERNAL_PREFIX, Desired
from bmtick.deploy.model import (
    ActualTask,
    Facts,
    TaskDefinition,
    TemplateDefinition,
    canonical_vars,
)
from bmtick.deploy.requests import differences, drifted, must_recreate

_PASSWORD = re.compile(r"(\w+://[^/@:\s']*:)[^/@\s']+@")  # as in .post('http://user:password@...')
SILENCE_PREFIX = f"{INTERNAL_PREFIX}silence-"


class Action(Enum):
    """What the plan does with one task or template."""

    CREATE = "create"
    UPDATE = "update"
    DRIFTED = "drifted"
    REMOVE = "remove"
    FOREIGN = "foreign"
    UNCHANGED = "unchanged"


CHANGING = frozenset({Action.CREATE, Action.UPDATE, Action.DRIFTED, Action.REMOVE})


@dataclass(frozen=True, slots=True)
class Step:
    """One task or template: its actual and its desired state, and why it must change.

    ``blocked`` means: a foreign task has the name of an alert. It is not changed, and the server is
    not as desired.
    """

    kind: str  # task, template
    id: str
    action: Action
    changes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    before: TaskDefinition | TemplateDefinition | None = None
    after: TaskDefinition | TemplateDefinition | None = None
    blocked: bool = False

    @property
    def changing(self) -> bool:
        """Whether apply sends a request for this step."""
        return self.action in CHANGING


def make_plan(desired: Desired, facts: Facts, known: Collection[str] = ()) -> list[Step]:
    """Compare desired and actual state.

    Args:
        desired: the settings' alerts.
        facts: the tasks and templates with bmtick's prefix.
        known: ids that bmtick deployed according to this machine's history, labelled or not.

    Returns:
        Steps in the order of execution: templates, tasks, removals of tasks, of templates.
    """
    template_steps = _template_steps(desired, facts, known)
    task_steps = [_task_step(desired.tasks[i], facts.tasks.get(i), known) for i in desired.tasks]
    others = [_other_task(t, known) for i, t in facts.tasks.items() if i not in desired.tasks]
    by_template = {step.id: step for step in template_steps}
    task_steps = [_with_template(step, by_template) for step in task_steps]
    steps = [*template_steps, *task_steps, *(s for s in others if s is not None)]
    return sorted(steps, key=_order)


def pending(steps: list[Step]) -> list[Step]:
    """Return the steps because of which the server is not as desired."""
    return [step for step in steps if step.changing or step.blocked]


def _order(step: Step) -> tuple[int, str]:
    last = step.action in {Action.REMOVE, Action.FOREIGN}
    if step.kind == "template":
        return (3 if last else 0), step.id
    return (2 if last else 1), step.id


def _task_step(wanted: TaskDefinition, actual: ActualTask | None, known: Collection[str]) -> Step:
    if actual is None:
        return Step("task", wanted.id, Action.CREATE, reasons=("not there",), after=wanted)
    before = actual.definition
    if labels.task_label(before) is None and wanted.id not in known:
        reason = "a task of this name is there that bmtick did not make; it is left alone"
        return Step("task", wanted.id, Action.FOREIGN, (), (reason,), before, wanted, blocked=True)
    changes = differences(before, wanted)
    by_hand = drifted(before) or labels.task_label(before) is None
    reasons = _reasons(actual, wanted, changes, by_hand=by_hand)
    if not changes and not reasons:
        return Step("task", wanted.id, Action.UNCHANGED, before=before, after=wanted)
    action = Action.DRIFTED if by_hand and changes else Action.UPDATE
    return Step("task", wanted.id, action, tuple(changes), reasons, before, wanted)


def _with_template(step: Step, templates: Mapping[str, Step]) -> Step:
    """Restart a task when its template changes; block it if the template is foreign."""
    template = templates.get(getattr(step.after, "template", ""))
    if template is None or step.blocked:
        return step
    if template.blocked:
        reasons = (f"its template '{template.id}' is not bmtick's",)
        return replace(step, action=Action.FOREIGN, changes=(), reasons=reasons, blocked=True)
    if template.changing and step.action is Action.UNCHANGED:
        return replace(step, action=Action.UPDATE, reasons=("its template changes",))
    return step


def _reasons(
    actual: ActualTask, wanted: TaskDefinition, changes: list[str], *, by_hand: bool
) -> tuple[str, ...]:
    reasons = []
    if by_hand and changes:
        reasons.append("edited by hand since the last apply")
    if changes and changes != ["status"]:
        reasons.append(f"differs in {', '.join(c for c in changes if c != 'status')}")
    if "status" in changes:
        reasons.append("it is disabled" if wanted.enabled else "it is enabled")
    elif wanted.enabled and actual.definition.enabled:
        if not actual.executing:
            reasons.append(f"it does not run: {actual.error or 'no reason given'}")
        elif actual.stale:
            reasons.append("stored after it started: it may still run the older definition")
    if must_recreate(actual.definition, wanted):
        reasons.append(
            "must be deleted and created, as the API cannot untie a template or clear vars; it is "
            "stopped first, which keeps its alert state"
        )
    return tuple(reasons)


def _other_task(actual: ActualTask, known: Collection[str]) -> Step | None:
    """Classify a task with bmtick's prefix that is not in the settings."""
    before = actual.definition
    owned = labels.task_label(before) is not None
    if before.id.startswith(SILENCE_PREFIX) and owned:
        return None
    if before.id.startswith(INTERNAL_PREFIX) and owned:
        reason = "throw-away task left by an interrupted run"
        return Step("task", before.id, Action.REMOVE, (), (reason,), before)
    if owned or before.id in known:
        reasons = ["no longer in the settings"]
        if drifted(before) or not owned:
            reasons.append("edited by hand since the last apply")
        return Step("task", before.id, Action.REMOVE, (), tuple(reasons), before)
    reason = "named like bmtick's, but bmtick did not make it; it is left alone"
    return Step("task", before.id, Action.FOREIGN, (), (reason,), before)


def _template_steps(desired: Desired, facts: Facts, known: Collection[str]) -> list[Step]:
    # A template without its label is recognised by bmtick's tasks that use it.
    used = {
        f"template:{task.definition.template}"
        for task in facts.tasks.values()
        if labels.task_label(task.definition)
    }
    known = {*known, *used}
    steps = []
    for wanted in desired.templates.values():
        before = facts.templates.get(wanted.id)
        steps.append(_template_step(wanted, before, known))
    for before in facts.templates.values():
        if before.id in desired.templates:
            continue
        if labels.template_label(before) is not None or f"template:{before.id}" in known:
            reasons = ("no longer in the settings",)
            steps.append(Step("template", before.id, Action.REMOVE, (), reasons, before))
        else:
            reasons = ("named like bmtick's, but bmtick did not make it; it is left alone",)
            steps.append(Step("template", before.id, Action.FOREIGN, (), reasons, before))
    return steps


def _template_step(
    wanted: TemplateDefinition, before: TemplateDefinition | None, known: Collection[str]
) -> Step:
    if before is None:
        return Step("template", wanted.id, Action.CREATE, reasons=("not there",), after=wanted)
    mark = labels.template_label(before)
    if mark is None and f"template:{wanted.id}" not in known:
        reason = "a template of this name is there that bmtick did not make; it is left alone"
        return Step(
            "template", wanted.id, Action.FOREIGN, (), (reason,), before, wanted, blocked=True
        )
    by_hand = mark is None or mark.digest != labels.template_digest(before)
    if labels.body(before.script) == labels.body(wanted.script) and not by_hand:
        return Step("template", wanted.id, Action.UNCHANGED, before=before, after=wanted)
    action = Action.DRIFTED if by_hand else Action.UPDATE
    reasons = ("edited by hand since the last apply",) if by_hand else ("differs in script",)
    return Step("template", wanted.id, action, ("script",), reasons, before, wanted)


def diff_lines(step: Step) -> list[str]:
    """Return a readable diff of one step: script lines, then vars, dbrps, template and status."""
    if step.action is Action.UNCHANGED:
        return []
    before, after = _text(step.before), _text(step.after)
    if step.action is Action.FOREIGN and not step.blocked:
        return []
    lines = difflib.unified_diff(before, after, "server", "settings", n=2, lineterm="")
    lines = (_PASSWORD.sub(r"\1***@", line) for line in lines)
    return [line for line in lines if not re.match(r"(---|\+\+\+) (server|settings)$", line)]


def _text(definition: TaskDefinition | TemplateDefinition | None) -> list[str]:
    if definition is None:
        return []
    if isinstance(definition, TemplateDefinition):
        return labels.body(definition.script).splitlines()
    lines = [] if definition.template else labels.body(definition.script).splitlines()
    lines += [f"# template: {definition.template}"] if definition.template else []
    for name, (kind, value) in canonical_vars(labels.own_vars(definition.vars)).items():
        lines.append(f"# var {name} {kind}: {value!r}")
    lines += [f"# dbrp: {database}.{policy}" for database, policy in sorted(definition.dbrps)]
    lines.append(f"# status: {'enabled' if definition.enabled else 'disabled'}")
    return lines


def as_json(step: Step) -> dict[str, Any]:
    """Return one step for ``--format json``."""
    return {
        "kind": step.kind,
        "id": step.id,
        "action": step.action.value,
        "changes": list(step.changes),
        "reasons": list(step.reasons),
        "blocked": step.blocked,
        "diff": diff_lines(step),
    }
