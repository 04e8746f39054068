"""``bmtick doctor``: checks the whole chain and prints a remedy for each failing check."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from bmtick.cli.common import config_option, format_option, load_settings, print_json
from bmtick.errors import EXIT_FINDING, printable

if TYPE_CHECKING:
    from bmtick.doctor.check import Check
    from bmtick.settings import Settings

_MARKS = {
    "ok": ("ok", "green"),
    "broken": ("BROKEN", "red"),
    "skipped": ("?", "yellow"),
    "off": ("-", None),
}
_TIMEOUT = 10  # seconds for a server's response


@click.command("doctor")
@click.option("--test-mail", is_flag=True, help="Also send a real test mail through Kapacitor.")
@format_option
@config_option
@click.pass_context
def command(ctx: click.Context, test_mail: bool, output_format: str) -> None:
    """Check the chain from the mail log to the alert mail; exit 1 if a check fails."""
    from bmtick.doctor.chain import examine

    found = []
    for check in examine(_context(load_settings(ctx), test_mail)):
        found.append(check)
        if output_format == "table":
            _print(check)
    broken = sum(check.status == "broken" for check in found)
    if output_format == "json":
        print_json([asdict(check) for check in found])
    else:
        _summary(found, broken)
    sys.exit(EXIT_FINDING if broken else 0)


def _context(settings: Settings, test_mail: bool) -> Any:
    import os

    from bmtick.deploy.client import connect
    from bmtick.deploy.influx import connect_influx
    from bmtick.doctor.context import Context, asked_once
    from bmtick.doctor.mail_server import ask_mail_server
    from bmtick.durations import SECOND, parse_duration
    from bmtick.httpclient import Reply, fetch
    from bmtick.net import tls_context

    tls = tls_context(settings.influxdb.ca_file, verify=settings.influxdb.verify)
    seconds = min(_TIMEOUT, parse_duration(settings.influxdb.timeout) / SECOND)

    def get(url: str) -> Reply:
        return fetch(url, context=tls, seconds=seconds)

    return Context(
        settings=settings,
        now=time.time(),
        get=get,
        query=asked_once(connect_influx(settings.influxdb, os.environ).query),
        kapacitor=lambda name: connect(name, settings.kapacitor[name]),
        ask_mail_server=ask_mail_server,
        test_mail=test_mail,
        standalone=_standalone(settings),
    )


def _standalone(settings: Settings) -> bool:
    """Whether the settings, or the installed programs, use only 'bmtick watch'."""
    from bmtick.settings import has_section
    from bmtick.watch.status import exists

    others = any(has_section(settings, section) for section in ("kapacitor", "influxdb"))
    own = any(has_section(settings, section) for section in ("watch", "smtp"))
    return bool(settings.path) and not others and (own or exists(settings.watch.state))


def _print(check: Check) -> None:
    mark, colour = _MARKS[check.status]
    click.echo(f"{click.style(mark.rjust(6), fg=colour)}  {check.name}: {printable(check.finding)}")
    if check.remedy:
        click.echo(f"{'':6}  -> {printable(check.remedy)}")


def _summary(found: list[Check], broken: int) -> None:
    skipped = sum(check.status == "skipped" for check in found)
    text = f"{broken} broken, {skipped} skipped, of {len(found)} checks"
    click.echo("\n" + ("All checks passed." if not broken and not skipped else text))
