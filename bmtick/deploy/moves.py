"""From one observed state, the next request towards a wanted one: pure.

Nothing is done twice on trust. After each request, whatever its answer, the task is read again and
the next move follows from what is there: lost answers, half-done updates and a killed bmtick all
end in the same place. A running task is stopped before it is changed, for PATCH of an enabled task
stores a script that does not run; its alert state waits in its topics. Even delete and create keep
that state where the task is stopped first: only the deletion of a running task deletes its topics
(kapacitor ``services/task_store/service.go``, deleteTask).
"""

from __future__ import annotations

from enum import Enum

from bmtick.deploy.labels import body, own_vars, task_digest, task_label
from bmtick.deploy.model import ActualTask, TaskDefinition, canonical_vars


class Move(Enum):
    """One request on one task."""

    CREATE = "create"
    STOP = "stop"
    REPLACE = "replace"
    START = "start"
    PURGE = "forget alert state"
    DELETE = "delete"


def next_move(
    actual: ActualTask | None,
    wanted: TaskDefinition | None,
    *,
    purged: bool = False,
    stoppable: bool = True,
) -> Move | None:
    """Return the next request, or None: the server is as wanted.

    Args:
        actual: the task as just read; None: there is none.
        wanted: the task as it should be; None: there should be none.
        purged: its alert state has been deleted already; only asked before a deletion for good.
        stoppable: false where the server refused to stop it: PATCH checks the whole task, and a
            task whose template is broken passes no check.
    """
    if wanted is None:
        return _towards_nothing(actual, purged=purged, stoppable=stoppable)
    if actual is None:
        return Move.CREATE
    if must_recreate(actual.definition, wanted):
        return Move.STOP if actual.definition.enabled else Move.DELETE
    if differences(actual.definition, wanted, status=False):
        return Move.STOP if actual.definition.enabled else Move.REPLACE
    if actual.definition.enabled != wanted.enabled:
        return Move.START if wanted.enabled else Move.STOP
    if wanted.enabled and (not actual.executing or actual.stale):
        return Move.STOP
    return None


def _towards_nothing(actual: ActualTask | None, *, purged: bool, stoppable: bool) -> Move | None:
    if actual is None:
        return None
    if actual.definition.enabled and stoppable:
        return Move.STOP
    return Move.DELETE if purged else Move.PURGE


def must_recreate(actual: TaskDefinition, wanted: TaskDefinition) -> bool:
    """Whether PATCH cannot get there: it neither unties a template nor clears vars or dbrps."""
    unties = bool(actual.template) and not wanted.template
    clears_vars = bool(actual.vars) and not wanted.vars
    clears_dbrps = bool(actual.dbrps) and not wanted.dbrps
    return unties or clears_vars or clears_dbrps


def differences(
    actual: TaskDefinition, wanted: TaskDefinition, *, status: bool = True
) -> list[str]:
    """Name what differs: ``script``, ``template``, ``vars``, ``dbrps``, ``status``.

    ``mark`` alone means: the content is as wanted, but its digest is missing or another.
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
    """Whether the task is not what its own mark says: a hand changed it since the last apply."""
    mark = task_label(actual)
    return mark is not None and mark.digest != task_digest(actual)
