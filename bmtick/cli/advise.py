"""``bmtick advise``: what makes an outbreak easy on this server."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from bmtick.cli._logs import config_dir_option
from bmtick.cli.common import format_option, print_json
from bmtick.errors import EXIT_FINDING, printable


@click.command()
@config_dir_option
@click.option("--all", "everything", is_flag=True, help="Show what is in order as well.")
@click.option("--fail", is_flag=True, help="Exit with 1 if anything is bad.")
@format_option
@click.pass_context
def command(
    ctx: click.Context, config_dir: str, everything: bool, fail: bool, output_format: str
) -> None:
    """Look at Postfix, BlueMind's plugins and fail2ban; give each weakness a reason and a remedy.

    Everything is read and nothing is changed.
    """
    from bmtick.incident.advise import BAD, GOOD, advise
    from bmtick.incident.machine import look_at
    from bmtick.incident.postconf import read_settings
    from bmtick.incident.programs import Programs

    del ctx
    programs = Programs(config_dir)
    if config_dir:
        read_settings(programs)  # a folder that was named must be right
    machine = look_at(programs)
    found = advise(machine)
    if output_format == "json":
        print_json({"advice": [asdict(a) for a in found], "unreadable": machine.unreadable})
    else:
        for advice in found:
            if advice.state == GOOD and not everything:
                continue
            click.echo(f"{advice.state}: {advice.subject}: {printable(advice.found)}")
            click.echo(f"  why: {printable(advice.reason)}")
            if advice.remedy:
                click.echo(f"  do: {printable(advice.remedy)}")
        good = sum(a.state == GOOD for a in found)
        click.echo(
            f"{good} of {len(found)} in order" + ("" if everything else " (--all shows them)")
        )
        for note in machine.unreadable:
            click.echo(f"not looked at: {printable(note)}", err=True)
    if fail and any(a.state == BAD for a in found):
        sys.exit(EXIT_FINDING)
