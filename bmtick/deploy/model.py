"""Definitions and state of tasks and templates on a Kapacitor: plain values, with comparison."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bmtick.durations import parse_duration

Vars = Mapping[str, Mapping[str, Any]]
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)")
Dbrps = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """A task's definition, as sent to Kapacitor.

    ``script`` is empty for a task of a template: the server copies the template's script.
    ``enabled`` is the wanted status; every task that bmtick deploys is enabled.
    """

    id: str
    script: str
    dbrps: Dbrps
    vars: Vars = field(default_factory=dict)
    template: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class ActualTask:
    """A task on the server.

    ``definition.script`` is the raw text. Times are RFC 3339 in UTC, as the server writes them.
    ``counters`` are those of a running task, by node and name.
    """

    definition: TaskDefinition
    executing: bool = False
    error: str = ""
    created: str = ""
    modified: str = ""
    last_enabled: str = ""
    dot: str = ""
    counters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The task's id."""
        return self.definition.id

    @property
    def stale(self) -> bool:
        """Whether the task may run an older script than the stored one.

        PATCH of an enabled task stores without a restart, and only then ``modified`` is later
        than ``last-enabled`` (kapacitor ``services/task_store/service.go``, handleUpdateTask).
        """
        if not self.definition.enabled or not self.modified or not self.last_enabled:
            return False
        return _instant(self.modified) > _instant(self.last_enabled)


@dataclass(frozen=True, slots=True)
class TemplateDefinition:
    """A template: its id and raw script; ``created`` as in the server's answer."""

    id: str
    script: str
    created: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Facts:
    """All tasks and templates of one Kapacitor with bmtick's prefix; scripts are raw."""

    tasks: Mapping[str, ActualTask] = field(default_factory=dict)
    templates: Mapping[str, TemplateDefinition] = field(default_factory=dict)
    version: str = ""

    def created_at(self) -> dict[str, str]:
        """Return the creation time of each task, and of each template as ``template:ID``.

        PATCH keeps that time, so it distinguishes tasks of the same name.
        """
        tasks = {task.id: task.created for task in self.tasks.values()}
        return tasks | {f"template:{t.id}": t.created for t in self.templates.values()}


def canonical_vars(variables: Vars) -> dict[str, list[Any]]:
    """Reduce vars to what is compared: type and value, without description."""
    return {name: _canonical(variables[name]) for name in sorted(variables)}


def _instant(text: str) -> tuple[float, str]:
    """Return a sortable instant: Go writes nanoseconds without trailing zeros, and any zone."""
    match = _TIME.fullmatch(text)
    if not match:
        return 0.0, ""
    seconds = datetime.fromisoformat(match[1] + match[3].replace("Z", "+00:00")).timestamp()
    return seconds, (match[2] or "").ljust(9, "0")


def _canonical(variable: Mapping[str, Any]) -> list[Any]:
    kind, value = variable.get("type"), variable.get("value")
    if kind == "list":
        return [kind, [_canonical(item) for item in value or []]]
    if kind == "duration" and isinstance(value, str):
        value = parse_duration(value)  # sent as text, answered in nanoseconds
    if kind == "float" and value is not None:
        value = float(value)  # Go writes 5.0 as 5
    return [kind, None if kind == "star" else value]
