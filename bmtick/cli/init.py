"""``bmtick init``: inspects this machine and writes a first settings file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bmtick.cli import _deploy
from bmtick.cli.common import config_option
from bmtick.errors import BmtickError, Location
from bmtick.files import write_output

if TYPE_CHECKING:
    from bmtick.deploy.detect import Found


@click.command()
@click.option("--force", is_flag=True, help="Overwrite a settings file that is there.")
@click.option("-o", "--output", type=click.Path(), help="File to write; '-' for stdout.")
@click.option("--kapacitor", metavar="URL", default="", help="Where Kapacitor is.")
@click.option("--influxdb", metavar="URL", default="", help="Where InfluxDB is.")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False),
    default="/",
    help="Look at the files below this folder, such as those of another machine.",
)
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    force: bool,
    output: str | None,
    kapacitor: str,
    influxdb: str,
    root: str,
) -> None:
    """Inspect this machine, read only, and write a commented bmtick.toml.

    Finds Bm-tick's Kapacitor and InfluxDB, Telegraf's files, Postfix and its trusted networks,
    the mail log, and the recipients in Kapacitor. Prints what it found and what it did not find.
    The file is that of --config, or ./bmtick.toml; an existing file is not overwritten.
    """
    from bmtick import languages, settings
    from bmtick.alerts import catalogue
    from bmtick.deploy.detect import detect
    from bmtick.deploy.initial import initial_settings

    target = output or (ctx.obj or {}).get("config") or "bmtick.toml"
    path = Path(target)
    if target != "-" and path.exists() and not force:
        raise BmtickError(
            "is there already; nothing was written",
            location=Location(target),
            remedy="--force overwrites it, -o names another file",
        )
    found = detect(Path(root), kapacitor=kapacitor, influxdb=influxdb)
    text = initial_settings(found, catalogue(), languages.choose(None, os.environ))
    settings.parse(text, file=target)
    for line in found.notes:
        _deploy.say(f"found      {line}")
    for line in found.missing:
        _deploy.say(f"not found  {line}")
    if target == "-":
        click.echo(text, nl=False)
        return
    _write(path, text)
    _deploy.say(f"wrote {target}; next: look through it, then {_next(found)}")


def _next(found: Found) -> str:
    if found.tick_stack:
        return "'bmtick plan' and 'bmtick apply'"
    return "'bmtick watch --test-mail' and 'bmtick watch', which needs no Kapacitor"


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_output(path, text)
    except OSError as error:
        raise BmtickError(f"cannot write: {error.strerror}", location=Location(str(path))) from None
