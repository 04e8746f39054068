"""Kapacitor's HTTP API as methods: JSON in, plain values out.

Source: influxdata/kapacitor ``client/API.md``; field names and defaults as in
``services/task_store/service.go`` and ``services/alert/api.go`` (1.5 to 1.8).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from bmtick.credentials import find_credentials, split_url
from bmtick.deploy.answers import (
    EventAnswer,
    EventsAnswer,
    OutputAnswer,
    PageAnswer,
    SectionAnswer,
    SeriesAnswer,
    ServiceAnswer,
    StatsAnswer,
    TaskAnswer,
    TemplateAnswer,
    TopicsAnswer,
)
from bmtick.deploy.logs import LogTail
from bmtick.deploy.model import ActualTask, TaskDefinition, TemplateDefinition
from bmtick.durations import SECOND, parse_duration
from bmtick.errors import BmtickError
from bmtick.httpclient import Answer, HttpClient, HttpError, segment
from bmtick.net import tls_context
from bmtick.settings import Kapacitor
from bmtick.tick.ast import task_type
from bmtick.tick.parser import parse

__all__ = ["KapacitorClient", "KapacitorError", "connect"]

KapacitorError = HttpError
API = "/kapacitor/v1"
PREVIEW = "/kapacitor/v1preview"  # Kapacitor 1.4 to 1.8 serve their log here
PAGE = 100  # Kapacitor's own default limit
_MAX_ITEMS = 20_000  # maximum tasks or templates that are read from one server
Item = TypeVar("Item", TaskAnswer, TemplateAnswer)

_FIELDS = ("type", "dbrps", "created", "script", "status", "executing", "error", "vars", "modified",
           "last-enabled")  # fmt: skip


class KapacitorClient:
    """Tasks, templates, topics, configuration and points of one Kapacitor."""

    def __init__(self, client: HttpClient) -> None:
        self._http = client
        self.url = client.url
        self.name = client.name

    def version(self) -> str:
        """Return the server's version from its ping; empty if it sends none."""
        reply = self._http.request("GET", f"{API}/ping")
        return reply.header("X-Kapacitor-Version")

    def list_tasks(self, pattern: str) -> list[ActualTask]:
        """Return all tasks whose id matches a glob, scripts raw; without their templates."""
        query = {"pattern": pattern, "fields": list(_FIELDS), "script-format": "raw"}
        return [_task(item) for item in self._pages(f"{API}/tasks", lambda page: page.tasks, query)]

    def task(self, task_id: str) -> ActualTask | None:
        """Return one task with template, dot and statistics, or None if it does not exist."""
        query = {"script-format": "raw"}
        item = self._get(TaskAnswer, f"{API}/tasks/{segment(task_id)}", query)
        return _task(item) if item else None

    def create_task(self, task: TaskDefinition) -> ActualTask:
        """Create a task, disabled: after a start error an enabled one would exist, but not run.

        Returns the task with its script formatted, so different from the script that was sent.
        """
        body = _payload(task, create=True)
        return _task(self._http.read(TaskAnswer, "POST", f"{API}/tasks", json=body))

    def replace_task(self, task: TaskDefinition, *, stop: bool = False) -> None:
        """Replace a task's definition; an enabled task would continue to run the old one.

        With ``stop`` the same request stops it.
        """
        body = _payload(task, create=False) | ({"status": "disabled"} if stop else {})
        self._http.request("PATCH", f"{API}/tasks/{segment(task.id)}", json=body)

    def set_enabled(self, task_id: str, enabled: bool) -> ActualTask:
        """Start or stop a task; its alert state is kept in its topics.

        Returns the task with its script formatted.
        """
        body = {"status": "enabled" if enabled else "disabled"}
        path = f"{API}/tasks/{segment(task_id)}"
        return _task(self._http.read(TaskAnswer, "PATCH", path, json=body))

    def delete_task(self, task_id: str) -> None:
        """Delete a task; that of an enabled one deletes its anonymous topics too."""
        self._delete(f"{API}/tasks/{segment(task_id)}")

    def list_templates(self, pattern: str) -> list[TemplateDefinition]:
        """Return all templates whose id matches a glob, scripts raw."""
        query = {"pattern": pattern, "fields": ["script", "created"], "script-format": "raw"}
        items = self._pages(f"{API}/templates", lambda page: page.templates, query)
        return [_template(item) for item in items]

    def template(self, template_id: str) -> TemplateDefinition | None:
        """Return one template, or None if it does not exist."""
        query = {"script-format": "raw"}
        item = self._get(TemplateAnswer, f"{API}/templates/{segment(template_id)}", query)
        return _template(item) if item else None

    def create_template(self, template: TemplateDefinition) -> None:
        """Create a template."""
        body = {"id": template.id, "type": _type(template.script), "script": template.script}
        self._http.request("POST", f"{API}/templates", json=body)

    def replace_template(self, template: TemplateDefinition) -> None:
        """Replace a template's script; the server updates its tasks, restarts the enabled ones."""
        body = {"type": _type(template.script), "script": template.script}
        path = f"{API}/templates/{segment(template.id)}"
        self._http.request("PATCH", path, json=body)

    def delete_template(self, template_id: str) -> None:
        """Delete a template; its tasks remain, without a template."""
        self._delete(f"{API}/templates/{segment(template_id)}")

    def topics(self, pattern: str) -> list[str]:
        """Return the ids of the topics whose id matches a glob."""
        answer = self._get(TopicsAnswer, f"{API}/alerts/topics", {"pattern": pattern})
        return [topic.id for topic in (answer and answer.topics) or []]

    def events(self, topic: str) -> list[EventAnswer]:
        """Return a topic's last events; none if the topic does not exist.

        Kapacitor answers 500 for a topic that it has not opened yet.
        """
        try:
            path = f"{API}/alerts/topics/{segment(topic)}/events"
            answer = self._http.read(EventsAnswer, "GET", path)
        except KapacitorError as error:
            if error.status in {404, 500}:
                return []
            raise
        return answer.events or []

    def delete_topic(self, topic: str) -> None:
        """Delete a topic and its alert state."""
        self._delete(f"{API}/alerts/topics/{segment(topic)}")

    def config_section(self, name: str) -> list[dict[str, Any]] | None:
        """Return the options of a section's elements, secrets redacted by the server.

        None if the server has no such section or does not show it.
        """
        answer = self._get(SectionAnswer, f"{API}/config/{segment(name)}", {})
        if answer is None:
            return None
        return [element.options or {} for element in answer.elements or []]

    def service_test(self, service: str, options: Mapping[str, Any]) -> tuple[bool, str]:
        """Run the server's test of a service, such as ``smtp``; return success and message.

        The server answers 200 in any case: only ``success`` and ``message`` show the result.
        """
        path = f"{API}/service-tests/{segment(service)}"
        answer = self._http.read(ServiceAnswer, "POST", path, json=dict(options))
        return answer.success, answer.message

    def write(self, database: str, retention_policy: str, lines: str) -> None:
        """Write points to Kapacitor's stream; nothing is stored in InfluxDB."""
        query = {"db": database, "rp": retention_policy, "precision": "ns"}
        self._http.request("POST", f"{API}/write", params=query, data=lines.encode())

    def log_errors(self) -> LogTail:
        """Collect the errors that the server logs from now on, until the tail is closed."""
        return LogTail(
            lambda: self._http.stream(
                "GET", f"{PREVIEW}/logs", params={"lvl": "error+"}, progress=False
            )
        )

    def output(self, task_id: str, endpoint: str) -> list[SeriesAnswer]:
        """Return the series at a task's ``httpOut``; none if the endpoint does not exist."""
        path = f"{API}/tasks/{segment(task_id)}/{segment(endpoint)}"
        found = self._get(OutputAnswer, path, {})
        return (found and found.series) or []

    def _pages(
        self, path: str, items: Callable[[PageAnswer], list[Item] | None], params: Mapping[str, Any]
    ) -> Iterator[Item]:
        """Yield the items of all pages of a list, which must all arrive within the timeout.

        Lists have no next link, and a server may limit pages to fewer items than requested: read
        until a page contains nothing new.
        """
        seen: set[str] = set()
        offset, limits = 0, self._http.limits()
        while True:
            query = {**params, "offset": offset, "limit": PAGE}
            page = items(self._http.read(PageAnswer, "GET", path, params=query, limits=limits))
            new = [item for item in page or [] if item.id not in seen]
            if not new:
                return
            seen.update(item.id for item in new)
            if len(seen) > _MAX_ITEMS:
                raise KapacitorError(f"{self._http.title} has more than {_MAX_ITEMS:,} in {path}")
            offset += len(page or [])
            yield from new

    def _delete(self, path: str) -> None:
        """Delete; a missing item counts as deleted, as in Kapacitor, which answers 204."""
        try:
            self._http.request("DELETE", path)
        except KapacitorError as error:
            if error.status != 404:
                raise

    def _get(self, form: type[Answer], path: str, query: Mapping[str, Any]) -> Answer | None:
        try:
            return self._http.read(form, "GET", path, params=query)
        except KapacitorError as error:
            if error.status == 404:
                return None
            raise


