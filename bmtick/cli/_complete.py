"""Shell completion: names of alerts, logins in the log, held accounts and machines."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Final

import click

from bmtick.errors import BmtickError

_Complete = Callable[[click.Context, click.Parameter, str], list[str]]

_TAIL: Final = 1 << 20  # bytes read from the end of a log
_USER: Final = re.compile(rb"sasl_username=([^,\s]+)")


def _ignore_errors(complete: _Complete) -> _Complete:
    """Return no completions if settings or state are unreadable; the command reports the error."""

    @wraps(complete)
    def safely(ctx: click.Context, param: click.Parameter, prefix: str) -> list[str]:
        try:
            return complete(ctx, param, prefix)
        except (BmtickError, OSError):
            return []

    return safely


@_ignore_errors
def alert_names(ctx: click.Context, _param: click.Parameter, prefix: str) -> list[str]:
    """Return the alerts of the catalogue and of the settings with this prefix."""
    from bmtick.alerts import catalogue
    from bmtick.cli.common import load_settings

    return _beginning({*catalogue(), *load_settings(ctx).alerts}, prefix)


@_ignore_errors
def users(ctx: click.Context, _param: click.Parameter, prefix: str) -> list[str]:
    """Return the logins with this prefix in the last MiB of the settings' logs."""
    from bmtick.cli.common import load_settings

    found: set[str] = set()
    for path in map(Path, load_settings(ctx).collect.logs):
        if path.is_file():
            with path.open("rb") as log:
                log.seek(max(0, path.stat().st_size - _TAIL))
                found |= {name.decode("utf-8", "replace") for name in _USER.findall(log.read())}
    return _beginning({name for name in found if name.isprintable()}, prefix)


@_ignore_errors
def held(ctx: click.Context, _param: click.Parameter, prefix: str) -> list[str]:
    """Return the held names with this prefix."""
    from bmtick.cli.common import load_settings
    from bmtick.guard.manual import open_journal

    holds = open_journal(load_settings(ctx).guard.state).holds
    return _beginning({str(who) for who in holds.held}, prefix)


def _beginning(names: set[str], prefix: str) -> list[str]:
    return sorted(name for name in names if name.startswith(prefix))
