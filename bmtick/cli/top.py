"""``bmtick top``: a live view in the terminal."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from bmtick.cli._logs import log_option
from bmtick.cli.common import config_option, load_settings
from bmtick.errors import BmtickError, printable
from bmtick.terminal import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bmtick.live.board import Board
    from bmtick.live.top import View
    from bmtick.points import Point
    from bmtick.settings import Settings
    from bmtick.web.hold_control import JournalHoldControl

_EVERY = 1.0  # seconds between two frames, unless a key is pressed
_NEWEST = 16 << 20  # bytes read from the end of each log at the start
_SEQUENCE = re.compile(r"\[[0-9;?]*[ -/]*[@-~]|O[@-~]?")  # CSI and SS3 sequences without the escape
_ESCAPES = {
    "[H": "home",
    "[1~": "home",
    "[7~": "home",
    "OH": "home",
    "[F": "end",
    "[4~": "end",
    "[8~": "end",
    "OF": "end",
    "[A": "up",
    "[B": "down",
    "[C": "right",
    "[D": "left",
    "[5~": "page-up",
    "[6~": "page-down",
    "OA": "up",
    "OB": "down",
    "OC": "right",
    "OD": "left",
}
_KEYS = {"\r": "enter", "\n": "enter", "\x7f": "backspace", "\b": "backspace", "\t": "tab"}


@click.command()
@click.option("--once", is_flag=True, help="Print one frame and end; also without a terminal.")
@log_option
@config_option
@click.pass_context
def command(ctx: click.Context, once: bool, logs: tuple[str, ...]) -> None:
    """Show live who sends, what is refused, which alerts fire and who is held.

    Reads the settings' logs, from 16 MiB before their end, and follows them; no state is stored.
    Firing alerts come from 'bmtick watch' on this machine; without it, the alerts of the
    settings, or of the whole catalogue, are evaluated here.

    \b
    1-6, arrows: choose a view and a row      s: sort by the next column
    Enter: the evidence                       /: only names that contain a text
    h, r: hold, release (asked first)         q: quit
    """  # noqa: D301 -- backslash-b is click's mark for lines to keep
    from bmtick.live.top import View
    from bmtick.web.hold_control import JournalHoldControl

    settings = load_settings(ctx)
    if not once and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BmtickError("this is no terminal", remedy="--once prints one frame")
    hold_control = JournalHoldControl(settings.guard.state, settings.guard.helper)
    feeder = _BoardFeed(settings, logs)
    feeder.read()
    if once:
        size = shutil.get_terminal_size((80, 24))
        _draw(
            feeder.board,
            hold_control,
            View(),
            (size.columns, size.lines),
            _print,
            unicode=_unicode(),
        )
        return
    _live(feeder, hold_control)


class _BoardFeed:
    """Feeds the board with new data: points of the logs, events of the watch or of own alerts."""

    def __init__(self, settings: Settings, logs: tuple[str, ...]) -> None:
        from bmtick.cli.watch import collector_of
        from bmtick.live.board import Board
        from bmtick.watch.history import path_of
        from bmtick.watch.status import exists

        host = settings.watch.host or socket.gethostname()
        self.board = Board(host)
        self.said: list[str] = []
        self._source = collector_of(settings, logs, host, self.said.append)
        self._source.begin(from_start=False, now=time.time(), newest=_NEWEST)
        watched = exists(settings.watch.state) and not logs
        self._history = path_of(settings.watch.state) if watched else ""
        self._taken, self._stamp = 0, (0, 0)
        self._tasks = None if watched else _tasks(settings, host, self.said.append)

    def read(self) -> None:
        """Read all new data."""
        more = True
        while more:
            points, more = self._source.read(time.time())
            self.board.feed(points)
            self._evaluate(points)
        if self._history:
            self._take_history()

    def _evaluate(self, points: list[Point]) -> None:
        from bmtick.watch.history import line_of

        if self._tasks:
            for event in self._tasks.feed(points):
                self.board.add_event_line(line_of(event, ""))

    def _take_history(self) -> None:
        from bmtick.watch.history import read_history

        try:
            info = os.stat(self._history)  # noqa: PTH116 -- for its size and time
        except OSError:
            return
        stamp = (info.st_ino, info.st_size)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        with contextlib.suppress(BmtickError):
            records = list(read_history(self._history))
            for record in records[self._taken :]:
                self.board.add_event(record)
            self._taken = len(records)


def _tasks(settings: Settings, host: str, warn: Callable[[str], None]) -> Any:
    from bmtick.alerts import catalogue, desired, render
    from bmtick.watch.tasks import Tasks

    alerts = desired(settings) or [
        render(alert, {}) for alert in catalogue().values() if alert.recommended
    ]
    alerts = [one for one in alerts if not one.alert.batch]  # only points here, no InfluxDB
    return Tasks(alerts, host, warn)


def _draw(
    board: Board,
    hold_control: JournalHoldControl,
    view: View,
    size: tuple[int, int],
    show: Callable[[list[Any]], None],
    *,
    unicode: bool,
) -> None:
    from bmtick.live.top import frame

    show(frame(view, board.snapshot(int(time.time())), hold_control.held(), size, unicode=unicode))


def _print(lines: list[Any]) -> None:
    out = console()
    for line in lines:
        out.print(line, soft_wrap=True)


def _live(feeder: _BoardFeed, hold_control: JournalHoldControl) -> None:
    from rich.live import Live
    from rich.text import Text

    from bmtick.live.top import QUIT, View

    view, out, unicode = View(), console(), _unicode()
    with _raw(), Live(console=out, screen=True, auto_refresh=False) as live:

        def show(lines: list[Text]) -> None:
            live.update(Text("\n").join(lines), refresh=True)

        while True:
            _draw(feeder.board, hold_control, view, (out.width, out.height), show, unicode=unicode)
            for key in _pressed(_EVERY):
                action = view.key(key)
                if action and action[0] == QUIT:
                    return
                if action:
                    view.said = _act(hold_control, *action)
            feeder.read()
            if feeder.said:
                view.said = view.said or feeder.said[-1]
                feeder.said.clear()


def _unicode() -> bool:
    """Whether the terminal shows more than ASCII; call it before rich takes the output."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def _act(hold_control: JournalHoldControl, action: str, who: str) -> str:
    from bmtick.live.top import HOLD

    try:
        done = (
            hold_control.hold(who, None) if action == HOLD else hold_control.release(who, 86400.0)
        )
    except BmtickError as error:
        return error.message
    return f"{printable(who)}: {done}"


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    """Read keys as they are pressed; the terminal is restored afterwards."""
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _pressed(seconds: float) -> list[str]:
    """Return the pressed keys, as soon as there is one."""
    if not select.select([sys.stdin], [], [], seconds)[0]:
        return []
    data = os.read(sys.stdin.fileno(), 1024)
    if not data:
        return ["q"]  # the terminal was closed
    return list(keys_of(data.decode("utf-8", "replace")))


def keys_of(text: str) -> Iterator[str]:
    """Yield the names of the keys in a terminal's input."""
    while text:
        if text[0] == "\x1b":
            sequence = _SEQUENCE.match(text, 1)
            if sequence is None:
                yield "escape"
            elif sequence[0] in _ESCAPES:
                yield _ESCAPES[sequence[0]]
            text = text[sequence.end() if sequence else 1 :]
        else:
            yield _KEYS.get(text[0], text[0])
            text = text[1:]
