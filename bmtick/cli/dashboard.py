"""``bmtick dashboard``: a dashboard file for Chronograf or Grafana."""

from __future__ import annotations

import json
import sys

import click

from bmtick.cli.common import config_option, load_settings


@click.command("dashboard")
@click.option(
    "--for",
    "program",
    type=click.Choice(["chronograf", "grafana"]),
    required=True,
    help="The program that shall import it.",
)
@click.option("-o", "--output", type=click.Path(), help="File to write; default: stdout.")
@config_option
@click.pass_context
def command(ctx: click.Context, program: str, output: str | None) -> None:
    """Write a dashboard: queue, senders, clients, failures and alerts.

    Chronograf: Dashboards, "Import Dashboard". Grafana: Dashboards, New, Import.
    """
    from bmtick.dashboard import chronograf_dashboard, grafana_dashboard
    from bmtick.errors import BmtickError
    from bmtick.files import write_output

    influxdb = load_settings(ctx).influxdb
    build = {"chronograf": chronograf_dashboard, "grafana": grafana_dashboard}[program]
    text = json.dumps(build(influxdb.database, influxdb.retention_policy), indent=2) + "\n"
    if output is None or output == "-":
        sys.stdout.write(text)
        return
    try:
        write_output(output, text)
    except OSError as error:
        raise BmtickError(f"cannot write '{output}': {error.strerror}") from None
    click.echo(f"wrote {output}: import it in {program.capitalize()}", err=True)
