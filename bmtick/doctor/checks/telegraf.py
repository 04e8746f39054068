"""Check that Telegraf runs, runs the collector, and logs no errors about it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from bmtick.doctor.check import Check, broken, off, ok, skipped
from bmtick.doctor.context import Context
from bmtick.errors import printable

ORDER = 30
_NAME = "telegraf"
_FOLDER = "/etc/telegraf/telegraf.d"
_LOG = "/var/log/telegraf/telegraf.log"
_SNIPPET = f"bmtick telegraf > {_FOLDER}/bmtick.conf && systemctl restart telegraf"
# Lost for good; Telegraf retries what an unreachable InfluxDB did not get.
_DROPPED = re.compile(r"partial write|max-values-per-tag|max-series-per|will be dropped|discarding")
_REFUSED = re.compile(r" [EW]! \[outputs\.influxdb.*(database not found|unauthor|authorization)")
_RECENT_WRITES = 600  # seconds: dropped points are lost
_CONF = "/etc/influxdb/influxdb.conf"
_REASONS = {
    "max-values-per-tag": "sed -i 's/^ *#* *max-values-per-tag = .*/  max-values-per-tag = 0/' "
    f"{_CONF} && systemctl restart influxdb",
    "max-series-per-database": "sed -i 's/^ *#* *max-series-per-database = .*/"
    f"  max-series-per-database = 0/' {_CONF} && systemctl restart influxdb",
    "field type conflict": "bmtick doctor | grep -A1 'age of the queue'",
    "points beyond retention policy": "timedatectl set-ntp true",
    "database not found": "influx -execute 'CREATE DATABASE telegraf'",
    "unauthorized": "grep -n username /etc/telegraf/telegraf.conf /etc/telegraf/telegraf.d/*.conf",
    "authorization failed": "grep -n username /etc/telegraf/telegraf.conf "
    "/etc/telegraf/telegraf.d/*.conf",
}
_TAIL = 64 * 1024
_RECENT = 60  # seconds: an error that is not repeated at the next runs is fixed


def run(context: Context) -> Iterator[Check]:
    """Check Telegraf's process, its configuration and its log."""
    if not context.path("/etc/telegraf").is_dir():
        yield off(_NAME, "no Telegraf on this machine ('bmtick watch' needs none)")
        return
    if not _process(context):
        yield broken(_NAME, "no telegraf process", "systemctl start telegraf")
    plugin = _plugin(context)
    yield plugin
    if plugin.status == "ok":
        yield _errors(context)


def _process(context: Context) -> bool:
    for name in context.path("/proc").glob("[0-9]*/comm"):
        try:
            if name.read_text().strip() == "telegraf":
                return True
        except OSError:  # the process has ended, or belongs to another user
            continue
    return False


def _plugin(context: Context) -> Check:
    name = f"{_NAME}: plugin"
    unreadable = ""
    for path in sorted(context.path(_FOLDER).glob("*.conf")):
        try:
            if _runs_collector(path):
                return ok(name, f"{_FOLDER}/{path.name} runs 'bmtick collect'")
        except PermissionError:
            unreadable = f"{_FOLDER}/{path.name}"
    if unreadable:
        return skipped(name, f"{unreadable} cannot be read", "sudo bmtick doctor")
    return broken(name, f"no file in {_FOLDER} runs 'bmtick collect'", _SNIPPET)


def _runs_collector(path: Path) -> bool:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(
        "bmtick" in line and "collect" in line
        for line in lines
        if not line.lstrip().startswith("#")
    )


def _complains(line: str) -> bool:
    """Whether a line is an error of the plugin.

    Telegraf 1.26 logs everything that inputs.execd writes to stderr as an error, warnings too.
    """
    _, error, text = line.partition(" E! ")
    warning = any(f'stderr: "{level}! ' in text for level in "WID")
    return bool(error) and "bmtick" in text and not warning


def _time(line: str) -> float:
    """Return when Telegraf logged a line; a line without a time counts as new."""
    try:
        return datetime.fromisoformat(line.split(" ", 1)[0]).timestamp()
    except ValueError:
        return math.inf


def _writing(lines: list[str]) -> Check:
    """Return which of Telegraf's points InfluxDB rejected, by reason."""
    name, last = f"{_NAME}: writing", lines[-1]
    remedy = "systemctl restart telegraf; tail -n 50 /var/log/telegraf/telegraf.log"
    for reason, mends in _REASONS.items():
        matching = [line for line in lines if reason in line]
        if matching:
            last, remedy = matching[-1], mends
            break
    return broken(name, f"InfluxDB does not take all points: {printable(last[:400])}", remedy)


def _errors(context: Context) -> Check:
    name = f"{_NAME}: log"
    path = context.path(_LOG)
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - _TAIL))
            lines = stream.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return skipped(name, f"no {_LOG}", "journalctl -u telegraf -n 50")
    except PermissionError:
        return skipped(name, f"{_LOG} cannot be read", "sudo bmtick doctor")
    # Errors before Telegraf's last start are fixed, or will be logged again.
    start = max((i for i, line in enumerate(lines) if "Starting Telegraf" in line), default=0)
    wrong = [
        line for line in lines[start:] if _complains(line) and context.now - _time(line) < _RECENT
    ]
    writing = [
        line
        for line in lines[start:]
        if (_DROPPED.search(line) and context.now - _time(line) < _RECENT_WRITES)
        or (_REFUSED.search(line) and context.now - _time(line) < _RECENT)
    ]
    if writing:
        return _writing(writing)
    if wrong:
        remedy = "runuser -u telegraf -- bmtick collect >/dev/null  # says the same by hand"
        return broken(name, f"{len(wrong)} errors, the last: {printable(wrong[-1])}", remedy)
    return ok(name, f"no error of the plugin in {_LOG}")
