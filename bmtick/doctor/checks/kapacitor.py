"""Check that each Kapacitor is reachable, subscribed, and runs the tasks of the settings."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from bmtick.alerts import desired
from bmtick.deploy.client import KapacitorClient, KapacitorError
from bmtick.deploy.desired import INTERNAL_PREFIX, desired_state
from bmtick.deploy.facts import read_facts
from bmtick.deploy.model import ActualTask
from bmtick.deploy.plan import Action, make_plan
from bmtick.doctor.check import Check, broken, off, ok, skipped
from bmtick.doctor.context import Context
from bmtick.errors import BmtickError
from bmtick.httpclient import HttpClient
from bmtick.influxql import quote_name
from bmtick.names import TASK_PREFIX
from bmtick.terminal import shell_quoted

ORDER = 50
TICK_STACK = True
_SMTP_REMEDY = "grep -n -A12 '^ *.smtp.' /etc/kapacitor/kapacitor.conf  # host, port, from, to"
_NAME = "kapacitor"
_TIMEOUT = 3.0  # seconds for another Kapacitor to answer


def run(context: Context) -> Iterator[Check]:
    """Check every configured Kapacitor."""
    for name in context.settings.kapacitor:
        prefix = _NAME if name == "default" else f"{_NAME} {name}"
        yield from _server(context, prefix, context.kapacitor(name))


def _server(context: Context, name: str, client: KapacitorClient) -> Iterator[Check]:
    try:
        version = client.version()
    except KapacitorError as error:
        if not error.status:
            context.no_answer(client.url)
        yield broken(
            name,
            f"{client.url} does not answer: {error.message}",
            "systemctl start kapacitor  # or set [kapacitor] url in bmtick.toml",
        )
        return
    yield ok(name, f"{client.url} answers, version {version or 'unknown'}")
    yield _subscription(context, f"{name}: subscription", client)
    yield from _destinations(context, f"{name}: subscription")
    yield from _tasks(context, f"{name}: tasks", client)
    yield _smtp(context, f"{name}: mail", client)


def _subscription(context: Context, name: str, client: KapacitorClient) -> Check:
    """Check the subscription: without it no stream task receives points from InfluxDB."""
    influx = context.settings.influxdb
    port = urlsplit(client.url).port or 9092
    try:
        subscriptions = context.query("SHOW SUBSCRIPTIONS", "")
    except BmtickError as error:
        return skipped(
            name, f"InfluxDB does not tell: {error.message}", "fix the check above first"
        )
    found = [
        str(destination)
        for series in subscriptions
        if series.name == influx.database
        for row in series.values or []
        if row and row[0] == influx.retention_policy and isinstance(row[-1], list)
        for destination in row[-1]
    ]
    if any(urlsplit(destination).port == port for destination in found):
        return ok(name, f"InfluxDB sends '{influx.database}' to port {port}")
    return broken(
        name,
        f"InfluxDB sends '{influx.database}'.'{influx.retention_policy}' "
        + (f"only to {', '.join(found)}" if found else "to no Kapacitor"),
        "sed -i 's/disable-subscriptions = true/disable-subscriptions = false/' "
        "/etc/kapacitor/kapacitor.conf && systemctl restart kapacitor",
    )


def _subscriptions(context: Context) -> list[tuple[str, str]]:
    """Return name and destination of each subscription to the data that the alerts read."""
    influx = context.settings.influxdb
    return [
        (str(row[1]), str(destination))
        for series in context.query("SHOW SUBSCRIPTIONS", "")
        if series.name == influx.database
        for row in series.values or []
        if row and row[0] == (influx.retention_policy or "autogen") and isinstance(row[-1], list)
        for destination in row[-1]
    ]


def _destinations(context: Context, name: str) -> Iterator[Check]:
    """Check that each destination resolves, and is a Kapacitor of the settings."""
    influx = context.settings.influxdb
    ports = {urlsplit(s.url).port or 9092 for s in context.settings.kapacitor.values()}
    try:
        found = _subscriptions(context)
    except BmtickError:
        return  # reported above
    for own, destination in found:
        parts = urlsplit(destination)
        host, port = parts.hostname or "", parts.port or 9092
        drop = f"DROP SUBSCRIPTION {quote_name(own)} ON {quote_name(influx.database)}."
        drop += quote_name(influx.retention_policy or "autogen")
        remove = f"influx -execute {shell_quoted(drop)}"
        try:
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            yield broken(
                name,
                f"InfluxDB sends to {destination}, a name that does not resolve",
                f"{remove} && sed -i 's/^ *hostname = .*/hostname = \"127.0.0.1\"/' "
                "/etc/kapacitor/kapacitor.conf && systemctl restart kapacitor",
            )
            continue
        if port not in ports and (tasks := _foreign_tasks(host, port)):
            yield broken(
                f"{name}: second",
                f"InfluxDB also sends to the Kapacitor at {destination}, which runs {tasks} tasks "
                "of bmtick: every alert is sent twice",
                f"{remove}  # and stop that Kapacitor, or name it in the settings",
            )


def _foreign_tasks(host: str, port: int) -> int:
    try:
        shown = f"[{host}]" if ":" in host else host
        http = HttpClient(f"http://{shown}:{port}", timeout=_TIMEOUT, tries=1)
        return len(KapacitorClient(http).list_tasks(f"{TASK_PREFIX}*"))
    except BmtickError:
        return 0


def _tasks(context: Context, name: str, client: KapacitorClient) -> Iterator[Check]:
    wanted = [rendered.task_id for rendered in desired(context.settings)]
    if not wanted:
        yield off(
            name, "the settings enable no alert: add a section such as [alerts.postfix_queue]"
        )
        return
    failing = set()
    for task_id in wanted:
        check = _task(f"{name}: {task_id.removeprefix(TASK_PREFIX)}", task_id, client.task(task_id))
        failing |= {check.name} if check.status == "broken" else set()
        yield check
    yield from (check for check in _plan(context, name, client) if check.name not in failing)


def _plan(context: Context, name: str, client: KapacitorClient) -> Iterator[Check]:
    """Compare the deployed alerts with those that 'bmtick apply' would deploy."""
    form = context.settings.deploy.form
    state = desired_state(desired(context.settings, form=form))
    try:
        steps = make_plan(state, read_facts(client))
    except KapacitorError as error:
        if error.status != 404:
            yield skipped(name, f"cannot be compared: {error.message}", "bmtick plan")
        return
    for step in steps:
        shown = f"{name}: {step.id.removeprefix(TASK_PREFIX)}"
        if step.id.startswith(INTERNAL_PREFIX):
            continue
        if step.blocked:
            yield broken(shown, f"{step.id} is there, but not of bmtick", "bmtick plan")
        elif step.action is Action.DRIFTED and step.changes:
            what = ", ".join(step.changes)
            yield broken(
                shown, f"{step.id} was changed by hand or by others: {what}", "bmtick apply --yes"
            )
        elif step.action is Action.UPDATE and step.changes:
            what = ", ".join(step.changes)
            yield broken(
                shown, f"{step.id} is of an older version or settings: {what}", "bmtick apply --yes"
            )
        elif step.action is Action.REMOVE:
            yield broken(
                shown, f"{step.id} runs, but the settings have no such alert", "bmtick apply --yes"
            )


def _task(name: str, task_id: str, task: ActualTask | None) -> Check:
    if task is None:
        return broken(name, f"{task_id} is not deployed", "bmtick apply --yes")
    if task.error:
        return broken(name, f"stopped with an error: {task.error}", "bmtick apply --yes")
    if not task.executing:
        return broken(name, "defined, but not running", "bmtick apply --yes")
    if task.stale:
        return broken(name, "runs an older script than the one stored", "bmtick apply --yes")
    seen, errors = _counters(task)
    if errors:
        return broken(
            name,
            f"{errors} errors while it ran",
            f"journalctl -u kapacitor --since -1h | grep {task_id}",
        )
    if not seen:
        return skipped(name, "running, but no point has reached it yet", "bmtick status")
    return ok(name, f"running, {seen:,} points seen")


def _counters(task: ActualTask) -> tuple[int, int]:
    """Return the maximum of points at any node of the task, and the errors of all nodes."""
    nodes = task.counters.values()
    seen = max((node.get("collected") or node.get("emitted", 0) for node in nodes), default=0)
    return seen, sum(node.get("errors", 0) for node in nodes)


def _smtp(context: Context, name: str, client: KapacitorClient) -> Check:
    elements = client.config_section("smtp")
    if elements is None:
        return skipped(name, "the server does not tell its configuration", "bmtick fire NAME")
    if not any(element.get("enabled") for element in elements):
        return broken(
            name,
            "Kapacitor has no mail server: no alert mail is sent",
            "sed -i '/^ *.smtp.$/,/^ *.[a-z.]*.$/ s/enabled = false/enabled = true/' "
            "/etc/kapacitor/kapacitor.conf && systemctl restart kapacitor  # [smtp]: enabled = true",
        )
    if not context.test_mail:
        server = f"{elements[0].get('host')}:{elements[0].get('port')}"
        return ok(name, f"set to {server}; 'bmtick doctor --test-mail' sends one")
    return _send(context, name, client, elements[0])


def _send(context: Context, name: str, client: KapacitorClient, smtp: Mapping[str, Any]) -> Check:
    """Let Kapacitor send a mail, and ask its mail server whether it accepts such a mail.

    Kapacitor's own test only puts the mail into a channel (services/smtp/service.go, SendMail) and
    reports success; the mail server's answer goes to a log.
    """
    recipients = [str(to) for to in context.settings.notify.recipients or smtp.get("to") or []]
    options = {
        "to": recipients,
        "subject": "bmtick doctor: test mail",
        "body": "This is a test. The alert mails of this server reach you.",
    }
    success, message = client.service_test("smtp", options)
    if not success:
        return broken(name, f"Kapacitor sends no mail: {message}", _SMTP_REMEDY)
    host, port = str(smtp.get("host")), int(smtp.get("port") or 25)
    try:
        refusal = context.ask_mail_server(host, port, str(smtp.get("from") or ""), recipients)
    except OSError as error:
        return broken(name, f"{host}:{port} does not answer: {error}", _SMTP_REMEDY)
    if refusal:
        return broken(name, f"{host}:{port} refuses the mail: {refusal}", _SMTP_REMEDY)
    return ok(name, f"a test mail to {', '.join(recipients)} was accepted by {host}:{port}")
