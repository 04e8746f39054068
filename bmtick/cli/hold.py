"""``bmtick hold WHO``: hold mail by hand."""

from __future__ import annotations

import time

import click

from bmtick.cli._complete import users
from bmtick.cli._guard import open_journal, state_option
from bmtick.cli._logs import config_dir_option
from bmtick.cli.common import config_option, load_settings
from bmtick.errors import printable


@click.command()
@click.argument("who", shell_complete=users)
@click.option("--for", "length", help="For so long, like 2h. Default: until 'bmtick release'.")
@click.option("--reason", default="by hand", show_default=True, help="Shown by 'bmtick held'.")
@state_option
@config_dir_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    who: str,
    length: str | None,
    reason: str,
    state: str | None,
    config_dir: str,
) -> None:
    """Hold all new mail of an account or a machine, and what it has queued already.

    WHO is a login or an address. Nothing is refused or deleted: the messages stay on hold until
    'bmtick release WHO'. It works in both modes of the guard. The guard holds new mail at once;
    without a guard, only mail that is queued now is put on hold.
    """
    from bmtick.guard import manual
    from bmtick.guard.core import BY_HAND
    from bmtick.incident.programs import Programs
    from bmtick.incident.units import plain, seconds

    until = time.time() + seconds(length) if length is not None else None
    settings = load_settings(ctx).guard
    journal = open_journal(state or settings.state)
    subject = manual.find_subject(who, journal.holds)
    manual_holds = manual.ManualHolds(journal, Programs(config_dir), settings.helper)
    done = manual_holds.hold(subject, reason=reason, until=until, by=BY_HAND)
    shown = printable(str(subject))
    end = f"until {plain(int(until))}" if until is not None else "until 'bmtick release'"
    click.echo(f"{shown}: new mail is held {end}")
    if done.problem:
        click.echo(f"bmtick: {printable(done.problem)}", err=True)
        return
    click.echo(f"{shown}: {done.messages:,} queued messages put on hold")
    if not journal.guarded():
        click.echo("bmtick: no guard runs: new mail goes out until 'bmtick guard' does", err=True)
