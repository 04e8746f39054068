"""The collector's options: one table for its command line, ``[collect]``, the docs and ``watch``.

This module imports nothing slow, since the collector starts every ten seconds.
"""

from __future__ import annotations

import os

from bmtick.durations import parse_duration

TYPE_CHECKING = False  # as in typing, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import Any

LOGS = ("/var/log/mail.log", "/var/log/maillog")  # Debian's and Red Hat's
CORE_LOG = "/var/log/bm/core.log"  # BlueMind's

DURATION, INTEGER, TEXT, TEXTS, FLAG = "duration", "integer", "text", "texts", "flag"
_KINDS = {DURATION: "a duration in quotes", INTEGER: "a number", TEXT: "a text"}


class Option:
    """One option.

    Args:
        flag: its name on the command line; empty: a setting only.
        key: its name in ``[collect]``; empty: on the command line only.
        kind: ``DURATION``, ``INTEGER``, ``TEXT``, ``TEXTS`` (a list; repeatable) or ``FLAG``.
        text: its description in the help, the settings page and the man page.
        default: as in the settings.
        metavar: the name of its value in the help.
        choices: the allowed values, if limited.
        low: the minimum of an integer.
        high: the maximum of an integer.
        aliases: other names of the flag and the key.
    """

    __slots__ = (
        "aliases", "choices", "default", "flag", "high", "key", "kind", "low", "metavar", "text",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 -- a row of a table
        self,
        flag: str,
        key: str,
        kind: str,
        text: str,
        *,
        default: Any = None,
        metavar: str = "",
        choices: tuple[str, ...] = (),
        low: int = 0,
        high: int = 0,
        aliases: tuple[str, ...] = (),
    ) -> None:
        self.flag = flag
        self.key = key
        self.kind = kind
        self.text = text
        self.default = default
        self.metavar = metavar or "|".join(choices)
        self.choices = choices
        self.low = low
        self.high = high
        self.aliases = aliases

    def fault(self, value: object) -> tuple[str, str] | None:
        """Return the fault of a settings value and what to write; None: it is valid."""
        if self.kind == TEXTS:
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                return None
            return "must be a list of texts", 'like ["one", "two"]'
        if type(value) is not (int if self.kind == INTEGER else str):
            return f"must be {_KINDS[self.kind]}", ""
        return self.fault_of_text(str(value))

    def fault_of_text(self, text: str) -> tuple[str, str] | None:
        """Return the same for a value of the command line."""
        if self.choices and text not in self.choices:
            return f"cannot be '{text}'", f"one of: {', '.join(self.choices)}"
        if self.kind == INTEGER:
            digits = text.isascii() and text.isdigit() and len(text) <= len(str(self.high))
            if not (digits and self.low <= int(text) <= self.high):
                return f"cannot be '{text}'", f"a number from {self.low} to {self.high}"
        if self.kind == DURATION:
            parse_duration(text)
        return None


