"""The command line of ``bmtick collect``: read without a library, which would cost 15 ms a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from bmtick.collect.config import CORE_LOG, LOGS, QUEUE_CHOICES, STATE, load
from bmtick.collect.options import DEFAULT_KNOWN, Options
from bmtick.durations import SECOND, parse_duration
from bmtick.errors import BmtickError, nearest

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import Any

SPOOL = "/var/spool/postfix"

HELP = """\
Usage: bmtick collect [OPTIONS]

  The Telegraf collector: Postfix's log and queue as points on stdout. By default once, what is
  new since the state. Lines of several servers in one log are told apart by their host, and add
  up in the points, which bear the host of the collector.

Options:
  --log PATH            Log file, again for more; a glob, looked at anew each time, which takes
                        rotated copies for parts of their log; - for stdin; 'journal' for
                        systemd's, 'journal:DIR' for journal files elsewhere.
                        BlueMind's core.log is known by its lines. Default: the settings', else
                        /var/log/mail.log or /var/log/maillog, and /var/log/bm/core.log.
  --state FILE          What was read so far. Default: the settings', else
                        /var/lib/bmtick/collect.state.
  --no-state            Keep nothing: with --from-start a whole log at once.
  --from-start          Without a state, read the log from its first line.
  --year YEAR           Of the first line of a whole log whose times bear no year (Nov 24
                        07:00:00). Default: what Postfix's own ids in it tell, else the latest
                        year that fits the time of the file.
  --execd               Stay, and answer each newline on stdin (Telegraf's signal = "STDIN")
                        and each SIGHUP; end when stdin ends.
  --write               Write into the settings' InfluxDB instead of stdout, with tags host and
                        datalocation: for a host without Telegraf.
  --every DURATION      Stay, and run so often.
  --queue WHEN          auto, on or off: points of the queue. Default: auto.
  --spool DIR           Postfix's queue directory. Default: /var/spool/postfix.
  --integer-age         Write the queue's age as an integer, as inputs.postfix of Telegraf 1.26
                        does: needed where both write into one database.
  --format FORMAT       influx (line protocol) or json (one object a line). Default: influx.
  --interval DURATION   Length of a bucket. Default: 10s.
  --max-series N        Series per measurement and interval; the smallest beyond these are
                        added up in _other. Default: 1000.
  --known NETWORK       Client that may relay without SASL, again for more.
                        Default: 127.0.0.0/8 and ::1.
  --config FILE         Settings file.
  --help                Show this message and exit."""

_FLAGS = {"--no-state", "--from-start", "--execd", "--write", "--integer-age", "--help"}
_VALUES = {
    "--log",
    "--state",
    "--queue",
    "--spool",
    "--format",
    "--interval",
    "--every",
    "--max-series",
    "--known",
    "--year",
    "--config",
}
_CHOICES = {"--queue": QUEUE_CHOICES, "--format": ("influx", "json")}


class Request:
    """What the command line and the settings ask for; the command line wins."""

    def __init__(self) -> None:
        self.given_logs: list[str] = []
        self.known: list[str] = []
        self.flags: set[str] = set()
        self.values: dict[str, str] = {}
        self.settings: dict[str, Any] = {}
        self.options = Options()

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
            and ("--no-state" in self.flags or "-" in self.given_logs)
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
        return self.values.get("--state") or self.settings.get("state") or STATE

    @property
    def queue(self) -> str:
        """``auto``, ``on`` or ``off``."""
        return self.values.get("--queue") or self.settings.get("queue", "auto")

    @property
    def spool(self) -> str:
        """Postfix's queue directory."""
        return self.values.get("--spool") or self.settings.get("spool") or SPOOL

    @property
    def guard(self) -> str:
        """Where a guard of this machine writes who is held; empty: nowhere."""
        from bmtick.collect.guarded import POINTS

        return str(self.settings.get("guard", POINTS))

    @property
    def logs(self) -> list[str]:
        """The logs: paths, globs, ``journal``, ``-``."""
        names = self.given_logs or self.settings.get("logs") or []
        if not names:
            found = [path for path in LOGS if os.path.exists(path)][:1] or [LOGS[0]]
            if not self.whole and os.access(CORE_LOG, os.R_OK):
                found.append(CORE_LOG)
            return found
        return list(dict.fromkeys(names))

    def watched_spool(self, warn: Callable[[str], None]) -> str:
        """Return the spool to report on, or ``""``: off, or left to Telegraf's own plugin."""
        if self.queue == "off":
            return ""
        from bmtick.collect.queue import telegraf_watches

        if self.queue == "on":
            if not os.path.isdir(self.spool):
                raise BmtickError(
                    f"there is no queue directory '{self.spool}'",
                    remedy="name it with --spool; 'postconf -h queue_directory' shows it",
                )
            if other := telegraf_watches():
                warn(f"{other} has inputs.postfix on: the queue is now reported twice")
            return self.spool
        if not os.path.isdir(self.spool) or telegraf_watches():
            return ""
        return self.spool


def parse(arguments: Sequence[str]) -> Request:
    """Read the arguments after ``bmtick collect``, and the settings.

    Raises:
        BmtickError: an unknown option, a missing or a wrong value.
    """
    request = Request()
    left = list(arguments)
    while left:
        option, given, value = left.pop(0).partition("=")
        if option in ("-h", "--help"):
            request.flags.add("--help")
        elif option in _FLAGS and not given:
            request.flags.add(option)
        elif option in _VALUES:
            if not given and not left:
                raise BmtickError(f"{option} needs a value", remedy="see 'bmtick collect --help'")
            _take(request, option, value if given else left.pop(0))
        else:
            hint = nearest(option, _FLAGS | _VALUES) or "see 'bmtick collect --help'"
            raise BmtickError(f"bmtick collect knows no '{option}'", remedy=hint)
    if not request.help:
        request.settings = load(request.values.get("--config"))
        request.options = _options(request)
    return request


def _take(request: Request, option: str, value: str) -> None:
    choices = _CHOICES.get(option)
    if choices and value not in choices:
        raise BmtickError(f"{option} cannot be '{value}'", remedy=f"one of: {', '.join(choices)}")
    if option == "--log":
        request.given_logs.append(value)
    elif option == "--known":
        request.known.extend(part for part in value.split(",") if part.strip())
    else:
        request.values[option] = value


def _options(request: Request) -> Options:
    settings = request.settings
    interval = parse_duration(request.values.get("--interval") or settings.get("interval", "10s"))
    if interval <= 0 or interval % SECOND:
        raise BmtickError("the interval must be whole seconds", remedy="like 10s or 1m")
    series = request.values.get("--max-series") or str(settings.get("max_series", 1000))
    if not (series.isascii() and series.isdigit() and int(series) > 0):
        raise BmtickError(f"--max-series cannot be '{series}'", remedy="a number from 1")
    year = request.values.get("--year", "")
    if year and not (year.isascii() and year.isdigit() and 1970 <= int(year[:5]) <= 9998):
        raise BmtickError(f"--year cannot be '{year}'", remedy="four digits, like 2024")
    if year and not request.whole:
        raise BmtickError(
            "--year is for a whole log", remedy="add --from-start --no-state: nothing is kept then"
        )
    return Options(
        interval=interval // SECOND,
        max_series=int(series),
        known=request.known or settings.get("known_clients", DEFAULT_KNOWN),
        blocked=settings.get("blocked_patterns", ()),
        year=int(year) if year else None,
    )
