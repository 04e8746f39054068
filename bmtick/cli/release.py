"""``bmtick release WHO``: give held mail back, and let somebody send again."""

from __future__ import annotations

import time

import click

from bmtick.cli._guard import find_who, hint, open_journal, state_option
from bmtick.cli._logs import config_dir_option
from bmtick.cli.common import config_option, load_settings
from bmtick.errors import BmtickError, printable

_UNDER_WAY = 0.5  # seconds from the guard's answer until a message lies on hold


@click.command()
@click.argument("who")
@click.option(
    "--allow", default="1h", show_default=True, help="The guard does not hold WHO for so long."
)
@state_option
@config_dir_option
@config_option
@click.pass_context
def command(ctx: click.Context, who: str, allow: str, state: str | None, config_dir: str) -> None:
    """Give the held mail of an account or a machine back to Postfix, and let it send again.

    WHO is a login or an address, as 'bmtick held' shows it. Only messages that the guard or 'bmtick
    hold' put on hold are given back. The evidence so far is forgotten.
    """
    from bmtick.guard.helper import choose_brake
    from bmtick.guard.holds import HOLD, release_record
    from bmtick.guard.postfix import Postsuper
    from bmtick.incident.programs import Programs
    from bmtick.incident.units import seconds

    length = seconds(allow)
    settings = load_settings(ctx).guard
    journal = open_journal(state or settings.state)
    whom = find_who(who, journal.holds)
    hold = journal.holds.held.get(whom)
    shown = printable(str(whom))
    if hold is None and ctx.get_parameter_source("allow") == click.core.ParameterSource.DEFAULT:
        raise BmtickError(
            f"nobody holds '{shown}'",
            remedy=f"{hint(whom, journal.holds)}; --allow 24h lets WHO send in any case",
        )
    programs = Programs(config_dir)
    brake = choose_brake(programs, settings.helper)
    ids = list(hold.ids) if hold is not None and hold.mode == HOLD else []
    if hold is not None and hold.more:
        ids = list(dict.fromkeys([*ids, *Postsuper(programs).find(whom, held=True)]))
    done = brake.release(whom, ids) if ids else []
    now = time.time()
    try:
        journal.append([release_record(whom, now, now + length)])
    except OSError as error:
        raise BmtickError(
            f"cannot write the guard's state {journal.path}: {error.strerror}",
            remedy="run this as root, or as the guard's user",
        ) from None
    # what the guard put on hold meanwhile, and what was not in the queue yet
    journal.poll()
    _, before = journal.holds.released.get(whom, (0.0, hold))
    missing = [i for i in (before.ids if before else ()) if i not in done]
    if missing and before is not None and before.mode == HOLD:
        time.sleep(_UNDER_WAY)
        done += brake.release(whom, missing)
    click.echo(f"{shown}: {len(done):,} messages given back, may send for {allow}")