OPTIONS = (
    Option(
        "--log",
        "logs",
        TEXTS,
        "Log path or glob, or journal for systemd's journal (journal:DIR for journal files "
        "elsewhere). Globs are re-expanded on each run; rotated copies are found, and count as "
        "parts of their log. BlueMind's core.log is known by its lines.",
        default=[LOGS[0]],
        metavar="PATH",
    ),
    Option(
        "--state",
        "state",
        TEXT,
        "State file: the position in each log, and what each account and machine usually does. "
        "Keep it: it makes counts exact over restarts.",
        default="/var/lib/bmtick/collect.state",
        metavar="FILE",
    ),
    Option("--no-state", "", FLAG, "Keep no state. With --from-start: read a whole log at once."),
    Option("--from-start", "", FLAG, "Without a state, read the log from its first line."),
    Option(
        "--year",
        "",
        INTEGER,
        "Year of the first line of a whole log whose times have none (Nov 24 07:00:00). Default: "
        "taken from Postfix's own ids in it, else the latest year that fits the time of the file.",
        metavar="YEAR",
        low=1970,
        high=9998,
    ),
    Option(
        "--execd",
        "",
        FLAG,
        'Keep running; collect at each newline on stdin (Telegraf\'s signal = "STDIN") and at each '
        "SIGHUP, until stdin ends.",
    ),
    Option(
        "--write",
        "",
        FLAG,
        "Write into the settings' InfluxDB instead of stdout, with tags host and datalocation: for "
        "a host without Telegraf.",
    ),
    Option("--every", "", DURATION, "Keep running; collect every DURATION.", metavar="DURATION"),
    Option(
        "--queue",
        "queue",
        TEXT,
        "Measure the queue. auto: where Postfix's queue is on this machine and Telegraf's "
        "inputs.postfix does not measure it.",
        default="auto",
        choices=("auto", "on", "off"),
    ),
    Option(
        "--spool",
        "spool",
        TEXT,
        "Postfix's queue_directory.",
        default="/var/spool/postfix",
        metavar="DIR",
    ),
    Option(
        "--integer-age",
        "",
        FLAG,
        "Write the queue's age as an integer, as inputs.postfix of Telegraf 1.26 does: needed where "
        "both write into one database.",
    ),
    Option(
        "--format",
        "",
        TEXT,
        "influx (line protocol) or json (one object a line). Default: influx.",
        choices=("influx", "json"),
    ),
    Option(
        "--interval",
        "interval",
        DURATION,
        "Length of the intervals that are counted.",
        default="10s",
        metavar="DURATION",
    ),
    Option(
        "--max-series",
        "max_series",
        INTEGER,
        "Series per measurement and interval. The smallest beyond these are added up in _other.",
        default=1000,
        metavar="N",
        low=1,
        high=1_000_000,
    ),
    Option(
        "--known",
        "known_clients",
        TEXTS,
        "Trusted network: machines that may relay without a login, as in Postfix's mynetworks.",
        default=["127.0.0.0/8", "::1"],
        metavar="NETWORK",
        aliases=("--trusted-network", "trusted_networks"),
    ),
    Option(
        "",
        "blocked_patterns",
        TEXTS,
        "Regular expressions: texts of remote servers that call our mail spam, beside the known "
        "ones.",
        default=[],
    ),
    Option("--config", "", TEXT, "Settings file.", metavar="FILE"),
    Option("--help", "", FLAG, "Show this message and exit."),
)
FLAGS = {name: o for o in OPTIONS for name in (o.flag, *o.aliases) if name.startswith("--")}
KEYS: dict[str, Option] = {o.key: o for o in OPTIONS if o.key}
# Other names of keys, accepted like the contract's own.
ALIASES: dict[str, str] = {
    alias: o.key for o in OPTIONS for alias in o.aliases if o.key and not alias.startswith("--")
}


def default_logs() -> list[str]:
    """Return this machine's default mail log: Debian's name, or Red Hat's if only that exists."""
    return [next((path for path in LOGS if os.path.exists(path)), LOGS[0])]


def read_logs(configured: list[str]) -> list[str]:
    """Return the logs to read: the configured ones; if none, BlueMind's core.log, too."""
    if configured and configured != KEYS["logs"].default:
        return list(dict.fromkeys(configured))
    return [*default_logs(), *([CORE_LOG] if os.access(CORE_LOG, os.R_OK) else [])]


def help_text() -> str:
    """Return the text of ``bmtick collect --help``."""
    import textwrap

    lines = []
    for option in OPTIONS:
        if not option.flag:
            continue
        names = ", ".join([option.flag, *(a for a in option.aliases if a.startswith("--"))])
        left = f"  {names} {option.metavar}".rstrip()
        text = option.text
        if option.kind == TEXTS:
            text += " Repeatable."
        if option.key:
            shown = option.default if option.kind != TEXTS else ", ".join(option.default)
            text += f" Default: the settings', else {shown}."
        wrapped = textwrap.wrap(text, 72)
        if len(left) > 22:
            lines.append(left)
            left = ""
        lines.append(f"{left:24}{wrapped[0]}")
        lines += [" " * 24 + line for line in wrapped[1:]]
    return "\n".join([_HEAD, *lines])


_HEAD = """\
Usage: bmtick collect [OPTIONS]

  The Telegraf collector: Postfix's log and queue as points on stdout. By default once, what is
  new since the state. Lines of several servers in one log are told apart by their host, and add
  up in the points, which bear the host of the collector.

Options:"""
