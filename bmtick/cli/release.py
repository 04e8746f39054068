"""``bmtick release WHO``: release held mail, and let the sender send again."""

from __future__ import annotations

import click

from bmtick.cli._complete import held
from bmtick.cli._guard import hint, open_journal, state_option
from bmtick.cli._logs import config_dir_option
from bmtick.cli.common import config_option, load_settings
from bmtick.errors import BmtickError, printable


@click.command()
@click.argument("who", shell_complete=held)
@click.option(
    "--allow", default="1h", show_default=True, help="The guard does not hold WHO for so long."
)
@state_option
@config_dir_option
@config_option
@click.pass_context
def command(ctx: click.Context, who: str, allow: str, state: str | None, config_dir: str) -> None:
    """Release the held mail of an account or a machine, and let it send again.

    WHO is a login or an address, as in 'bmtick held'. Only messages that the guard or 'bmtick
    hold' put on hold are released. The evidence so far is discarded.
    """
    from bmtick.guard import manual
    from bmtick.incident.programs import Programs
    from bmtick.incident.units import seconds

    length = seconds(allow)
    settings = load_settings(ctx).guard
    journal = open_journal(state or settings.state)
    subject = manual.find_subject(who, journal.holds)
    shown = printable(str(subject))
    by_default = ctx.get_parameter_source("allow") == click.core.ParameterSource.DEFAULT
    if subject not in journal.holds.held and by_default:
        raise BmtickError(
            f"nobody holds '{shown}'",
            remedy=f"{hint(subject, journal.holds)}; --allow 24h lets WHO send in any case",
        )
    manual_holds = manual.ManualHolds(journal, Programs(config_dir), settings.helper)
    done = manual_holds.release(subject, allow=length)
    click.echo(f"{shown}: {done.messages:,} messages given back, may send for {allow}")
