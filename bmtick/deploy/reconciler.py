"""Reconcile one task or template: read it and send the next request until it is as wanted."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable

from bmtick.deploy import labels
from bmtick.deploy.client import KapacitorClient, KapacitorError
from bmtick.deploy.instrument import topic_of
from bmtick.deploy.model import ActualTask, TaskDefinition, TemplateDefinition
from bmtick.deploy.requests import TaskRequest, differences, next_request
from bmtick.errors import BmtickError

_MAX_REQUESTS = 16  # the longest sequence: stop, delete, create, start, with lost answers between
_MAX_FAILURES = 4
_MAX_STARTS = 2
_REFUSED = 400
_ALERT_NODE = re.compile(r"\balert\d+\b")

Sleep = Callable[[float], None]


class StepError(BmtickError):
    """A task or template could not be brought to the wanted state."""


class Reconciler:
    """Reconciles tasks and templates of one server.

    Args:
        client: the server.
        sleep: waits after a failed request; tests inject their own.
        note: called with each request before it is sent, for the journal and the progress display.
    """

    def __init__(
        self,
        client: KapacitorClient,
        *,
        sleep: Sleep = time.sleep,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._sleep = sleep
        self._note = note

    def task(
        self,
        task_id: str,
        wanted: TaskDefinition | None,
        before: TaskDefinition | None = None,
        *,
        fresh: bool = False,
    ) -> ActualTask | None:
        """Reconcile a task with ``wanted`` (None: delete it); return its final state.

        Args:
            task_id: the task.
            wanted: its definition; None: delete the task and its alert state.
            before: its definition when the plan was made; any other task without a label is foreign
                and not changed.
            fresh: it did not exist before: delete state that an earlier task of this name left.

        Raises:
            StepError: the server refuses, cannot start it, or does not answer.
        """
        failures = starts = 0
        purged, stoppable = False, True
        for _ in range(_MAX_REQUESTS):
            actual = self._client.task(task_id)
            request = next_request(actual, wanted, purged=purged, stoppable=stoppable)
            if request is None:
                return actual
            if actual is not None and not _is_own(actual.definition, before):
                raise StepError(f"task '{task_id}' is not bmtick's: it came up meanwhile")
            if (
                request is TaskRequest.STOP
                and starts >= _MAX_STARTS
                and actual
                and not actual.executing
            ):
                raise StepError(f"task '{task_id}' does not start: {actual.error or 'no reason'}")
            starts += request is TaskRequest.START
            self._note(f"{request.value} {task_id}")
            try:
                if fresh and request is TaskRequest.START and not purged and actual:
                    self._purge(actual)
                self._perform(request, task_id, wanted, actual)
                purged = purged or request is TaskRequest.PURGE
            except KapacitorError as error:
                if request is TaskRequest.STOP and wanted is None and error.status == 400:
                    stoppable = False
                    continue
                failures += 1
                self._handle_error(error, failures, task_id)
        raise StepError(f"task '{task_id}' does not settle", remedy="run 'bmtick status'")

    def create(self, wanted: TaskDefinition, topics: Collection[str] | None) -> bool:
        """Create a missing task, stopped, with as few requests as possible.

        Alert state that an earlier task of this name left is deleted. Topics of stopped tasks are
        in no list, so those of its nodes are deleted without a check; named topics stay open and
        are listed.

        Args:
            wanted: its definition.
            topics: all named topics; None if unknown.

        Returns:
            Whether it was created. If not, ``task`` reads the server's state and continues.

        Raises:
            StepError: the server refuses the definition.
        """
        self._note(f"create {wanted.id}")
        try:
            made = self._client.create_task(wanted)
            for topic in topics_of(made):
                if topics is None or topic in topics or topic.startswith("main:"):
                    self._client.delete_topic(topic)
        except KapacitorError as error:
            if error.status == _REFUSED and "already exists" not in error.message:
                raise StepError(f"'{wanted.id}': {error.message}", remedy=error.remedy) from error
            return False
        return True

    def start(self, task_id: str) -> bool:
        """Start a task that ``create`` created; return whether the server says that it runs."""
        self._note(f"{TaskRequest.START.value} {task_id}")
        try:
            actual = self._client.set_enabled(task_id, enabled=True)
        except KapacitorError:
            return False
        return actual.executing and not actual.error

    def remove(
        self, task_id: str, before: TaskDefinition | None, topics: Collection[str] | None
    ) -> bool:
        """Delete a running task with its alert state, with as few requests as possible.

        Deleting a running task deletes the topics of its nodes; a named topic stays and is listed.
        Source: kapacitor ``services/task_store/service.go`` (``deleteTask``).

        Args:
            task_id: the task.
            before: its definition when the plan was made.
            topics: all named topics; None if unknown.

        Returns:
            Whether it was deleted. If not, ``task`` reads the server's state and continues.
        """
        try:
            actual = self._client.task(task_id)
            if actual is None or not actual.executing or not _is_own(actual.definition, before):
                return False
            named = [t for t in topics_of(actual) if not t.startswith("main:")]
            self._note(f"{TaskRequest.PURGE.value} {task_id}")
            for topic in named:
                if topics is None or topic in topics:
                    self._client.delete_topic(topic)
            self._note(f"{TaskRequest.DELETE.value} {task_id}")
            self._client.delete_task(task_id)
        except KapacitorError:
            return False
        return True

    def template(
        self, template_id: str, wanted: TemplateDefinition | None, tasks: Iterable[str] = ()
    ) -> None:
        """Reconcile a template with ``wanted`` (None: delete it).

        Its tasks are stopped first, so no task can fail to start while the server updates them:
        then Kapacitor would roll back the tasks, but not the template.
        """
        failures = 0
        for _ in range(_MAX_REQUESTS):
            actual = self._client.template(template_id)
            if _same_template(actual, wanted):
                return
            try:
                self._reconcile_template(actual, wanted, template_id, tasks)
            except KapacitorError as error:
                failures += 1
                self._handle_error(error, failures, template_id)
        raise StepError(f"template '{template_id}' does not settle")

    def _reconcile_template(
        self,
        actual: TemplateDefinition | None,
        wanted: TemplateDefinition | None,
        template_id: str,
        tasks: Iterable[str],
    ) -> None:
        if wanted is None:
            self._note(f"delete template {template_id}")
            self._client.delete_template(template_id)
        elif actual is None:
            self._note(f"create template {template_id}")
            self._client.create_template(wanted)
        else:
            for task_id in tasks:
                self._note(f"stop {task_id}")
                self._stop_if_valid(task_id)
            self._note(f"replace template {template_id}")
            self._client.replace_template(wanted)

    def _stop_if_valid(self, task_id: str) -> None:
        """Stop a task, unless it is invalid with its present template: then it keeps running."""
        try:
            self._client.set_enabled(task_id, enabled=False)
        except KapacitorError as error:
            if error.status not in {400, 404}:
                raise

    def _perform(
        self,
        request: TaskRequest,
        task_id: str,
        wanted: TaskDefinition | None,
        actual: ActualTask | None,
    ) -> None:
        if request is TaskRequest.CREATE and wanted:
            self._client.create_task(wanted)
        elif request is TaskRequest.STOP and wanted and wanted.template:
            # PATCH copies the template's script and validates it with the vars: send these along.
            self._client.replace_task(wanted, stop=True)
        elif request is TaskRequest.REPLACE and wanted:
            self._client.replace_task(wanted)
        elif request is TaskRequest.DELETE:
            self._client.delete_task(task_id)
        elif request is TaskRequest.PURGE and actual:
            self._purge(actual)
        else:
            self._client.set_enabled(task_id, enabled=request is TaskRequest.START)

    def _purge(self, task: ActualTask) -> None:
        for topic in topics_of(task):
            self._client.delete_topic(topic)

    def _handle_error(self, error: KapacitorError, failures: int, name: str) -> None:
        """Wait, so that the loop reads the state again, or give up.

        A refusal (4xx) is final, except "exists already" after a create whose answer was lost.
        """
        if not error.uncertain and "already exists" not in error.message:
            raise StepError(f"'{name}': {error.message}", remedy=error.remedy) from error
        if failures >= _MAX_FAILURES:
            raise StepError(f"'{name}': {error.message}", remedy=error.remedy) from error
        self._sleep(0.1 * 3 ** (failures - 1))


def _is_own(actual: TaskDefinition, before: TaskDefinition | None) -> bool:
    if labels.task_label(actual) is not None:
        return True
    return before is not None and not differences(actual, before, status=False)


def topics_of(task: ActualTask) -> list[str]:
    """Return the topics with a task's alert state: one of its own per alert node, and named ones.

    Source: kapacitor ``alert.go``: ``main:TASK:NODE``; node names as in the task's dot.
    """
    nodes = sorted(set(_ALERT_NODE.findall(task.dot)))
    anonymous = [f"main:{task.id}:{node}" for node in nodes]
    return [*anonymous, *(topic_of(task.id, n) for n in range(1, max(2, len(nodes) + 1)))]


def _same_template(actual: TemplateDefinition | None, wanted: TemplateDefinition | None) -> bool:
    if actual is None or wanted is None:
        return actual is wanted
    same_body = labels.body(actual.script) == labels.body(wanted.script)
    return same_body and labels.template_label(actual) == labels.template_label(wanted)
