"""Bring one task or template to a wanted state by reading and moving until nothing is left to do."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable

from bmtick.deploy import labels
from bmtick.deploy.client import KapacitorClient, KapacitorError
from bmtick.deploy.instrument import topic_of
from bmtick.deploy.model import ActualTask, TaskDefinition, TemplateDefinition
from bmtick.deploy.moves import Move, differences, next_move
from bmtick.errors import BmtickError

_MAX_MOVES = 16  # the longest way: stop, delete, create, start, with lost answers between
_MAX_FAILURES = 4
_MAX_STARTS = 2
_REFUSED = 400
_ALERT_NODE = re.compile(r"\balert\d+\b")

Sleep = Callable[[float], None]


class StepError(BmtickError):
    """A task or template could not be brought to the wanted state."""


class Reconciler:
    """Moves tasks and templates of one server.

    Args:
        client: the server.
        sleep: waits after a failed request; tests give their own.
        note: told each request before it is sent, for the journal and the progress display.
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
        """Bring a task to ``wanted`` (None: away) and return it as it then stands.

        Args:
            task_id: the task.
            wanted: its definition; None: it should not exist, nor its alert state.
            before: what was there when the plan was made; any other task without a mark is
                foreign and is left alone.
            fresh: it did not exist before: forget state that a dead task of its name left.

        Raises:
            StepError: the server refuses, cannot start it, or does not answer.
        """
        failures = starts = 0
        purged, stoppable = False, True
        for _ in range(_MAX_MOVES):
            actual = self._client.task(task_id)
            move = next_move(actual, wanted, purged=purged, stoppable=stoppable)
            if move is None:
                return actual
            if actual is not None and not _may_touch(actual.definition, before):
                raise StepError(f"task '{task_id}' is not bmtick's: it came up meanwhile")
            if move is Move.STOP and starts >= _MAX_STARTS and actual and not actual.executing:
                raise StepError(f"task '{task_id}' does not start: {actual.error or 'no reason'}")
            starts += move is Move.START
            self._note(f"{move.value} {task_id}")
            try:
                if fresh and move is Move.START and not purged and actual:
                    self._purge(actual)
                self._perform(move, task_id, wanted, actual)
                purged = purged or move is Move.PURGE
            except KapacitorError as error:
                if move is Move.STOP and wanted is None and error.status == 400:
                    stoppable = False
                    continue
                failures += 1
                self._judge(error, failures, task_id)
        raise StepError(f"task '{task_id}' does not settle", remedy="run 'bmtick status'")

    def create(self, wanted: TaskDefinition, topics: Collection[str] | None) -> bool:
        """Define a task that is not there, stopped, in as few requests as that takes.

        Alert state that a dead task of its name left is forgotten. Topics of stopped tasks are in
        no list, so those of its nodes are deleted unseen; a named one stays open and is listed.

        Args:
            wanted: its definition.
            topics: all named topics; None where they are not known.

        Returns:
            Whether it is there. If not, ``task`` reads what is, and knows more.

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
        """Start a task that ``create`` defined; return whether the server says that it runs."""
        self._note(f"{Move.START.value} {task_id}")
        try:
            actual = self._client.set_enabled(task_id, enabled=True)
        except KapacitorError:
            return False
        return actual.executing and not actual.error

    def remove(
        self, task_id: str, before: TaskDefinition | None, topics: Collection[str] | None
    ) -> bool:
        """Take a running task away with its alert state, in as few requests as that takes.

        Deleting a running task deletes the topics of its nodes; a named one stays and is listed.
        Source: kapacitor ``services/task_store/service.go`` (``deleteTask``).

        Args:
            task_id: the task.
            before: what was there when the plan was made.
            topics: all named topics; None where they are not known.

        Returns:
            Whether it is gone. If not, ``task`` reads what is, and knows more.
        """
        try:
            actual = self._client.task(task_id)
            if actual is None or not actual.executing or not _may_touch(actual.definition, before):
                return False
            named = [t for t in topics_of(actual) if not t.startswith("main:")]
            self._note(f"{Move.PURGE.value} {task_id}")
            for topic in named:
                if topics is None or topic in topics:
                    self._client.delete_topic(topic)
            self._note(f"{Move.DELETE.value} {task_id}")
            self._client.delete_task(task_id)
        except KapacitorError:
            return False
        return True

    def template(
        self, template_id: str, wanted: TemplateDefinition | None, tasks: Iterable[str] = ()
    ) -> None:
        """Bring a template to ``wanted`` (None: away).

        Its tasks are stopped first, so that no task can fail to start while the server rolls them:
        Kapacitor would undo the tasks then, but not the template.
        """
        failures = 0
        for _ in range(_MAX_MOVES):
            actual = self._client.template(template_id)
            if _same_template(actual, wanted):
                return
            try:
                self._move_template(actual, wanted, template_id, tasks)
            except KapacitorError as error:
                failures += 1
                self._judge(error, failures, template_id)
        raise StepError(f"template '{template_id}' does not settle")

    def _move_template(
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
                self._stop_if_sound(task_id)
            self._note(f"replace template {template_id}")
            self._client.replace_template(wanted)

    def _stop_if_sound(self, task_id: str) -> None:
        """Stop a task; one that passes no check with its present template goes on as it is."""
        try:
            self._client.set_enabled(task_id, enabled=False)
        except KapacitorError as error:
            if error.status not in {400, 404}:
                raise

    def _perform(
        self, move: Move, task_id: str, wanted: TaskDefinition | None, actual: ActualTask | None
    ) -> None:
        if move is Move.CREATE and wanted:
            self._client.create_task(wanted)
        elif move is Move.STOP and wanted and wanted.template:
            # PATCH takes the template's script over and checks it with the vars: send these along.
            self._client.replace_task(wanted, stop=True)
        elif move is Move.REPLACE and wanted:
            self._client.replace_task(wanted)
        elif move is Move.DELETE:
            self._client.delete_task(task_id)
        elif move is Move.PURGE and actual:
            self._purge(actual)
        else:
            self._client.set_enabled(task_id, enabled=move is Move.START)

    def _purge(self, task: ActualTask) -> None:
        for topic in topics_of(task):
            self._client.delete_topic(topic)

    def _judge(self, error: KapacitorError, failures: int, name: str) -> None:
        """Wait and let the loop read the state again, or give up.

        A refusal (4xx) is final, but for "exists already" after a create whose answer was lost.
        """
        if not error.uncertain and "already exists" not in error.message:
            raise StepError(f"'{name}': {error.message}", remedy=error.remedy) from error
        if failures >= _MAX_FAILURES:
            raise StepError(f"'{name}': {error.message}", remedy=error.remedy) from error
        self._sleep(0.1 * 3 ** (failures - 1))


def _may_touch(actual: TaskDefinition, before: TaskDefinition | None) -> bool:
    if labels.task_label(actual) is not None:
        return True
    return before is not None and not differences(actual, before, status=False)


def topics_of(task: ActualTask) -> list[str]:
    """Return the topics that hold a task's alert state: one of its own per alert node, and named.

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
