"""``bmtick telegraf``: prints Telegraf's configuration for this machine."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bmtick.cli.common import config_option, load_settings
from bmtick.errors import BmtickError, printable
from bmtick.names import QUEUE

if TYPE_CHECKING:
    from bmtick.settings import Settings


@click.command()
@click.option(
    "--execd",
    is_flag=True,
    help="For a collector that stays: alerts come within seconds. Default: one run each 10 s.",
)
@click.option("--log", "logs", multiple=True, help="Mail log; again for more. Default: settings.")
@click.option("--state", help="State file. Default: the settings' one.")
@click.option(
    "--integer-age",
    is_flag=True,
    help="Write the queue's age as an integer, as inputs.postfix of Telegraf 1.26 does. "
    "Default: where the settings' InfluxDB answers and has it so.",
)
@config_option
@click.pass_context
def command(
    ctx: click.Context, execd: bool, logs: tuple[str, ...], state: str | None, integer_age: bool
) -> None:
    """Print the telegraf.d file that runs the collector, with the permissions that it needs.

    Nothing is changed on this machine: the permissions are commands in comments, to be run as root.
    """
    from bmtick.collect.telegraf_config import BUCKET, snippet
    from bmtick.collector_options import read_logs
    from bmtick.settings import Collect

    loaded = load_settings(ctx)
    settings = loaded.collect
    wanted = list(logs) or read_logs(settings.logs)
    config = _config(ctx, loaded.path)
    program = _program()
    options = ["--config", config] if config else []
    if execd and settings.interval == Collect().interval:
        options += ["--interval", BUCKET]
    if integer_age or _has_whole_ages(loaded):
        options.append("--integer-age")
    path = str(Path(state or settings.state).absolute())
    for name in (*wanted, path, config):
        _check_name(name)
    click.echo(snippet(program, options, wanted, path, execd=execd), nl=False)
    _warn_of([program[0], *([config] if config else [])])


def _has_whole_ages(settings: Settings) -> bool:
    """Whether the settings' InfluxDB stores the age of the queue as an integer, if it is readable."""
    from bmtick.deploy.influx import connect_influx

    influx = settings.influxdb
    try:
        reader = connect_influx(influx, os.environ)
        types = reader.field_types(influx.database, influx.retention_policy, QUEUE, "age")
    except BmtickError:
        return False  # it is on another machine or does not exist yet
    return types == {"integer"}


def _check_name(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BmtickError(
            f"the name '{name}' is not UTF-8, and nothing else may stand in Telegraf's files",
            remedy="rename it",
        ) from None


def _config(ctx: click.Context, found: str) -> str:
    """Return the settings file, unless Telegraf finds it itself from its own working directory."""
    from bmtick.settings.load import SEARCH

    named = (ctx.obj or {}).get("config")
    return str(Path(found).resolve()) if named or found not in ("", SEARCH[-1]) else ""


def _warn_of(paths: list[str]) -> None:
    """Warn of files that Telegraf's user cannot use, such as a program in a home directory."""
    from bmtick.collect.telegraf_config import USER
    from bmtick.doctor.context import may_read

    for path in paths:
        for way in dict.fromkeys((Path(path), Path(path).resolve())):
            allowed = may_read(way, USER)
            if allowed is None:  # no such user yet
                allowed = may_read(way, "nobody")
            if allowed is False:
                click.echo(
                    f"bmtick: user {USER} may not read {printable(str(way))}: put it where all "
                    "may (bmtick in /usr/local/bin, its settings in /etc/bmtick)",
                    err=True,
                )
                break


def _program() -> list[str]:
    """Return the command line of ``bmtick``: as it was started, its script, or the interpreter."""
    called = Path(sys.argv[0])
    script = str(called) if called.name == "bmtick" else shutil.which("bmtick")
    return [str(Path(script).absolute())] if script else [sys.executable, "-m", "bmtick"]
