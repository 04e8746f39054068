"""Shared by commands that analyse mail logs: options, and the pass over the logs."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bmtick.errors import printable
from bmtick.languages import _

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bmtick.incident.analysis import Analysis
    from bmtick.incident.logs import LogSet
    from bmtick.incident.traffic import Observer, Window
    from bmtick.settings import Settings

_PACKED = 12  # usual compression ratio of a log

log_option = click.option(
    "--log", "logs", multiple=True, type=click.Path(), help="Mail log; may be repeated."
)

config_dir_option = click.option(
    "--config-dir", default="", type=click.Path(), help="Folder of Postfix's main.cf."
)


def span_options(since: str, done: str) -> Callable[[Any], Any]:
    """Return ``--since`` and ``--past``; ``done`` completes the help text of ``--since``."""

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
    """Read the given logs, or those of the settings, once.

    Raises:
        BmtickError: a duration is invalid; a log is missing, unreadable, or has no times.
    """
    from bmtick.incident.analysis import analyse
    from bmtick.incident.units import seconds

    with _Progress() as progress:
        return analyse(
            logs or settings.collect.logs,
            since=seconds(since),
            past=seconds(past),
            settings=settings,
            trusted=trusted,
            observers=observers,
            progress=progress.of,
        )


class _Progress(ExitStack):
    """A progress bar with rate and remaining time on a terminal; otherwise nothing."""

    def of(self, logs: LogSet) -> Callable[[str, int], None]:
        """Return a callback for the path of a log and the number of unpacked bytes just read."""
        if not sys.stderr.isatty():
            return lambda _path, _size: None
        from rich import progress as bars

        from bmtick.terminal import console

        sizes = {str(f.path): _unpacked(f.path) for f in logs.files}
        bar = self.enter_context(
            bars.Progress(
                bars.TextColumn("{task.description}"),
                bars.BarColumn(),
                bars.TaskProgressColumn(),
                bars.TransferSpeedColumn(),
                bars.TimeRemainingColumn(),
                console=console(stderr=True),
                transient=True,
            )
        )
        task = bar.add_task(_("reading"), total=sum(sizes.values()))
        read = dict.fromkeys(sizes, 0)
        before: list[str] = []  # the current log and the previous ones

        def told(path: str, size: int) -> None:
            if before[-1:] != [path]:
                before.append(path)
            read[path] += size
            done = sum(sizes[name] for name in before[:-1]) + min(read[path], sizes[path])
            name = printable(Path(path).name)
            bar.update(task, completed=done, description=_("reading {name}", name=name))

        return told


def _unpacked(path: Path) -> int:
    """Return the unpacked size of a log; it is estimated for a compressed log."""
    packed = path.suffix in (".gz", ".xz", ".zst")
    return path.stat().st_size * (_PACKED if packed else 1)
