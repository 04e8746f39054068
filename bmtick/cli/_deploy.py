"""What the deploying commands share: options, servers, how plans and errors are shown."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, cast

import click

from bmtick.errors import EXIT_DONE, EXIT_FINDING, EXIT_WRONG_USE, BmtickError, printable
from bmtick.terminal import console

if TYPE_CHECKING:
    from bmtick.alerts.model import Form
    from bmtick.deploy.apply import Outcome
    from bmtick.deploy.desired import Desired
    from bmtick.deploy.plan import Step
    from bmtick.deploy.preflight import Check
    from bmtick.deploy.session import Planned
    from bmtick.deploy.targets import Answer, Target
    from bmtick.settings import Settings


class Plan(NamedTuple):
    """A server and what is planned for it."""

    target: Target
    planned: Planned


_STYLES = {"create": "green", "update": "yellow", "drifted": "magenta", "remove": "red"}
_SIGNS = {"create": "+", "update": "~", "drifted": "!", "remove": "-", "foreign": "?"}


def server_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--server`` and ``--state-dir``."""
    function = click.option(
        "--state-dir",
        type=click.Path(file_okay=False),
        help="Folder of journal and history. Default: [deploy] state_dir, /var/lib/bmtick, "
        "or ~/.local/state/bmtick where that cannot be written.",
    )(function)
    return click.option(
        "--server",
        "servers",
        multiple=True,
        metavar="NAME",
        help="Only this [kapacitor.NAME]; may be repeated. Default: all.",
    )(function)


