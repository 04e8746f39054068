"""Plan, apply and roll back on one server, without output: the CLI shows and asks."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from bmtick.deploy.apply import Outcome, Progress, apply_plan
from bmtick.deploy.desired import INTERNAL_PREFIX, Desired
from bmtick.deploy.facts import read_facts
from bmtick.deploy.model import Facts
from bmtick.deploy.plan import Step, make_plan
from bmtick.deploy.silence import extend, sweep
from bmtick.deploy.store import Revision
from bmtick.deploy.targets import Target
from bmtick.errors import BmtickError


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with the facts that it is based on."""

    desired: Desired
    facts: Facts
    steps: list[Step] = field(default_factory=list)


def read_plan(target: Target, desired: Desired) -> Planned:
    """Read the server and compare; nothing is written."""
    facts = read_facts(target.client)
    known = target.store.known(facts.created_at())
    return Planned(desired, facts, make_plan(desired, facts, known))


def carry_out(
    target: Target,
    planned: Planned,
    *,
    cause: str,
    origin: int = 0,
    progress: Progress = lambda _: None,
) -> Outcome:
    """Apply a plan under the store's lock and record the new state.

    An apply without changes records nothing, but removes the journal of an interrupted one.

    Raises:
        BmtickError: the server has changed since the plan was shown.
    """
    with target.store.locked():
        current = read_plan(target, planned.desired)
        if _signature(current.steps) != _signature(planned.steps):
            raise BmtickError(
                f"{target.client.name} was changed by somebody else meanwhile; nothing was done",
                remedy="look at the plan again",
            )
        outcome = apply_plan(target.client, planned.steps, target.store, progress=progress)
        if outcome.ok:
            target.store.close_journal()
            after = read_facts(target.client)
            _record(target, planned, after, cause, origin, changed=bool(outcome.done))
            sweep(target.client, after, time.time_ns())
            extend(target.client, after, time.time_ns())
        return outcome


def _signature(steps: list[Step]) -> list[tuple[object, ...]]:
    """Return the actions of a plan, without other users' silences and tests."""
    return sorted(
        (s.kind, s.id, s.action.value, s.changes, repr(s.before))
        for s in steps
        if not s.id.startswith(INTERNAL_PREFIX)
    )


def _record(
    target: Target, planned: Planned, after: Facts, cause: str, origin: int, *, changed: bool
) -> None:
    blocked = {s.id for s in planned.steps if s.blocked}
    tasks = {i: t for i, t in planned.desired.tasks.items() if i not in blocked}
    templates = {i: t for i, t in planned.desired.templates.items() if i not in blocked}
    earlier = target.store.revisions()
    if (
        changed
        or (not earlier and tasks)
        or (earlier and _ids(earlier[-1]) != (set(tasks), set(templates)))
    ):
        created_at = after.created_at()
        created_at = {
            n: t
            for n, t in created_at.items()
            if n in tasks or n in {f"template:{i}" for i in templates}
        }
        target.store.record(tasks, templates, created_at=created_at, cause=cause, origin=origin)


def _ids(revision: Revision) -> tuple[set[str], set[str]]:
    return set(revision.tasks), set(revision.templates)


def earlier_state(target: Target, steps_back: int) -> Revision:
    """Return the applied state ``steps_back`` before the present one.

    After a rollback the present state is the one that was restored, so two rollbacks go back two
    states.

    Raises:
        BmtickError: the history on this machine does not reach that far.
    """
    revisions = target.store.revisions()
    if not revisions:
        raise BmtickError(
            f"{target.client.name}: there is no history here",
            remedy=f"it is kept in {target.store.folder}, on the machine that applied",
        )
    own = [r for r in revisions if r.origin == r.number]
    present = revisions[-1].origin
    behind = [r for r in own if r.number < present]
    if steps_back > len(behind):
        raise BmtickError(
            f"{target.client.name}: the history holds {len(behind)} earlier "
            f"state{'' if len(behind) == 1 else 's'}",
            remedy="'bmtick rollback --list' shows them; 'bmtick destroy' removes all tasks",
        )
    return behind[-steps_back]


def as_desired(revision: Revision) -> Desired:
    """Return a recorded state as a desired one."""
    return Desired(dict(revision.tasks), dict(revision.templates))
