"""The desired state of a server: the enabled alerts as labelled tasks and templates. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bmtick.alerts.model import Rendered
from bmtick.deploy.instrument import instrument, instrument_template
from bmtick.deploy.labels import label_task, label_template
from bmtick.deploy.model import TaskDefinition, TemplateDefinition
from bmtick.errors import BmtickError
from bmtick.names import TASK_PREFIX

INTERNAL_PREFIX = f"{TASK_PREFIX}-"  # bmtick--check-..., bmtick--fire-..., bmtick--silence-...


@dataclass(frozen=True, slots=True)
class Desired:
    """All tasks and templates of one server, by id."""

    tasks: Mapping[str, TaskDefinition] = field(default_factory=dict)
    templates: Mapping[str, TemplateDefinition] = field(default_factory=dict)


def desired_state(rendered: Iterable[Rendered]) -> Desired:
    """Turn rendered alerts into definitions.

    Raises:
        BmtickError: two alerts claim one task, or a name is reserved.
    """
    alerts = list(rendered)
    template_ids = _template_ids([a for a in alerts if a.form == "template"])
    tasks: dict[str, TaskDefinition] = {}
    templates: dict[str, TemplateDefinition] = {}
    for alert in alerts:
        if alert.task_id in tasks:
            raise BmtickError(f"two alerts are named '{alert.name}'")
        if not alert.task_id.startswith(TASK_PREFIX) or alert.task_id.startswith(INTERNAL_PREFIX):
            raise BmtickError(f"the name '{alert.name}' is reserved", remedy="choose another name")
        if alert.form == "template":
            script, variables = instrument_template(
                _shared(alert), alert.task_id, alert.variables or {}
            )
            template = label_template(TemplateDefinition(template_ids[alert.name], script))
            templates[template.id] = template
            task = TaskDefinition(
                alert.task_id, template.script, _dbrps(alert), variables, template.id
            )
            tasks[alert.task_id] = label_task(task, as_variable=True)
        else:
            variables = alert.variables or {}
            script = instrument(alert.script, alert.task_id, variables)
            task = TaskDefinition(alert.task_id, script, _dbrps(alert), variables)
            tasks[alert.task_id] = label_task(task, as_variable=alert.form == "script")
    return Desired(tasks, templates)


def _template_ids(alerts: list[Rendered]) -> dict[str, str]:
    """Name the template of each alert's instances; an instance with its own script gets its own.

    A template is named after the catalogue's alert, so all its instances share it.
    """
    scripts: dict[str, set[str]] = defaultdict(set)
    for alert in alerts:
        scripts[_kind(alert)].add(_shared(alert))
    return {
        alert.name: TASK_PREFIX + (_kind(alert) if len(scripts[_kind(alert)]) == 1 else alert.name)
        for alert in alerts
    }


def _shared(alert: Rendered) -> str:
    """Return a template's script without the comment with one instance's command line."""
    return alert.script.replace(f"{alert.made_by}\n", "", 1) if alert.made_by else alert.script


def _kind(alert: Rendered) -> str:
    return str(getattr(alert.alert, "name", alert.alert))


def _dbrps(alert: Rendered) -> tuple[tuple[str, str], ...]:
    """Accept dbrps as pairs or as ``{"db": ..., "rp": ...}``, as in the API."""
    pairs = [(d["db"], d["rp"]) if isinstance(d, Mapping) else (d[0], d[1]) for d in alert.dbrps]
    return tuple(sorted(set(pairs)))
