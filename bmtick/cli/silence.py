"""``bmtick silence``: silences alerts for a while."""

from __future__ import annotations

import getpass
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from bmtick.cli import _deploy, _watching
from bmtick.cli._complete import alert_names
from bmtick.cli.common import config_option, load_settings
from bmtick.errors import EXIT_DONE, EXIT_WRONG_USE, BmtickError, printable

if TYPE_CHECKING:
    from bmtick.deploy.targets import Target


@click.command()
@click.option(
    "--alert",
    default="",
    metavar="NAME",
    shell_complete=alert_names,
    help="Only this alert. Default: all.",
)
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="TAG=VALUE",
    help="Only where the tag has this value, such as user=john; may be repeated.",
)
@click.option("--for", "duration", required=True, metavar="DURATION", help="How long, such as 2h.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; shown by 'bmtick silences'.")
@_watching.watch_option
@_deploy.server_options
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    alert: str,
    conditions: tuple[str, ...],
    duration: str,
    reason: str,
    watch_only: bool,
    servers: tuple[str, ...],
    state_dir: str | None,
) -> None:
    """Silence alerts for a while, without stopping them and without losing their state.

    No notification is sent during a silence, not even of recoveries; alerts are still recorded and
    shown in Chronograf, in BlueMind's console and by 'bmtick events'. The silence survives an
    apply and a restart, and ends by itself. An alert that still fires then notifies at its next
    reminder.
    """
    from bmtick.deploy.silence import clock_text
    from bmtick.durations import parse_duration

    where = dict(_condition(text) for text in conditions)
    nanoseconds = parse_duration(duration)
    if nanoseconds <= 0:
        raise BmtickError("a silence must last", remedy="such as --for 2h")
    settings = load_settings(ctx)
    chosen = _watching.chosen(settings, servers, watch_only=watch_only)
    until = time.time_ns() + nanoseconds
    wanted = (alert, where, until, reason, _user())
    made: list[str] = []
    failed = False
    if chosen.watch:
        silence = _watching.attempt(lambda: _watching.mute(settings, *wanted))
        made += [silence.id] if silence else []
        failed |= silence is None
    if chosen.kapacitors:
        failed |= _mute(_deploy.targets_of(settings, servers, state_dir), wanted, made)
    for name in made:
        pairs = ", ".join(f"{tag}={value}" for tag, value in where.items())
        what = printable(f"{alert or 'all alerts'}{f' with {pairs}' if pairs else ''}")
        click.echo(f"{what} muted until {clock_text(until)}: {name}")
    _deploy.leave(EXIT_WRONG_USE if failed else EXIT_DONE)


def _mute(
    targets: Sequence[Target], wanted: tuple[str, dict[str, str], int, str, str], made: list[str]
) -> bool:
    """Add silences on Kapacitors and collect their ids; return whether any server failed."""
    from bmtick.deploy import silence as silences
    from bmtick.deploy.facts import read_facts
    from bmtick.deploy.targets import on_all

    alert, where, until, reason, author = wanted

    def mute(target: Target) -> str:
        facts = read_facts(target.client)
        silences.sweep(target.client, facts, time.time_ns())
        tasks = silences.categories_of(facts, alert, where)
        made = silences.Silence(
            silences.new_id(), alert or silences.ALL, where, until, reason, author
        )
        silences.start(target.client, made, list(tasks))
        return made.id

    answers = on_all(targets, mute)
    made += [answer.result for answer in answers if answer.result is not None]
    return _deploy.show_errors(answers)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a passwd entry, as in a container
        return ""


def _condition(text: str) -> tuple[str, str]:
    tag, equals, value = text.partition("=")
    if not equals or not tag or not value:
        raise BmtickError(f"--where {text}: not TAG=VALUE", remedy="such as --where user=john")
    return tag.strip(), value
