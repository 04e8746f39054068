"""Choose the next request that brings a task closer to the wanted state. Pure.

No request is assumed to have succeeded. After each one, whatever its answer, the task is read again
and its state determines the next request: lost answers, partial updates and a killed bmtick all
lead to the same result. A running task is stopped before it is changed, since PATCH of an enabled
task stores a script that does not run; its alert state stays in its topics. Even delete and create
keep that state if the task is stopped first: only deleting a running task deletes its topics
(kapacitor ``services/task_store/service.go``, deleteTask).
"""

from __future__ import annotations

from enum import Enum

from bmtick.deploy.labels import body, own_vars, task_digest, task_label
from bmtick.deploy.model import ActualTask, TaskDefinition, canonical_vars


class TaskRequest(Enum):
    """One request on one task."""

    CREATE = "create"
    STOP = "stop"
    REPLACE = "replace"
    START = "start"
    PURGE = "forget alert state"
    DELETE = "delete"


def next_request(
    actual: ActualTask | None,
    wanted: TaskDefinition | None,
    *,
    purged: bool = False,
    stoppable: bool = True,
) -> TaskRequest | None:
    """Return the next request, or None if the server is as wanted.

    Args:
        actual: the task as just read; None: it does not exist.
        wanted: the wanted task; None: it should not exist.
        purged: its alert state was deleted already; only relevant before a permanent deletion.
        stoppable: false if the server refused to stop it: PATCH validates the whole task, and a
            task whose template is broken is never valid.
    """
    if wanted is None:
        return _request_to_delete(actual, purged=purged, stoppable=stoppable)
    if actual is None:
        return TaskRequest.CREATE
    if must_recreate(actual.definition, wanted):
        return TaskRequest.STOP if actual.definition.enabled else TaskRequest.DELETE
    if differences(actual.definition, wanted, status=False):
        return TaskRequest.STOP if actual.definition.enabled else TaskRequest.REPLACE
    if actual.definition.enabled != wanted.enabled:
        return TaskRequest.START if wanted.enabled else TaskRequest.STOP
    if wanted.enabled and (not actual.executing or actual.stale):
        return TaskRequest.STOP
    return None


def _request_to_delete(
    actual: ActualTask | None, *, purged: bool, stoppable: bool
) -> TaskRequest | None:
    if actual is None:
        return None
    if actual.definition.enabled and stoppable:
        return TaskRequest.STOP
    return TaskRequest.DELETE if purged else TaskRequest.PURGE


def must_recreate(actual: TaskDefinition, wanted: TaskDefinition) -> bool:
    """Whether PATCH is not enough: it cannot remove a template, vars or dbrps."""
    unties = bool(actual.template) and not wanted.template
    clears_vars = bool(actual.vars) and not wanted.vars
    clears_dbrps = bool(actual.dbrps) and not wanted.dbrps
    return unties or clears_vars or clears_dbrps


def differences(
    actual: TaskDefinition, wanted: TaskDefinition, *, status: bool = True
) -> list[str]:
    """Name the differences: ``script``, ``template``, ``vars``, ``dbrps``, ``status``.

    ``mark`` alone means: the content is as wanted, but its digest is missing or different.
    """
    found = []
    if actual.template != wanted.template:
        found.append("template")
    if not wanted.template and body(actual.script) != body(wanted.script):
        found.append("script")
    if wanted.template and body(actual.script) != body(wanted.script):
        found.append("script")  # the template was replaced, but not this task
    if canonical_vars(own_vars(actual.vars)) != canonical_vars(own_vars(wanted.vars)):
        found.append("vars")
    if sorted(actual.dbrps) != sorted(wanted.dbrps):
        found.append("dbrps")
    if not found and task_label(actual) != task_label(wanted):
        found.append("mark")
    if status and actual.enabled != wanted.enabled:
        found.append("status")
    return found


def drifted(actual: TaskDefinition) -> bool:
    """Whether the task differs from its own label: it was edited since the last apply."""
    mark = task_label(actual)
    return mark is not None and mark.digest != task_digest(actual)
