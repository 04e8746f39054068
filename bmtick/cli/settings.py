"""``bmtick settings``: the effective settings and the origin of each value."""

from __future__ import annotations

import json
import sys

import click

from bmtick.cli.common import config_option, format_option, load_settings, print_json
from bmtick.errors import printable


@click.command("settings")
@click.option("--schema", is_flag=True, help="Print the JSON schema of bmtick.toml, for editors.")
@format_option
@config_option
@click.pass_context
def command(ctx: click.Context, schema: bool, output_format: str) -> None:
    """Print the effective settings with the origin of each."""
    from bmtick.alerts import desired
    from bmtick.settings.effective import effective, schema_text

    if schema:
        sys.stdout.write(schema_text())
        return
    settings = load_settings(ctx)
    desired(settings)  # alerts and handlers are checked, too
    rows = effective(settings)
    if output_format == "json":
        print_json([row._asdict() for row in rows])
    else:
        for row in rows:
            value = json.dumps(row.value, ensure_ascii=False)
            click.echo(printable(f"{row.key} = {value}  # {row.origin}"))
