"""``bmtick held``: lists held accounts and machines."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from bmtick.cli._guard import open_journal, state_option
from bmtick.cli.common import config_option, format_option, load_settings, print_json, print_table

if TYPE_CHECKING:
    from bmtick.guard.holds import Hold


@click.command()
@state_option
@format_option
@config_option
@click.pass_context
def command(ctx: click.Context, state: str | None, output_format: str) -> None:
    """List held accounts and machines: since when, why, and how many messages are on hold.

    In mode observe it lists those that the guard would have held. An expired hold is listed until
    its messages are released.
    """
    journal = open_journal(state or load_settings(ctx).guard.state)
    now = time.time()
    journal.holds.forget(now)
    held = sorted(journal.holds.held.values(), key=lambda hold: hold.since)
    if output_format == "json":
        print_json([hold.document(now) for hold in held])
        return
    if not held:
        click.echo("Nobody is held.")
        return
    from bmtick.incident.units import plain

    print_table(
        ["who", "since", "until", "messages", "mode", "reason"],
        [
            [
                hold.who,
                plain(int(hold.since)),
                _until(hold, now),
                hold.messages,
                hold.mode if hold.active(now) else "over",
                hold.reason,
            ]
            for hold in held
        ],
    )
    click.echo("'bmtick release WHO' gives the messages back, 'bmtick respond' shows what to do.")


def _until(hold: Hold, now: float) -> str:
    from bmtick.incident.units import plain

    if hold.until is None:
        return "released"
    return plain(int(hold.until)) if hold.active(now) else "over"
