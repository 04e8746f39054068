"""The command line of ``bmtick collect``: read without a library, which would cost 15 ms a run."""

from __future__ import annotations

import os

from bmtick.collect.config import load
from bmtick.collect.options import Options
from bmtick.collector_options import CORE_LOG, FLAG, FLAGS, KEYS, TEXTS, read_logs
from bmtick.durations import SECOND, parse_duration
from bmtick.errors import BmtickError, nearest

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


class Request:
    """What the command line and the settings ask for; the command line wins."""

    def __init__(self) -> None:
        self.lists: dict[str, list[str]] = {}
        self.flags: set[str] = set()
        self.values: dict[str, str] = {}
        self.settings: dict[str, Any] = {}
        self.options = Options()

    def value(self, key: str) -> Any:
        """Return an option that is a setting, too: of the command line, the settings, or default."""
        option = KEYS[key]
        if option.kind == TEXTS:  # an empty list in the settings is meant
            return self.lists.get(option.flag) or self.settings.get(key, option.default)
        return self.values.get(option.flag) or self.settings.get(key) or option.default

    @property
    def help(self) -> bool:
        """Whether the help page is asked for."""
        return "--help" in self.flags

    @property
    def execd(self) -> bool:
        """Whether to stay and answer each newline on stdin."""
        return "--execd" in self.flags

    @property
    def write(self) -> bool:
        """Whether points go into InfluxDB."""
        return "--write" in self.flags

    @property
    def integer_age(self) -> bool:
        """Whether the queue's age is an integer."""
        return "--integer-age" in self.flags

    @property
    def every(self) -> float:
        """Seconds between two runs of a collector that stays; 0: it runs once."""
        text = self.values.get("--every")
        if text is None:
            return 0.0
        seconds = parse_duration(text) / SECOND
        if seconds < 1:
            raise BmtickError("--every must be a second or more", remedy="like 10s")
        return seconds

    @property
    def from_start(self) -> bool:
        """Whether to read a log from its first line where there is no state."""
        return "--from-start" in self.flags

    @property
    def whole(self) -> bool:
        """Whether logs are read at once, with nothing kept."""
        return (
            not self.execd
            and not self.every
            and ("--no-state" in self.flags or "-" in self.lists.get("--log", ()))
        )

    @property
    def format(self) -> str:
        """``influx`` or ``json``."""
        return self.values.get("--format", "influx")

    @property
    def state(self) -> str:
        """The state file; empty: none is kept."""
        if "--no-state" in self.flags:
            return ""
        return str(self.value("state"))

    @property
    def guard(self) -> str:
        """Where a guard of this machine writes who is held; empty: nowhere."""
        from bmtick.collect.guarded import POINTS

        return str(self.settings.get("guard", POINTS))

    @property
    def logs(self) -> list[str]:
        """The logs: paths, globs, ``journal``, ``-``."""
        found = read_logs(self.value("logs"))
        if not self.whole or self.lists.get("--log") or self.settings.get("logs"):
            return found
        return [path for path in found if path != CORE_LOG]

    def watched_spool(self, warn: Callable[[str], None]) -> str:
        """Return the spool to report on, or ``""``: off, or left to Telegraf's own plugin."""
        queue, spool = self.value("queue"), str(self.value("spool"))
        if queue == "off":
            return ""
        from bmtick.collect.queue import telegraf_watches

        if queue == "on":
            if not os.path.isdir(spool):
                raise BmtickError(
                    f"there is no queue directory '{spool}'",
                    remedy="name it with --spool; 'postconf -h queue_directory' shows it",
                )
            if other := telegraf_watches():
                warn(f"{other} has inputs.postfix on: the queue is now reported twice")
            return spool
        return spool if os.path.isdir(spool) and not telegraf_watches() else ""


def parse(arguments: Sequence[str]) -> Request:
    """Read the arguments after ``bmtick collect``, and the settings.

    Raises:
        BmtickError: an unknown option, a missing or a wrong value.
    """
    request = Request()
    left = list(arguments)
    while left:
        name, given, value = left.pop(0).partition("=")
        option = FLAGS.get("--help" if name == "-h" else name)
        if option is None or (option.kind == FLAG and given):
            hint = nearest(name, FLAGS) or "see 'bmtick collect --help'"
            raise BmtickError(f"bmtick collect knows no '{name}'", remedy=hint)
        if option.kind == FLAG:
            request.flags.add(option.flag)
            continue
        if not given and not left:
            raise BmtickError(f"{name} needs a value", remedy="see 'bmtick collect --help'")
        value = value if given else left.pop(0)
        if option.kind == TEXTS:
            split = value.split(",") if option.key == "known_clients" else [value]
            request.lists.setdefault(option.flag, []).extend(v for v in split if v.strip())
        else:
            if fault := option.fault_of_text(value):
                raise BmtickError(f"{name} {fault[0]}", remedy=fault[1])
            request.values[option.flag] = value
    if not request.help:
        request.settings = load(request.values.get("--config"))
        request.options = _options(request)
    return request


def _options(request: Request) -> Options:
    year = request.values.get("--year")
    if year and not request.whole:
        raise BmtickError(
            "--year is for a whole log", remedy="add --from-start --no-state: nothing is kept then"
        )
    return Options.of(_Section(request), year=int(year) if year else None)


class _Section:
    """What is asked for, in the form of the settings' section."""

    def __init__(self, request: Request) -> None:
        self.interval: str = request.value("interval")
        self.max_series = int(request.value("max_series"))
        self.known_clients: list[str] = request.value("known_clients")
        self.blocked_patterns: list[str] = request.value("blocked_patterns")
