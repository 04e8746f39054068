"""Silence an alert without stopping it: Kapacitor's inhibition, in a task beside the alert's.

Each alert of the catalogue has a ``.category()`` of its own. A silence is a small task that keeps
an alert node in CRITICAL by the clock (a stats node ticks without any data) and inhibits that
category, for all groups or for those with given tag values. The silenced task is not changed: it
still evaluates and records its alerts in ``chronograf``, but its handlers are not called. When the
time is over the condition becomes false and the inhibition ends, even if bmtick does not run. The
silence is a task, so it survives a restart of Kapacitor and every apply.

Source: kapacitor ``alert.go`` (handleEvent, triggered), ``alert/inhibit.go``, ``stats.go``.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bmtick.deploy.client import KapacitorClient
from bmtick.deploy.labels import body, label_task, task_label
from bmtick.deploy.model import ActualTask, Facts, TaskDefinition
from bmtick.deploy.plan import SILENCE_PREFIX, Action, Step
from bmtick.deploy.reconciler import Reconciler
from bmtick.deploy.scripts import read_script
from bmtick.errors import BmtickError, nearest
from bmtick.names import TASK_PREFIX
from bmtick.tick import ast
from bmtick.tick.formatter import format_node

ALL = "*"  # a silence of all alerts
_DBRP = (("bmtick", "silence"),)  # no such database: only the clock triggers the task
_CATEGORY = re.compile(r"category\d+")
_TICK = "20ms"  # after a restart of Kapacitor it must be active before the first point arrives
_TIMEOUT = 5.0  # seconds until a silence must be active


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence, as read from its task. Times are nanoseconds since the epoch."""

    id: str
    alert: str  # the alert's name, or ALL
    where: Mapping[str, str]
    until: int
    reason: str
    author: str
    running: bool = True
    categories: tuple[str, ...] = ()

    def active(self, now: int) -> bool:
        """Whether it is in effect at this time."""
        return self.running and now < self.until