def connect(
    name: str, server: Kapacitor, environment: Mapping[str, str] | None = None
) -> KapacitorClient:
    """Return a client for one ``[kapacitor]`` section.

    Raises:
        BmtickError: files that the section names are missing, or a secret is readable by others.
    """
    url, inline = split_url(server.url)
    found = find_credentials(
        "KAPACITOR", name, server.username, server.secret_file, environment or os.environ
    )
    context = tls_context(
        server.ca_file,
        verify=server.verify,
        client_cert=server.client_cert,
        client_key=server.client_key,
    )
    client = HttpClient(
        url,
        name="Kapacitor" if name == "default" else f"Kapacitor '{name}'",
        credentials=found if found.username or found.token else inline,
        context=context,
        timeout=parse_duration(server.timeout) / SECOND,
    )
    return KapacitorClient(client)


def _task(item: TaskAnswer) -> ActualTask:
    definition = TaskDefinition(
        id=item.id,
        script=item.script or "",
        dbrps=tuple((d.db, d.rp) for d in item.dbrps or []),
        vars=item.vars or {},
        template=item.template or "",
        enabled=item.status == "enabled",
    )
    return ActualTask(
        definition,
        executing=definition.enabled if item.executing is None else item.executing,
        error=item.error or "",
        created=item.created or "",
        modified=item.modified or "",
        last_enabled=item.last_enabled or "",
        dot=item.dot or "",
        counters=_counters(item.stats),
    )


def _counters(stats: StatsAnswer | None) -> dict[str, dict[str, int]]:
    """Return the integer counters of each node; the others are averages of times."""
    return {
        node: {name: n for name, n in numbers.items() if isinstance(n, int)}
        for node, numbers in ((stats and stats.node_stats) or {}).items()
    }


def _template(item: TemplateAnswer) -> TemplateDefinition:
    return TemplateDefinition(item.id, item.script or "", item.created or "")


def _payload(task: TaskDefinition, *, create: bool) -> dict[str, Any]:
    body: dict[str, Any] = {
        "dbrps": [{"db": database, "rp": policy} for database, policy in task.dbrps],
        "vars": dict(task.vars),
    }
    if task.template:
        body["template-id"] = task.template
    else:
        body["script"] = task.script
        body["type"] = _type(task.script)
    if create:
        body |= {"id": task.id, "status": "disabled"}
    return body


def _type(script: str) -> str:
    """Return the type of a task or template; the server rejects scripts that do not parse."""
    try:
        return task_type(parse(script))
    except BmtickError:
        return "stream"