form_option = click.option(
    "--as",
    "form",
    type=click.Choice(["script", "template", "rule"]),
    help="How alerts are deployed. Default: [deploy] form, else script.",
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def say(text: str) -> None:
    """Tell the user something on stderr."""
    click.echo(printable_lines(text), err=True)


def printable_lines(text: str) -> str:
    """Make a text of several lines safe for a terminal."""
    return "\n".join(printable(line) for line in text.split("\n"))


def targets_of(
    settings: Settings, servers: Sequence[str], state_dir: str | None, *, needs_file: bool = False
) -> list[Target]:
    """Return the chosen servers.

    Raises:
        BmtickError: ``needs_file`` and there is no settings file: without one no alert is enabled,
            and all that are deployed would be taken away.
    """
    from bmtick.deploy.store import state_folder
    from bmtick.deploy.targets import open_targets

    if needs_file and not settings.path:
        raise BmtickError(
            "there is no settings file, so nothing says which alerts are wanted",
            remedy="'bmtick init' writes one; name another by --config",
        )
    folder, word = state_folder(state_dir or settings.deploy.state_dir)
    if word and sys.stderr.isatty():
        say(word)
    return open_targets(settings, servers, Path(folder))


def wanted(settings: Settings, form: str | None) -> Desired:
    """Return what the settings ask for."""
    from bmtick import alerts
    from bmtick.deploy.desired import desired_state

    rendered = alerts.desired(settings, form=cast("Form", form or settings.deploy.form))
    return desired_state(rendered)


def show_errors(answers: Sequence[Answer[Any]]) -> bool:
    """Print the errors of servers; return whether there were any."""
    failed = [a for a in answers if a.error is not None]
    for answer in failed:
        say(str(answer.error))
    return bool(failed)


def show_plan(name: str, steps: Sequence[Step], *, several: bool, diffs: bool = True) -> None:
    """Print one server's plan: a line per task, its reasons, its diff."""
    from rich.text import Text

    from bmtick.deploy.plan import diff_lines, pending

    out = console()
    prefix = f"{name}: " if several else ""
    for step in steps:
        if step.action.value == "unchanged":
            continue
        sign = _SIGNS[step.action.value]
        kind = "template " if step.kind == "template" else ""
        reason = f" ({'; '.join(step.reasons)})" if step.reasons else ""
        line = f"{prefix}{sign} {step.action.value} {kind}{step.id}{reason}"
        out.print(Text(printable(line), style=_STYLES.get(step.action.value, "")), soft_wrap=True)
        if diffs and step.action.value in {"update", "drifted"}:
            for row in diff_lines(step):
                style = {"+": "green", "-": "red"}.get(row[:1], "dim")
                out.print(Text("    " + printable(row), style=style), soft_wrap=True)
    same = sum(step.action.value == "unchanged" for step in steps)
    count = len(pending(list(steps)))
    summary = (
        f"{count} to change, {same} unchanged" if count else f"nothing to change, {same} as wanted"
    )
    out.print(Text(printable(f"{prefix}{summary}")), soft_wrap=True)


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless ``--yes``; without an answer nothing is done and the status is 1."""
    if yes:
        return
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        say("nothing was done")
        raise SystemExit(1)


def read_plans(targets: Sequence[Target], desired: Mapping[str, Desired]) -> list[Plan]:
    """Read all servers and compare; a server that cannot be read ends the command with 2."""
    from bmtick.deploy.session import read_plan
    from bmtick.deploy.targets import on_all

    answers = on_all(targets, lambda t: read_plan(t, desired[t.name]))
    if show_errors(answers):
        if len(targets) > 1:
            say("nothing was done; '--server NAME' leaves a server out")
        leave(EXIT_WRONG_USE)
    return [Plan(a.target, a.result) for a in answers if a.result is not None]


def ask(plans: Sequence[Plan], question: str, *, yes: bool) -> None:
    """Show the plans and ask; nothing to do: say so."""
    for plan in plans:
        show_plan(plan.target.name, plan.planned.steps, several=len(plans) > 1)
        if entries := plan.target.store.interrupted():
            say(f"an apply of {entries[0].get('time')} was interrupted; this one sets it right")
    if any(step.changing for plan in plans for step in plan.planned.steps):
        confirm(question, yes=yes)


def show_checks(checks: Sequence[Check], *, force: bool) -> None:
    """Print what checks found; a fatal one ends the command with 1 unless forced."""
    for check in checks:
        say(str(check))
    if any(check.fatal for check in checks) and not force:
        say("nothing was done; '--force' goes on all the same")
        leave(EXIT_FINDING)


def run_checks(
    plans: Sequence[Plan], check: Callable[[Target, Planned], list[Check]], *, force: bool
) -> None:
    """Check all servers at once before anything is changed on any."""
    from bmtick.deploy.targets import on_all

    by_name = {plan.target.name: plan.planned for plan in plans}
    answers = on_all([plan.target for plan in plans], lambda t: check(t, by_name[t.name]))
    if show_errors(answers):
        leave(EXIT_WRONG_USE)
    show_checks([c for a in answers for c in a.result or ()], force=force)


def do_plans(
    plans: Sequence[Plan], *, cause: str, origins: Mapping[str, int] | None = None
) -> NoReturn:
    """Do all plans at once, show progress and outcome, end the command."""
    from bmtick.deploy.session import carry_out
    from bmtick.deploy.targets import on_all

    by_name = {plan.target.name: plan.planned for plan in plans}
    with progress_display(plans) as advance:

        def work(target: Target) -> Outcome:
            return carry_out(
                target,
                by_name[target.name],
                cause=cause,
                origin=(origins or {}).get(target.name, 0),
                progress=lambda text: advance(target.name, text),
            )

        answers = on_all([plan.target for plan in plans], work)
    several = len(plans) > 1
    for answer in answers:
        if answer.result is not None:
            show_outcome(answer.target.name, answer.result, several=several)
    if show_errors(answers):
        leave(EXIT_WRONG_USE)
    blocked = any(step.blocked for plan in plans for step in plan.planned.steps)
    failed = any(not a.result.ok for a in answers if a.result is not None)
    leave(EXIT_FINDING if blocked or failed else EXIT_DONE)


def show_outcome(name: str, outcome: Outcome, *, several: bool) -> None:
    """Tell what an apply did to one server."""
    prefix = f"{name}: " if several else ""
    if outcome.error:
        say(f"{prefix}failed: {outcome.error}")
        undone = "all was undone" if outcome.undone else "NOT all could be undone; run apply again"
        say(f"{prefix}{undone}:")
        for line in outcome.state:
            say(f"{prefix}  {line}")
    elif outcome.done:
        click.echo(f"{prefix}done: {len(outcome.done)} changed, all proved on the server")
    for problem in outcome.problems:
        say(f"{prefix}{problem}")


@contextlib.contextmanager
def progress_display(plans: Sequence[Plan]) -> Iterator[Callable[[str, str], None]]:
    """Show a bar per server on a terminal; elsewhere nothing."""
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


def leave(status: int) -> NoReturn:
    """End the command with a status."""
    raise SystemExit(status)
