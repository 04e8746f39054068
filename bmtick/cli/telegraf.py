"""``bmtick telegraf``: the telegraf.d snippet for this machine."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from bmtick.cli.common import config_option, load_settings


@click.command()
@click.option("--execd", is_flag=True, help="For a collector that stays, instead of one each 10 s.")
@click.option("--log", "logs", multiple=True, help="Mail log; again for more. Default: settings.")
@click.option("--state", help="State file. Default: the settings' one.")
@config_option
@click.pass_context
def command(ctx: click.Context, execd: bool, logs: tuple[str, ...], state: str | None) -> None:
    """Print the telegraf.d snippet that runs the collector, with the rights that it needs.

    Nothing is changed on this machine: the rights are commands in comments, to be run as root.
    """
    from bmtick.collect.config import LOGS
    from bmtick.collect.snippet import snippet

    settings = load_settings(ctx).collect
    wanted = list(logs) or list(settings.logs)
    if wanted == [LOGS[0]] and not Path(LOGS[0]).exists() and Path(LOGS[1]).exists():
        wanted = [LOGS[1]]  # Red Hat's name
    options = ["--config", str(Path(named).resolve())] if (named := _named(ctx)) else []
    path = str(Path(state or settings.state).absolute())
    click.echo(snippet(_program(), options, wanted, path, execd=execd), nl=False)


def _named(ctx: click.Context) -> str | None:
    """Return the settings file that was named; one in its usual place is found without."""
    config: str | None = (ctx.obj or {}).get("config")
    return config


def _program() -> list[str]:
    """Return how ``bmtick`` is started here: as it was now, by its script, or by the interpreter."""
    called = Path(sys.argv[0])
    script = str(called) if called.name == "bmtick" else shutil.which("bmtick")
    return [str(Path(script).absolute())] if script else [sys.executable, "-m", "bmtick"]