def categories_of(facts: Facts, alert: str, where: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the categories that a silence inhibits, each with its group tags.

    Args:
        facts: the server's tasks and templates.
        alert: an alert's name; empty: all.
        where: tag values; they apply only to alerts whose groups have these tags.

    Raises:
        BmtickError: no such alert, or its groups have no such tag.
    """
    found: dict[str, tuple[str, ...]] = {}
    refused = ""
    for task in _alerts(facts):
        name = task.id.removeprefix(TASK_PREFIX)
        if alert and name != alert:
            continue
        groups, categories = _groups(task)
        if not categories:
            refused = f"'{name}' was deployed without a category, so it cannot be muted"
        elif missing := sorted(set(where) - set(groups) if "*" not in groups else set()):
            refused = f"'{name}' does not tell {', '.join(missing)} apart; it groups by " + (
                ", ".join(groups) or "nothing"
            )
        else:
            found |= dict.fromkeys(categories, groups)
    if not found:
        raise _no_match_error(facts, alert, refused)
    return found


def _no_match_error(facts: Facts, alert: str, refused: str) -> BmtickError:
    if refused:
        return BmtickError(refused, remedy="leave --where out, or run 'bmtick apply' first")
    names = [task.id.removeprefix(TASK_PREFIX) for task in _alerts(facts)]
    if not names:
        return BmtickError("no alert is deployed here", remedy="run 'bmtick apply'")
    hint = nearest(alert, names) or f"there are: {', '.join(sorted(names))}"
    return BmtickError(f"no alert '{alert}' is deployed here", remedy=hint)


def _alerts(facts: Facts) -> list[ActualTask]:
    return [
        task
        for task in facts.tasks.values()
        if task_label(task.definition) and not task.id.startswith(f"{TASK_PREFIX}-")
    ]


def _groups(task: ActualTask) -> tuple[tuple[str, ...], list[str]]:
    script = read_script(body(task.definition.script), task.definition.vars, file=task.id)
    groups = {tag for node in script.alerts() for tag in node.groups}
    return tuple(sorted(groups)), script.property_values("category")


def silence_task(silence: Silence, categories: Sequence[str]) -> TaskDefinition:
    """Return the task of a silence. Values are task vars, never part of the script."""
    tags = sorted(silence.where)
    defaults = "".join(f"\n        .tag({_quoted(t)}, value{i})" for i, t in enumerate(tags))
    names = ", ".join(_quoted(tag) for tag in tags)
    lines = ["var until int", "", *(f"var value{i} string" for i in range(len(tags)))]
    lines += [f"var category{i} string" for i in range(len(categories))]
    source = (
        f"\nvar clock = stream\n    |from()\n        .measurement('clock')\n    |stats({_TICK})"
    )
    if tags:
        source += f"\n    |default(){defaults}\n    |groupBy({names})"
    lines.append(source)
    for i in range(len(categories)):
        equal = f", {names}" if names else ""
        lines.append(
            f"\nclock\n    |alert()\n        .id('silence {i}')\n        .message('{{{{ .Level }}}}')"
            f"\n        .details('')\n        .crit(lambda: unixNano(\"time\") < until)"
            f"\n        .stateChangesOnly()\n        .topic('{silence.id}')"
            f"\n        .category('bmtick silence')\n        .inhibit(category{i}{equal})"
        )
    variables = {
        "until": _variable("int", silence.until),
        "alert": _variable("string", silence.alert),
        "reason": _variable("string", silence.reason),
        "author": _variable("string", silence.author),
        "tags": _variable("list", [_variable("string", tag) for tag in tags]),
        **{f"value{i}": _variable("string", silence.where[tag]) for i, tag in enumerate(tags)},
        **{f"category{i}": _variable("string", name) for i, name in enumerate(categories)},
    }
    task = TaskDefinition(silence.id, "\n".join(lines) + "\n", _DBRP, variables)
    return label_task(task, as_variable=True)


def read_silences(facts: Facts) -> list[Silence]:
    """Return all silences of a server, in order of their end."""
    found = [_read(task) for task in facts.tasks.values() if task.id.startswith(SILENCE_PREFIX)]
    return sorted((s for s in found if s is not None), key=lambda s: s.until)


def _read(task: ActualTask) -> Silence | None:
    if task_label(task.definition) is None:
        return None
    values = {name: v.get("value") for name, v in task.definition.vars.items()}
    tags = [item.get("value", "") for item in values.get("tags") or []]
    return Silence(
        id=task.id,
        alert=str(values.get("alert", "")),
        where={tag: str(values.get(f"value{i}", "")) for i, tag in enumerate(tags)},
        until=int(values.get("until") or 0),
        reason=str(values.get("reason", "")),
        author=str(values.get("author", "")),
        running=task.executing,
        categories=tuple(
            str(value) for name, value in sorted(values.items()) if _CATEGORY.fullmatch(name)
        ),
    )


def start(
    client: KapacitorClient,
    silence: Silence,
    categories: Sequence[str],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Deploy a silence and wait until it is in effect.

    Raises:
        BmtickError: the server refuses it, or it does not take effect; then it is deleted again.
    """
    reconciler = Reconciler(client, sleep=sleep)
    try:
        reconciler.task(silence.id, silence_task(silence, categories), fresh=True)
        for _ in range(int(_TIMEOUT / 0.1)):
            if _in_effect(client, silence.id, len(categories)):
                return
            sleep(0.1)
        raise BmtickError("the silence does not take hold", remedy="look at Kapacitor's log")
    except BaseException:
        reconciler.task(silence.id, None)
        raise


def _in_effect(client: KapacitorClient, topic: str, wanted: int) -> bool:
    if not client.topics(topic):
        return False
    levels = [event.state.level for event in client.events(topic)]
    return levels.count("CRITICAL") >= wanted


def end(client: KapacitorClient, silence: Silence) -> None:
    """Delete a silence and its topic."""
    Reconciler(client).task(silence.id, None)


def sweep(client: KapacitorClient, facts: Facts, now: int) -> list[Silence]:
    """Delete the tasks of expired silences; return these."""
    over = [s for s in read_silences(facts) if now >= s.until]
    for silence in over:
        end(client, silence)
    return over


def extend(client: KapacitorClient, facts: Facts, now: int) -> list[Silence]:
    """Extend silences of all alerts to alerts that were deployed later; return the new silences.

    The new silence takes effect before the old one is deleted.
    """
    made = []
    for old in read_silences(facts):
        if old.alert != ALL or not old.active(now):
            continue
        try:
            wanted = categories_of(facts, "", old.where)
        except BmtickError:
            continue  # nothing that it could silence is deployed any more
        if set(wanted) - set(old.categories):
            new = replace(old, id=new_id())
            start(client, new, list(wanted))
            end(client, old)
            made.append(new)
    return made


def new_id() -> str:
    """Return an id for a new silence."""
    return SILENCE_PREFIX + secrets.token_hex(4)


def silence_steps(facts: Facts) -> list[Step]:
    """Return the steps that remove every silence, for destroy."""
    reasons = ("a silence",)
    return [
        Step("task", s.id, Action.REMOVE, (), reasons, facts.tasks[s.id].definition)
        for s in read_silences(facts)
    ]


def clock_text(nanoseconds: int) -> str:
    """Return a time as local time, to the second."""
    moment = datetime.fromtimestamp(nanoseconds / 1e9, UTC).astimezone()
    return moment.isoformat(sep=" ", timespec="seconds")


def _quoted(text: str) -> str:
    return format_node(ast.String(text))


def _variable(kind: str, value: Any) -> dict[str, Any]:
    return {"type": kind, "value": value}
