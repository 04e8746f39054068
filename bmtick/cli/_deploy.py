"""Shared by the deploying commands: options, servers, output of plans and errors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import click

from bmtick.errors import BmtickError, printable
from bmtick.terminal import console

if TYPE_CHECKING:
    from bmtick.alerts.model import Form
    from bmtick.deploy.desired import Desired
    from bmtick.deploy.plan import Step
    from bmtick.deploy.targets import Answer, Target
    from bmtick.settings import Settings


_STYLES = {"create": "green", "update": "yellow", "drifted": "magenta", "remove": "red"}
_SIGNS = {"create": "+", "update": "~", "drifted": "!", "remove": "-", "foreign": "?"}


def server_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--server`` and ``--state-dir``."""
    function = click.option(
        "--state-dir",
        type=click.Path(file_okay=False),
        help="Folder of journal and history. Default: [deploy] state_dir, /var/lib/bmtick-admin, "
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
    """Print a message to stderr."""
    click.echo(printable_lines(text), err=True)


def printable_lines(text: str) -> str:
    """Make a multi-line text safe for a terminal."""
    return "\n".join(printable(line) for line in text.split("\n"))


def targets_of(
    settings: Settings, servers: Sequence[str], state_dir: str | None, *, needs_file: bool = False
) -> list[Target]:
    """Return the selected servers.

    Raises:
        BmtickError: ``needs_file`` is set and there is no settings file. Without a file no alert is
            enabled, and all deployed alerts would be removed.
    """
    from bmtick.deploy.targets import open_targets
    from bmtick.state_folders import admin_folder

    if needs_file and not settings.path:
        raise BmtickError(
            "there is no settings file, so nothing says which alerts are wanted",
            remedy="'bmtick init' writes one; name another by --config",
        )
    folder, word = admin_folder(state_dir or settings.deploy.state_dir)
    if word and sys.stderr.isatty():
        say(word)
    return open_targets(settings, servers, Path(folder))


def wanted(settings: Settings, form: str | None) -> Desired:
    """Return the desired state from the settings."""
    from bmtick import alerts
    from bmtick.deploy.desired import desired_state

    rendered = alerts.desired(settings, form=cast("Form", form or settings.deploy.form))
    alerts.require_recipients(settings, rendered)
    return desired_state(rendered)


def show_errors(answers: Sequence[Answer[Any]]) -> bool:
    """Print the errors of servers; return whether there are any."""
    failed = [a for a in answers if a.error is not None]
    for answer in failed:
        say(f"bmtick: {answer.error}")
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
    """Ask, unless ``--yes``; without a confirmation nothing is done and the exit status is 1."""
    if yes:
        return
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        agreed = False
    if not agreed:
        say("nothing was done")
        raise SystemExit(1)


def leave(status: int) -> NoReturn:
    """End the command with a status."""
    raise SystemExit(status)
