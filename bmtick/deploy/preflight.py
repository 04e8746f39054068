"""Checks before an apply: scripts offline and on the server, data, handlers. Changes nothing.

The server validates a script when a task is created, so a disabled temporary task is created with
it and always deleted again.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bmtick.deploy.client import KapacitorClient, KapacitorError
from bmtick.deploy.desired import INTERNAL_PREFIX
from bmtick.deploy.influx import InfluxReader, connect_influx
from bmtick.deploy.labels import body, label_task, own_vars
from bmtick.deploy.model import TaskDefinition
from bmtick.deploy.scripts import HANDLER_SECTIONS, read_script
from bmtick.deploy.session import Planned
from bmtick.engine import load_task
from bmtick.engine.template_uses import read_template
from bmtick.errors import BmtickError
from bmtick.settings import Settings
from bmtick.tick.ast import task_type
from bmtick.tick.checker import check

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Check:
    """The result of a check. ``fatal``: apply must not continue unless forced."""

    message: str
    remedy: str = ""
    fatal: bool = True

    def __str__(self) -> str:
        """One line for stderr."""
        if ": error: " in self.message:
            return self.message  # the message says where
        severity = "error" if self.fatal else "warning"
        return f"{severity}: {self.message}" + (f" ({self.remedy})" if self.remedy else "")


def check_offline(planned: Planned) -> list[Check]:
    """Parse and type-check the script of every changing step.

    Kapacitor checks less: it accepts scripts that then fail on every point.
    """
    return [check for task in _changing(planned) for check in check_script(task)]


def check_script(task: TaskDefinition) -> list[Check]:
    """Return the errors of one task's script."""
    variables = own_vars(task.vars)
    findings = check(
        body(task.script),
        file=task.id,
        variables=variables or None,
        read_template=read_template,
    )
    return [Check(str(finding)) for finding in findings if finding.severity == "error"]


def _changing(planned: Planned) -> list[TaskDefinition]:
    return [
        step.after
        for step in planned.steps
        if step.changing and isinstance(step.after, TaskDefinition)
    ]


def check_surroundings(
    client: KapacitorClient,
    planned: Planned,
    settings: Settings,
    environment: Mapping[str, str] | None = None,
) -> list[Check]:
    """Check handlers and data for the changing steps; read-only."""
    wanted = _changing(planned)
    if not wanted:
        return []
    found = list(_handlers(client, wanted))
    try:
        influx = connect_influx(
            settings.influxdb, environment if environment is not None else os.environ
        )
        found += _data(influx, wanted)
    except BmtickError as error:
        found.append(Check(f"the data could not be checked: {error.message}", fatal=False))
    return found


def check_on_server(client: KapacitorClient, planned: Planned) -> list[Check]:
    """Let the server validate the definition of every changed task.

    New tasks are validated when they are created, before anything else is done; but tasks of a
    template are created after it.
    """
    found: list[Check] = []
    for step in planned.steps:
        task, before = step.after, step.before
        if not step.changing or not isinstance(task, TaskDefinition):
            continue
        if before is None and not task.template:
            continue
        if isinstance(before, TaskDefinition) and before == replace(task, enabled=before.enabled):
            continue
        found += try_on_server(client, task)
    return found


def try_on_server(client: KapacitorClient, task: TaskDefinition) -> Iterator[Check]:
    """Create the task under a temporary name, disabled, and delete it again.

    After a lost answer it is repeated under another name.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            yield from _try_once(client, task)
            return
        except KapacitorError as error:
            if attempt == _TRIES or not error.uncertain:
                raise


def _try_once(client: KapacitorClient, task: TaskDefinition) -> list[Check]:
    name = f"{INTERNAL_PREFIX}check-{secrets.token_hex(4)}"
    trial = TaskDefinition(name, body(task.script), task.dbrps, task.vars)
    try:
        client.create_task(label_task(trial, as_variable=False))
    except KapacitorError as error:
        if error.status != 400:
            raise
        return [Check(f"Kapacitor refuses the script of {task.id}: {_reason(error)}")]
    finally:
        client.delete_task(name)
    return []


def _reason(error: KapacitorError) -> str:
    return error.message.partition(": 400 ")[2] or error.message


def _handlers(client: KapacitorClient, tasks: list[TaskDefinition]) -> Iterator[Check]:
    users: dict[str, list[str]] = {}
    for task in tasks:
        for handler in read_script(task.script, task.vars, file=task.id).handlers():
            if HANDLER_SECTIONS[handler]:
                users.setdefault(handler, []).append(task.id)
    for handler, names in sorted(users.items()):
        section = HANDLER_SECTIONS[handler]
        try:
            elements = client.config_section(section)
        except KapacitorError as error:
            if error.uncertain:
                raise
            elements = None
        if not elements:
            text = f"whether [{section}] is set up in kapacitor.conf could not be checked"
            yield Check(text, fatal=False)
        elif not any(element.get("enabled") for element in elements):
            # Not fatal: the alerts are still shown in Chronograf and in BlueMind's console.
            yield Check(
                f"[{section}] is not enabled in kapacitor.conf, so .{handler}() of "
                f"{', '.join(names)} reaches nobody",
                remedy=f"set section [{section}] up and restart Kapacitor",
                fatal=False,
            )


def _data(influx: InfluxReader, tasks: list[TaskDefinition]) -> Iterator[Check]:
    databases = influx.databases()
    wanted = sorted({dbrp for task in tasks for dbrp in task.dbrps})
    for database, policy in wanted:
        if database not in databases:
            yield Check(
                f"there is no database '{database}' in InfluxDB",
                remedy="does Telegraf write? see [influxdb] database, or use --force",
            )
        elif policy not in influx.retention_policies(database):
            yield Check(
                f"database '{database}' has no retention policy '{policy}'",
                remedy="see [influxdb] retention_policy, or use --force",
            )
    yield from _measurements(influx, tasks, databases)


def _measurements(
    influx: InfluxReader, tasks: list[TaskDefinition], databases: set[str]
) -> Iterator[Check]:
    existing = {
        database: influx.measurements(database)
        for database in sorted({d for task in tasks for d, _ in task.dbrps} & databases)
    }
    for task in tasks:
        own = {name for database, _ in task.dbrps for name in existing.get(database, ())}
        known = {database for database, _ in task.dbrps} & set(existing)
        for name in _read(task):
            if name and known and name not in own:  # '' means any measurement
                yield Check(
                    f"{task.id} reads measurement '{name}', which holds no data yet",
                    remedy="'bmtick doctor' follows the chain",
                    fatal=False,
                )


def _read(task: TaskDefinition) -> list[str]:
    """Return the measurements that a task reads."""
    script = read_script(task.script, task.vars)
    if task_type(script.program) == "batch":
        loaded = load_task(task.script, file=task.id, name=task.id, variables=own_vars(task.vars))
        return sorted({s.measurement for query in loaded.queries for s in query.select.sources})
    # The last measurement is the alerts' own record: it appears with the first alert.
    return script.property_values("measurement")[:1]
