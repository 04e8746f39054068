"""Runs a changing command on all servers: read, plan, confirm, check, apply.

A failure on one server does not affect the others. The worst result decides the exit status: 2 if a
server was unreadable or unreachable, 1 if one does not have the desired state.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeVar

import click

from bmtick.cli import _deploy
from bmtick.errors import EXIT_DONE, EXIT_FINDING, EXIT_WRONG_USE, printable
from bmtick.terminal import console

if TYPE_CHECKING:
    from bmtick.deploy.apply import Outcome
    from bmtick.deploy.desired import Desired
    from bmtick.deploy.preflight import Check
    from bmtick.deploy.session import Planned
    from bmtick.deploy.targets import Answer, Target

Result = TypeVar("Result")


class Plan(NamedTuple):
    """A server and its plan."""

    target: Target
    planned: Planned


class Round:
    """The servers of one command, with plans for those that could be read."""

    def __init__(self, targets: Sequence[Target], desired: Mapping[str, Desired]) -> None:
        from bmtick.deploy.session import read_plan
        from bmtick.deploy.targets import on_all

        self._several = len(targets) > 1
        self._unreachable = self._refused = False
        answers = on_all(targets, lambda t: read_plan(t, desired[t.name]))
        self.plans = [Plan(t, planned) for t, planned in self._taken(answers)]
        if not self.plans:
            _deploy.leave(EXIT_WRONG_USE)

    def _taken(self, answers: Sequence[Answer[Result]]) -> list[tuple[Target, Result]]:
        self._unreachable |= _deploy.show_errors(answers)
        return [(a.target, a.result) for a in answers if a.result is not None]

    def ask(self, question: str, *, yes: bool) -> None:
        """Show the plans and ask for confirmation, unless there is nothing to do."""
        for plan in self.plans:
            _deploy.show_plan(plan.target.name, plan.planned.steps, several=self._several)
            if entries := plan.target.store.interrupted():
                when = entries[0].get("time")
                _deploy.say(f"an apply of {when} was interrupted; this one sets it right")
        if any(step.changing for plan in self.plans for step in plan.planned.steps):
            _deploy.confirm(question, yes=yes)

    def check(self, check: Callable[[Target, Planned], list[Check]], *, force: bool) -> None:
        """Check every server; a server with a fatal finding is skipped, unless forced."""
        from bmtick.deploy.targets import on_all

        by_name = {plan.target.name: plan.planned for plan in self.plans}
        answers = on_all([p.target for p in self.plans], lambda t: check(t, by_name[t.name]))
        passed = []
        for target, found in self._taken(answers):
            for finding in found:
                _deploy.say(f"{self._prefix(target)}{finding}")
            if any(finding.fatal for finding in found) and not force:
                text = "nothing was done; '--force' goes on all the same"
                _deploy.say(f"{self._prefix(target)}{text}")
                self._refused = True
            else:
                passed.append(Plan(target, by_name[target.name]))
        self.plans = passed

    def do(
        self, *, cause: str, origins: Mapping[str, int] | None = None, wait: float = 0
    ) -> NoReturn:
        """Apply all plans in parallel, show progress and results, exit."""
        from bmtick.deploy.session import carry_out
        from bmtick.deploy.targets import on_all

        by_name = {plan.target.name: plan.planned for plan in self.plans}
        with progress_display(self.plans) as advance:

            def work(target: Target) -> Outcome:
                return carry_out(
                    target,
                    by_name[target.name],
                    cause=cause,
                    origin=(origins or {}).get(target.name, 0),
                    progress=lambda text: advance(target.name, text),
                )

            answers = on_all([plan.target for plan in self.plans], work)
        for target, outcome in self._taken(answers):
            show_outcome(self._prefix(target), outcome)
            blocked = any(step.blocked for step in by_name[target.name].steps)
            self._refused |= blocked or not outcome.ok
            if wait and outcome.ok and outcome.done:
                self._await(target, outcome, wait)
        if self._unreachable:
            _deploy.leave(EXIT_WRONG_USE)
        _deploy.leave(EXIT_FINDING if self._refused else EXIT_DONE)

    def _await(self, target: Target, outcome: Outcome, seconds: float) -> None:
        from bmtick.deploy.apply import await_points

        blind = await_points(target.client, outcome.done, seconds)
        for task_id in blind:
            text = f"{task_id} runs, but has seen no point within {seconds:g} s"
            _deploy.say(f"{self._prefix(target)}{text}: 'bmtick doctor' follows the chain")
        self._refused |= bool(blind)
        if not blind:
            click.echo(f"{self._prefix(target)}every changed task has seen points")

    def _prefix(self, target: Target) -> str:
        return f"{target.name}: " if self._several else ""


def show_outcome(prefix: str, outcome: Outcome) -> None:
    """Print the result of an apply on one server."""
    if outcome.error:
        _deploy.say(f"{prefix}failed: {outcome.error}")
        undone = "all was undone" if outcome.undone else "NOT all could be undone; run apply again"
        _deploy.say(f"{prefix}{undone}:")
        for line in outcome.state:
            _deploy.say(f"{prefix}  {line}")
    elif outcome.done:
        click.echo(f"{prefix}done: {len(outcome.done)} changed, all proved on the server")
    for problem in outcome.problems:
        _deploy.say(f"{prefix}{problem}")


@contextlib.contextmanager
def progress_display(plans: Sequence[Plan]) -> Iterator[Callable[[str, str], None]]:
    """Show a progress bar per server on a terminal; otherwise nothing."""
    if not sys.stderr.isatty():
        yield lambda _name, _text: None
        return
    from rich.progress import Progress

    with Progress(console=console(stderr=True), transient=True) as progress:
        bars = {}
        for plan in plans:
            total = sum(step.changing for step in plan.planned.steps)
            bars[plan.target.name] = progress.add_task(plan.target.name, total=total)

        def advance(name: str, text: str) -> None:
            progress.update(bars[name], advance=1, description=printable(f"{name}: {text}"))

        yield advance
