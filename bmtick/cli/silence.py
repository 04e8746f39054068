"""``bmtick silence``: mute an alert for a while."""

from __future__ import annotations

import getpass
import time

import click

from bmtick.cli import _deploy
from bmtick.cli.common import config_option, load_settings
from bmtick.errors import EXIT_DONE, EXIT_WRONG_USE, BmtickError, printable


@click.command()
@click.option("--alert", default="", metavar="NAME", help="Only this alert. Default: all deployed.")
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="TAG=VALUE",
    help="Only where the tag has this value, such as user=john; may be repeated.",
)
@click.option("--for", "duration", required=True, metavar="DURATION", help="How long, such as 2h.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; shown by 'bmtick silences'.")
@_deploy.server_options
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    alert: str,
    conditions: tuple[str, ...],
    duration: str,
    reason: str,
    servers: tuple[str, ...],
    state_dir: str | None,
) -> None:
    """Mute alerts for a while, without stopping them and without losing their state.

    Nobody is told while it lasts, also not of recoveries; alerts are still recorded and shown in
    Chronograf and in BlueMind's console. The silence survives an apply and a restart of Kapacitor,
    and ends by itself. An alert that still stands then is told at its next reminder.
    """
    from bmtick.deploy import silence as silences
    from bmtick.deploy.facts import read_facts
    from bmtick.deploy.targets import Target, on_all
    from bmtick.durations import parse_duration

    where = dict(_condition(text) for text in conditions)
    nanoseconds = parse_duration(duration)
    if nanoseconds <= 0:
        raise BmtickError("a silence must last", remedy="such as --for 2h")
    settings = load_settings(ctx)
    targets = _deploy.targets_of(settings, servers, state_dir)
    until = time.time_ns() + nanoseconds

    def mute(target: Target) -> silences.Silence:
        facts = read_facts(target.client)
        silences.sweep(target.client, facts, time.time_ns())
        tasks = silences.categories_of(facts, alert, where)
        made = silences.Silence(
            silences.new_id(), alert or silences.ALL, where, until, reason, _user()
        )
        silences.start(target.client, made, list(tasks))
        return made

    answers = on_all(targets, mute)
    for answer in answers:
        if answer.result is not None:
            what = alert or "all alerts"
            end = silences.clock_text(until)
            click.echo(f"{printable(what)} muted until {end}: {answer.result.id}")
    _deploy.leave(EXIT_WRONG_USE if _deploy.show_errors(answers) else EXIT_DONE)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without an entry in passwd, as in a container
        return ""


def _condition(text: str) -> tuple[str, str]:
    tag, equals, value = text.partition("=")
    if not equals or not tag or not value:
        raise BmtickError(f"--where {text}: not TAG=VALUE", remedy="such as --where user=john")
    return tag.strip(), value
