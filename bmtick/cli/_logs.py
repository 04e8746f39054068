"""What commands that judge mail logs share: their options, and the pass over the logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bmtick.incident.analysis import Analysis
    from bmtick.incident.traffic import Observer, Window
    from bmtick.settings import Settings

log_option = click.option(
    "--log", "logs", multiple=True, type=click.Path(), help="Mail log; may be repeated."
)

config_dir_option = click.option(
    "--config-dir", default="", type=click.Path(), help="Folder of Postfix's main.cf."
)


def span_options(since: str, done: str) -> Callable[[Any], Any]:
    """Return ``--since``, of which ``done`` says what is done with it, and ``--past``."""

    def add(function: Any) -> Any:
        function = click.option(
            "--past",
            default="35d",
            show_default=True,
            help="How much before that is each sender's own past to compare with; rotated logs "
            "are read.",
        )(function)
        return click.option(
            "--since",
            default=since,
            show_default=True,
            help=f"How much of the log is {done}, back from its newest line (not from now).",
        )(function)

    return add


def analyse_logs(
    settings: Settings,
    logs: Sequence[str],
    since: str,
    past: str,
    observers: Callable[[Window], Iterable[Observer]] | None = None,
    trusted: Iterable[str] = (),
) -> Analysis:
    """Read the logs that were named, or those of the settings, once.

    Raises:
        BmtickError: a duration is none; a log is missing, unreadable, or holds no times.
    """
    from bmtick.incident.analysis import analyse
    from bmtick.incident.units import seconds

    return analyse(
        logs or settings.collect.logs,
        since=seconds(since),
        past=seconds(past),
        settings=settings,
        trusted=trusted,
        observers=observers,
    )
