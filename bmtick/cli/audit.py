"""``bmtick audit``: finds weaknesses that make an outbreak likely."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from bmtick.cli._logs import config_dir_option
from bmtick.cli.common import config_option, format_option, load_settings, print_json
from bmtick.errors import EXIT_FINDING, BmtickError, printable

if TYPE_CHECKING:
    from bmtick.incident.audit.blocklists import Listing
    from bmtick.incident.programs import Programs
    from bmtick.settings import Settings


@click.command()
@config_dir_option
@click.option("--all", "everything", is_flag=True, help="Show what is in order as well.")
@click.option("--fail", is_flag=True, help="Exit with 1 if anything is bad.")
@click.option(
    "--points", is_flag=True, help="Print what block lists say as line protocol, for Telegraf."
)
@format_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    config_dir: str,
    everything: bool,
    fail: bool,
    points: bool,
    output_format: str,
) -> None:
    """Check Postfix, BlueMind's plugins, fail2ban and block lists; give each weakness a remedy.

    The audit is read-only. Block lists are queried only if [blocklists] of the settings names
    some.
    """
    from bmtick.incident.audit.machine import inspect_machine
    from bmtick.incident.audit.rules import BAD, GOOD, audit
    from bmtick.incident.postconf import read_settings
    from bmtick.incident.programs import Programs

    programs = Programs(config_dir)
    settings = load_settings(ctx)
    if points:
        _print_points(settings, programs)
        return
    if config_dir:
        read_settings(programs)  # an explicitly given folder must be valid
    machine = inspect_machine(programs)
    listings, unasked = _listings(settings, programs)
    machine = replace(machine, listings=tuple(listings), unreadable=(*machine.unreadable, *unasked))
    found = audit(machine)
    if output_format == "json":
        print_json({"findings": [asdict(a) for a in found], "unreadable": machine.unreadable})
    else:
        for finding in found:
            if finding.state == GOOD and not everything:
                continue
            click.echo(f"{finding.state}: {finding.subject}: {printable(finding.found)}")
            click.echo(f"  why: {printable(finding.reason)}")
            if finding.remedy:
                click.echo(f"  do: {printable(finding.remedy)}")
        good = sum(a.state == GOOD for a in found)
        click.echo(
            f"{good} of {len(found)} in order" + ("" if everything else " (--all shows them)")
        )
        for note in machine.unreadable:
            click.echo(f"not looked at: {printable(note)}", err=True)
    if fail and any(a.state == BAD for a in found):
        sys.exit(EXIT_FINDING)


def _listings(settings: Settings, programs: Programs) -> tuple[list[Listing], list[str]]:
    """Return the results of the settings' block lists, and why queries failed."""
    from bmtick.incident.audit.blocklists import public_addresses, query_lists, resolver

    chosen = settings.blocklists
    if not chosen.lists:
        return [], []
    try:
        addresses = public_addresses(programs, chosen.addresses)
        return query_lists(addresses, chosen.lists, resolver(chosen.resolver)), []
    except BmtickError as error:
        return [], [f"block lists: {error.message} ({error.remedy})"]


def _print_points(settings: Settings, programs: Programs) -> None:
    """Print one point for each list and address with a response.

    Raises:
        BmtickError: no list is configured, or none can be queried.
    """
    from bmtick.names import FIELDS, TAGS
    from bmtick.points import Point
    from bmtick.watch.listed import rows_of

    found, unasked = _listings(settings, programs)
    if not settings.blocklists.lists or unasked:
        raise BmtickError(
            unasked[0] if unasked else "the settings name no block list",
            remedy='[blocklists] lists = ["zen.spamhaus.org"]: read its terms of use first',
        )
    for name, tags, fields, at in rows_of(found, time.time()):
        named = dict(zip(TAGS[name], tags, strict=True))
        click.echo(Point(name, named, dict(zip(FIELDS[name], fields, strict=True)), at).to_line())
