"""What commands share: settings, the ``--format`` and ``--config`` options, tables, errors."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from bmtick import languages
from bmtick import settings as settings_module
from bmtick.terminal import console

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bmtick.settings import Settings

format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Output for people or for machines.",
)


def _take_config(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(dict)["config"] = value


config_option: Callable[[Any], Any] = click.option(
    "--config",
    type=click.Path(),
    expose_value=False,
    is_eager=True,
    callback=_take_config,
    help="Settings file, as before the command.",
)


def load_settings(ctx: click.Context) -> Settings:
    """Load the settings that ``--config`` names, or the first found, or the defaults.

    From then on texts are in the language of the file, or else in the one of the environment.
    """
    settings = settings_module.load((ctx.obj or {}).get("config"))
    given = settings.language if settings_module.gives(settings, "language") else None
    languages.use(languages.choose(given, os.environ))
    return settings


def print_json(data: Any) -> None:
    """Print data as indented JSON on stdout, the same everywhere."""
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n")


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = ""
) -> None:
    """Print a table on stdout; values are shown as text, never as markup or control codes."""
    from rich.table import Table
    from rich.text import Text

    from bmtick.errors import printable

    table = Table(title=title or None, box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(str(value))) for value in row))
    console().print(table)
