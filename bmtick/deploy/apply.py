"""Apply a plan: journalled, rolled back in reverse order on failure, verified afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby

from bmtick.deploy.client import KapacitorClient, KapacitorError
from bmtick.deploy.model import ActualTask, TaskDefinition, TemplateDefinition
from bmtick.deploy.plan import Action, Step
from bmtick.deploy.reconciler import Reconciler, StepError
from bmtick.deploy.requests import next_request
from bmtick.deploy.store import Store
from bmtick.names import TASK_PREFIX

Progress = Callable[[str], None]
_MAX_PARALLEL = 4  # tasks in parallel
_POLL_INTERVAL = 0.5  # seconds between two reads of a task's statistics


@dataclass
class Outcome:
    """The result of an apply on one server.

    ``error`` is empty on success. ``state`` is, after a failure, the state of each touched task and
    template. ``problems`` are the failed verifications.
    """

    done: list[Step] = field(default_factory=list)
    error: str = ""
    undone: bool = False
    state: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the server is as planned."""
        return not self.error and not self.problems


def apply_plan(
    client: KapacitorClient,
    steps: list[Step],
    store: Store,
    *,
    progress: Progress = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Outcome:
    """Execute the changing steps of a plan.

    The caller holds the store's lock. The journal is written before each request and removed when
    the server is in a known state: all steps done, or all rolled back.

    New tasks are created first, stopped: the server refuses invalid ones before anything runs or is
    changed. Several tasks are processed in parallel, since the server is slow for each one.
    """
    changing = [step for step in steps if step.changing]
    outcome = Outcome()
    if not changing:
        return outcome
    work = _Apply(client, changing, store, outcome, progress, sleep)
    try:
        work.do()
    except (StepError, KapacitorError) as error:
        outcome.error = error.message
        _undo(work.reconciler, client, _touched(outcome.done, changing), store, outcome)
        return outcome
    outcome.problems = verify(client, changing)
    if not outcome.problems:
        store.close_journal()
    return outcome


class _Apply:
    """One apply in progress."""

    def __init__(
        self,
        client: KapacitorClient,
        changing: list[Step],
        store: Store,
        outcome: Outcome,
        progress: Progress,
        sleep: Callable[[float], None],
    ) -> None:
        self._client, self._changing, self._store = client, changing, store
        self._outcome, self._progress = outcome, progress
        self._resumed = bool(store.interrupted())
        self._one = threading.Lock()
        self._named: set[str] | None = None  # existing named topics; None: unknown
        self._created: set[str] = set()  # tasks that are as wanted, but stopped
        self.reconciler = Reconciler(
            client, sleep=sleep, note=lambda text: self._note(event="request", request=text)
        )
        names = [[s.kind, s.id, s.action.value] for s in changing]
        self._note(event="begin", url=client.url, steps=names)

    def do(self) -> None:
        """Execute all steps.

        Raises:
            StepError, KapacitorError: one failed; all steps that were begun have ended.
        """
        fresh = [step for step in self._changing if self._is_fresh(step)]
        removed = [s for s in self._changing if s.kind == "task" and s.action is Action.REMOVE]
        self._named = self._topics() if fresh or removed else None
        self._in_parallel(fresh, self._create)
        for kind, run in groupby(self._changing, lambda s: (s.kind, s.action is Action.REMOVE)):
            if kind[0] == "template":
                for step in run:
                    self._step(step)
            else:
                self._in_parallel(list(run), self._step)

    def _is_fresh(self, step: Step) -> bool:
        """Whether a task can be created without reading the server: it was not begun before."""
        wanted = _task(step.after)
        return (
            step.kind == "task"
            and step.action is Action.CREATE
            and not self._resumed
            and wanted is not None
            and wanted.enabled
            and not wanted.template
        )

    def _topics(self) -> set[str] | None:
        try:
            return set(self._client.topics(f"{TASK_PREFIX}*"))
        except KapacitorError as error:
            if error.uncertain:
                raise
            return None

    def _in_parallel(self, steps: list[Step], work: Callable[[Step], None]) -> None:
        failed = threading.Event()

        def one(step: Step) -> None:
            if failed.is_set():
                return
            try:
                work(step)
            except BaseException:
                failed.set()
                raise

        with ThreadPoolExecutor(_MAX_PARALLEL) as pool:
            futures = [pool.submit(one, step) for step in steps]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                failed.set()  # steps that have not begun are skipped
                raise

    def _begin(self, step: Step) -> None:
        self._note(event="step", kind=step.kind, id=step.id, action=step.action.value)
        with self._one:
            self._outcome.done.append(step)

    def _create(self, step: Step) -> None:
        self._begin(step)
        wanted = _task(step.after)
        if wanted is not None and self.reconciler.create(wanted, self._named):
            with self._one:
                self._created.add(step.id)

    def _step(self, step: Step) -> None:
        if step not in self._outcome.done:
            self._begin(step)
        if step.kind == "template":
            users = [s.id for s in _users([step], self._changing) if _was_enabled(s)]
            self.reconciler.template(step.id, _template(step.after), users)
        elif not self._removed(step):
            created = step.id in self._created
            if not created or not self.reconciler.start(step.id):
                fresh = step.action is Action.CREATE and not self._resumed and not created
                self.reconciler.task(step.id, _task(step.after), _task(step.before), fresh=fresh)
        with self._one:
            self._progress(f"{step.action.value} {step.id}")

    def _removed(self, step: Step) -> bool:
        if step.action is not Action.REMOVE or self._resumed:
            return False
        return self.reconciler.remove(step.id, _task(step.before), self._named)

    def _note(self, **entry: object) -> None:
        with self._one:
            self._store.note(**entry)


def _touched(done: list[Step], changing: list[Step]) -> list[Step]:
    """Return the steps that a rollback must check, last first.

    A template's step stops the tasks that use it, though their own steps come later.
    """
    stopped = _users([s for s in done if s.kind == "template"], changing)
    return [*reversed([s for s in stopped if s not in done]), *reversed(done)]


def _undo(
    reconciler: Reconciler,
    client: KapacitorClient,
    touched: list[Step],
    store: Store,
    outcome: Outcome,
) -> None:
    """Restore the earlier state: changed templates, then tasks in reverse, then new templates."""
    templates = [s for s in touched if s.kind == "template"]
    tasks = [s for s in touched if s.kind == "task"]
    users = [s.id for s in tasks if isinstance(s.before, TaskDefinition) and s.before.template]
    failed = unreachable = False
    for step in [
        *(s for s in templates if s.before is not None),
        *tasks,
        *(s for s in templates if s.before is None),
    ]:
        if unreachable:
            outcome.state.append(f"{step.id}: state unknown")
            continue
        store.note(event="undo", kind=step.kind, id=step.id)
        try:
            if step.kind == "template":
                reconciler.template(step.id, _template(step.before), users)
            else:
                reconciler.task(step.id, _task(step.before), _task(step.before))
            outcome.state.append(f"{step.id}: as before{_lost(step)}")
        except (StepError, KapacitorError) as error:
            failed = True
            unreachable = not _answers(client)
            outcome.state.append(
                f"{step.id}: {_where(client, step)}; undoing failed: {error.message}"
            )
    outcome.undone = not failed
    if not failed:
        store.close_journal()


def _answers(client: KapacitorClient) -> bool:
    try:
        client.version()
    except KapacitorError as error:
        return not error.uncertain
    return True


def _lost(step: Step) -> str:
    return ", but its alert state is lost" if step.action is Action.REMOVE else ""


def _where(client: KapacitorClient, step: Step) -> str:
    try:
        if step.kind == "template":
            return "there" if client.template(step.id) else "not there"
        actual = client.task(step.id)
    except KapacitorError:
        return "state unknown"
    if actual is None:
        return "not there"
    return "runs" if actual.executing else "there, but does not run"


def verify(client: KapacitorClient, steps: list[Step]) -> list[str]:
    """Read each touched task again and verify: stored, started with that script, running, no error.

    The list contains everything except a task's template.
    """
    problems = []
    tasks = [step for step in steps if step.kind == "task"]
    found = {t.id: t for t in client.list_tasks(f"{TASK_PREFIX}*")} if tasks else {}
    for step in tasks:
        wanted = _task(step.after)
        actual = found.get(step.id)
        if actual is not None and (wanted is None or wanted.template):
            actual = client.task(step.id)
        if next_request(actual, wanted) is not None:
            problems.append(f"{step.id} is not as planned{_task_state(actual)}")
        elif actual is not None and actual.error:
            problems.append(f"{step.id} runs, but says: {actual.error}")
    return problems


def await_points(
    client: KapacitorClient,
    steps: list[Step],
    seconds: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Wait until every changed task has received points; return those that did not in time."""
    waiting = [s.id for s in steps if s.kind == "task" and _task(s.after) is not None]
    for _ in range(max(1, int(seconds / _POLL_INTERVAL))):
        waiting = [task_id for task_id in waiting if not _has_points(client.task(task_id))]
        if not waiting:
            break
        sleep(_POLL_INTERVAL)
    return waiting


def _has_points(task: ActualTask | None) -> bool:
    return task is not None and any(n.get("collected", 0) > 0 for n in task.counters.values())


def _task_state(actual: ActualTask | None) -> str:
    return f": {actual.error}" if actual and actual.error else ""


def _users(templates: list[Step], steps: list[Step]) -> list[Step]:
    """Return the steps of the tasks that currently use these templates."""
    names = {step.id for step in templates}
    return [s for s in steps if isinstance(s.before, TaskDefinition) and s.before.template in names]


def _was_enabled(step: Step) -> bool:
    return isinstance(step.before, TaskDefinition) and step.before.enabled


def _task(value: object) -> TaskDefinition | None:
    return value if isinstance(value, TaskDefinition) else None


def _template(value: object) -> TemplateDefinition | None:
    return value if isinstance(value, TemplateDefinition) else None
