"""Send one real event through every handler of a deployed alert, marked as a test.

A temporary task copies the alert's handlers literally from the server, and gets one point in a
database of its own that does not exist in InfluxDB. The alert, its state, its counters,
``chronograf`` and all other tasks are not affected.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from bmtick.alerts import Rendered
from bmtick.deploy.client import KapacitorClient
from bmtick.deploy.desired import INTERNAL_PREFIX
from bmtick.deploy.labels import body, label_task, own_vars, task_label
from bmtick.deploy.model import ActualTask, TaskDefinition
from bmtick.deploy.reconciler import Reconciler
from bmtick.deploy.scripts import HANDLER_SECTIONS, AlertNode, Script, read_script
from bmtick.engine import Handler, load_task
from bmtick.errors import BmtickError
from bmtick.languages import _
from bmtick.names import TASK_PREFIX
from bmtick.points import Point
from bmtick.tick import ast
from bmtick.tick.formatter import format_node

_DATABASE = "bmtick"  # only a name for the task's dbrp; nothing is written to InfluxDB
_MEASUREMENT = "fire"
_TIMEOUT = 5.0  # seconds until the event must be raised
_FAILURE_WAIT = 1.0  # seconds in which a handler's failure appears in the log


@dataclass(frozen=True, slots=True)
class TestEvent:
    """The test event: its message, its handlers, and what the server logged about them."""

    message: str
    handlers: tuple[str, ...]
    errors: tuple[str, ...] = ()


def fire(
    client: KapacitorClient,
    name: str,
    *,
    when: str = "",
    sleep: Callable[[float], None] = time.sleep,
) -> TestEvent:
    """Raise one CRITICAL event with the handlers of alert ``name``.

    Raises:
        BmtickError: it is not deployed, has no handler, or the server does not raise the event.
    """
    task = client.task(TASK_PREFIX + name)
    if task is None or task_label(task.definition) is None:
        raise BmtickError(
            f"no alert '{name}' is deployed on {client.name}", remedy="'bmtick status' lists them"
        )
    script = read_script(body(task.definition.script), task.definition.vars, file=task.id)
    nodes = [node for node in script.alerts() if node.handlers()]
    if not nodes:
        raise BmtickError(f"alert '{name}' has no handler", remedy="see [notify] in the settings")
    message, details = test_texts(name, when)
    trial = fire_task(task, script, nodes, message, details)
    handlers = tuple(sorted({h for node in nodes for h in node.handlers()}))
    with client.log_errors() as tail:
        _send(client, trial, len(nodes), sleep)
    services = [f"service={HANDLER_SECTIONS[h]}" for h in handlers if HANDLER_SECTIONS[h]]
    return TestEvent(message, handlers, tuple(tail.lines_about(f"task={trial.id}", *services)))


def test_texts(name: str, when: str) -> tuple[str, str]:
    """Return message and details of an event that call it a test."""
    return (
        _("[TEST] {name}: this is a test of the alert, nothing is wrong", name=name),
        _(
            "bmtick fire sent this on {time} to see that '{name}' reaches you. Nothing is wrong.",
            name=name,
            time=when,
        ),
    )


def handlers_of(alert: Rendered) -> list[Handler]:
    """Return the handlers of an alert's script, for delivery without Kapacitor.

    The script's handlers run on a point of their own in the embedded engine, as ``fire`` runs them
    on Kapacitor.
    """
    definition = TaskDefinition(alert.task_id, alert.script, (), alert.variables or {})
    script = read_script(alert.script, definition.vars, file=alert.task_id)
    nodes = [node for node in script.alerts() if node.handlers()]
    trial = fire_task(ActualTask(definition), script, nodes, "test", "test")
    task = load_task(trial.script, file=trial.id, name=trial.id, variables=trial.vars)
    task.feed(Point(_MEASUREMENT, {}, {"value": 1}, time.time_ns()))
    return [handler for event in task.take_events() for handler in event.handlers]


def _send(
    client: KapacitorClient, trial: TaskDefinition, alerts: int, sleep: Callable[[float], None]
) -> None:
    reconciler = Reconciler(client, sleep=sleep)
    try:
        reconciler.task(trial.id, trial, fresh=True)
        client.write(*trial.dbrps[0], f"{_MEASUREMENT} value=1 {time.time_ns()}")
        _await(client, trial.id, alerts, sleep)
        sleep(_FAILURE_WAIT)
    finally:
        # Stopping waits for the handlers: their queue is drained before the topic closes.
        reconciler.task(trial.id, None)


def fire_task(
    task: ActualTask, script: Script, nodes: list[AlertNode], message: str, details: str
) -> TaskDefinition:
    """Return the temporary task: the alert's handlers on a source of its own."""
    nonce = secrets.token_hex(4)
    name = f"{INTERNAL_PREFIX}fire-{nonce}"
    texts = {"bmtickMessage": message, "bmtickDetails": details, "bmtickId": f"{task.id}-test"}
    lines = ["var bmtickId string", "var bmtickMessage string", "var bmtickDetails string"]
    lines += [_declaration(d) for d in _plain_declarations(script)]
    lines += [
        "",
        "var bmtickSource = stream\n    |from()",
        f"        .measurement('{_MEASUREMENT}')",
    ]
    for number, node in enumerate(nodes):
        lines += ["", "bmtickSource", "    |alert()"]
        suffix = f" + ' {number + 1}'" if number else ""
        lines += [f"        .id(bmtickId{suffix})", "        .message(bmtickMessage)"]
        lines += ["        .details(bmtickDetails)", "        .crit(lambda: TRUE)"]
        lines += [f"        .{format_node(call)}" for call in node.handler_calls()]
    variables = {k: {"type": "string", "value": _literal(v)} for k, v in texts.items()}
    definition = TaskDefinition(
        name,
        "\n".join(lines) + "\n",
        ((_DATABASE, f"fire-{nonce}"),),
        {**own_vars(task.definition.vars), **variables},
    )
    return label_task(definition, as_variable=True)


def _plain_declarations(script: Script) -> list[ast.Declaration | ast.TypeDeclaration]:
    """Return the vars that handlers may use: all except pipelines."""
    pipelines: set[str] = set()
    found: list[ast.Declaration | ast.TypeDeclaration] = []
    for statement in script.program.statements:
        if isinstance(statement, ast.TypeDeclaration):
            found.append(statement)
        elif isinstance(statement, ast.Declaration):
            value = statement.value
            piped = isinstance(value, ast.Chain) or (
                isinstance(value, ast.Identifier) and value.name in {"stream", "batch", *pipelines}
            )
            if piped:
                pipelines.add(statement.name.name)
            else:
                found.append(statement)
    return found


def _declaration(statement: ast.Declaration | ast.TypeDeclaration) -> str:
    return re.sub(r"\A(?:\s*//[^\n]*\n)+", "", format_node(statement))


def _literal(text: str) -> str:
    """Escape a text so that it is not a Go template."""
    return text.replace("{{", "{ {")


def _await(client: KapacitorClient, name: str, wanted: int, sleep: Callable[[float], None]) -> None:
    for _attempt in range(int(_TIMEOUT / 0.1)):
        task = client.task(name)
        if task is not None and _raised(task) >= wanted:
            return
        sleep(0.1)
    raise BmtickError("Kapacitor did not raise the event", remedy="look at its log")


def _raised(task: ActualTask) -> int:
    return sum(node.get("alerts_triggered", 0) > 0 for node in task.counters.values())
