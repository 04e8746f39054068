"""The command line of ``bmtick collect``: read without a library, which would cost 15 ms a run."""

from __future__ import annotations

from collections.abc import Sequence

from bmtick.collect.options import DEFAULT_KNOWN, Options
from bmtick.durations import SECOND, parse_duration
from bmtick.errors import BmtickError, nearest

HELP = """\
Usage: bmtick collect [OPTIONS]

  The Telegraf collector: Postfix's log and queue as points on stdout. By default once, what is
  new since the state.

Options:
  --log PATH            Log file, again for more; a glob; - for stdin; 'journal' for systemd's.
                        Default: the settings', else /var/log/mail.log or /var/log/maillog.
  --state FILE          What was read so far. Default: the settings', else
                        /var/lib/bmtick/collect.state.
  --no-state            Keep nothing: with --from-start a whole log at once.
  --from-start          Without a state, read the log from its first line.
  --execd               Stay, and answer each newline on stdin (Telegraf's signal = "STDIN")
                        and each SIGHUP; end when stdin ends.
  --queue WHEN          auto, on or off: points of the queue. Default: auto.
  --spool DIR           Postfix's queue directory. Default: /var/spool/postfix.
  --format FORMAT       influx (line protocol) or json (one object a line). Default: influx.
  --interval DURATION   Length of a bucket. Default: 10s.
  --max-series N        Series per measurement and interval; the smallest beyond these are
                        added up in _other. Default: 1000.
  --known NETWORK       Client that may relay without SASL, again for more.
                        Default: 127.0.0.0/8 and ::1.
  --config FILE         Settings file.
  --help                Show this message and exit."""

_FLAGS = {"--no-state", "--from-start", "--execd", "--help"}
_VALUES = {
    "--log",
    "--state",
    "--queue",
    "--spool",
    "--format",
    "--interval",
    "--max-series",
    "--known",
    "--config",
}
_CHOICES = {"--queue": ("auto", "on", "off"), "--format": ("influx", "json")}


class Request:
    """What the command line asks for."""

    def __init__(self) -> None:
        self.logs: list[str] = []
        self.known: list[str] = []
        self.flags: set[str] = set()
        self.values: dict[str, str] = {}
        self.options = Options()

    @property
    def help(self) -> bool:
        """Whether the help page is asked for."""
        return "--help" in self.flags

    @property
    def format(self) -> str:
        """``influx`` or ``json``."""
        return self.values.get("--format", "influx")


def parse(arguments: Sequence[str]) -> Request:
    """Read the arguments after ``bmtick collect``.

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
    request.options = _options(request)
    return request


def _take(request: Request, option: str, value: str) -> None:
    choices = _CHOICES.get(option)
    if choices and value not in choices:
        raise BmtickError(f"{option} cannot be '{value}'", remedy=f"one of: {', '.join(choices)}")
    if option == "--log":
        request.logs.append(value)
    elif option == "--known":
        request.known.extend(part for part in value.split(",") if part.strip())
    else:
        request.values[option] = value


def _options(request: Request) -> Options:
    interval = parse_duration(request.values.get("--interval", "10s"))
    if interval <= 0 or interval % SECOND:
        raise BmtickError("--interval must be whole seconds", remedy="like 10s or 1m")
    series = request.values.get("--max-series", "1000")
    if not (series.isascii() and series.isdigit() and int(series) > 0):
        raise BmtickError(f"--max-series cannot be '{series}'", remedy="a number from 1")
    return Options(
        interval=interval // SECOND,
        max_series=int(series),
        known=request.known or DEFAULT_KNOWN,
    )
