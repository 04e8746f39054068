"""``bmtick collect``: only the description; ``bmtick.collect.command`` runs it, without click."""

from __future__ import annotations

import sys

import click


class _Command(click.Command):
    """Passes all arguments to the collector's own parser."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        config = (ctx.obj or {}).get("config")
        ctx.args = [*(["--config", config] if config else []), *args]
        return []


@click.command(
    cls=_Command,
    add_help_option=False,
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Postfix's log and queue as points: the Telegraf collector."""
    from bmtick.cli import _open_writer
    from bmtick.collect.command import run

    sys.exit(run(ctx.args, _open_writer))
