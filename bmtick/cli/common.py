"""Shared by commands: settings, the ``--format`` and ``--config`` options, tables, errors."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from bmtick.errors import printable
from bmtick.escaping import visible_json
from bmtick.terminal import print_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from bmtick.settings import Settings

__all__ = ["config_option", "format_option", "load_settings", "print_json", "print_table"]

_CSV, _JSON = "bmtick.csv", "bmtick.json"  # in click's meta


def _take_json(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    ctx.meta[_JSON] = value


def _take_format(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Pass ``json`` to the command for all machine formats; ``print_json`` handles CSV."""
    if ctx.get_parameter_source(str(param.name)) is click.core.ParameterSource.DEFAULT:
        return "json" if ctx.meta.get(_JSON) else value
    ctx.meta[_CSV] = value == "csv"
    return "json" if value == "csv" else value


def output_option(people: str, *machines: str) -> Callable[[Any], Any]:
    """Return a decorator that adds ``--format`` with these choices, and ``--json``."""
    chosen = click.option(
        "--format",
        "output_format",
        type=click.Choice([people, *machines]),
        default=people,
        show_default=True,
        callback=_take_format,
        help="Output for people or for machines.",
    )
    alias = click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_take_json,
        help="The same as --format json.",
    )
    return lambda function: chosen(alias(function))


format_option = output_option("table", "json", "csv")


def _take_version(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[int, ...]:
    from bmtick.tick.kinds import parse_version

    return parse_version(value)


version_option = click.option(
    "--kapacitor-version",
    "version",
    metavar="VERSION",
    default="1.5.7",
    show_default=True,
    callback=_take_version,
    help="The Kapacitor whose ways count where they differ, 1.5 to 1.8.",
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


mail_dir_option: Callable[[Any], Any] = click.option(
    "--mail-dir",
    "--mails",
    "mails",
    type=click.Path(),
    help="Put the mails into this folder; send none.",
)


def load_settings(ctx: click.Context) -> Settings:
    """Load the settings file of ``--config``, or the first one found, or the defaults.

    Afterwards texts are in the language of the file, or of the environment.
    """
    from bmtick import languages
    from bmtick.settings import has_section, load

    settings = load((ctx.obj or {}).get("config"))
    for hint in settings.hints:
        click.echo(f"bmtick: {hint}", err=True)
    given = settings.language if has_section(settings, "language") else None
    languages.set_language(languages.choose(given, os.environ))
    return settings


def print_json(data: Any) -> None:
    """Print data on stdout: as indented JSON, or its lists as CSV."""
    context = click.get_current_context(silent=True)
    if context and context.meta.get(_CSV):
        _print_csv(data)
        return
    import json

    text = json.dumps(data, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write(visible_json(text) + "\n")


def _print_csv(data: Any) -> None:
    """Print a document's lists of objects; with several lists, the column ``list`` names each."""
    import csv

    lists = _lists(data, "")
    head = ["list"] if len(lists) > 1 else []
    rows = [
        ({"list": name} if head else {}) | _flat(entry, "")
        for name, entries in lists
        for entry in entries
    ]
    columns = list(dict.fromkeys([*head, *(key for row in rows for key in row)]))
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _lists(data: Any, name: str) -> list[tuple[str, list[dict[str, Any]]]]:
    if isinstance(data, list):
        objects = all(isinstance(entry, dict) for entry in data)
        return [(name, data)] if data and objects else []
    if isinstance(data, dict):
        return [found for key, value in data.items() for found in _lists(value, key)]
    return []


def _flat(entry: dict[str, Any], prefix: str) -> dict[str, str]:
    """Return an object as cells: ``past.days`` for nested objects, JSON for lists."""
    cells: dict[str, str] = {}
    for key, value in entry.items():
        if isinstance(value, dict):
            cells |= _flat(value, f"{prefix}{key}.")
        else:
            cells[prefix + key] = _cell(value)
    return cells


def _cell(value: Any) -> str:
    if isinstance(value, str):
        # A spreadsheet would run a name that starts like a formula, even after a tab.
        text = printable(value)
        return f"'{text}" if text.lstrip()[:1] in tuple("=+-@") else text
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return _cell(" ".join(value))
    import json

    return "" if value is None else visible_json(json.dumps(value, ensure_ascii=False, default=str))
