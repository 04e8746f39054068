"""Check that the age of the queue is written with the type that the database has.

InfluxDB keeps one type per field and shard, and drops a whole point with another type (measured on
1.6.7). Telegraf 1.26's ``inputs.postfix`` writes the age as an integer, bmtick as a float: if
bmtick replaces it in the same database, length and size would be lost for up to a week.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bmtick.collect.queue import telegraf_watches
from bmtick.deploy.influx import show_field_keys, types_of
from bmtick.doctor.check import Check, broken, ok
from bmtick.doctor.context import Context
from bmtick.errors import BmtickError
from bmtick.names import QUEUE
from bmtick.terminal import shell_quoted

ORDER = 45
TICK_STACK = True
_NAME = "age of the queue"
_FOLDER = "/etc/telegraf/telegraf.d"
_OPTION = "--integer-age"


def run(context: Context) -> Iterator[Check]:
    """Compare the database's type with the one that this machine's collector writes."""
    found = _collector(context)
    if found is None or context.settings.collect.queue == "off":
        return
    if telegraf_watches(
        [str(context.path("/etc/telegraf/telegraf.conf")), str(context.path(_FOLDER))]
    ):
        return  # Telegraf's plugin writes the queue
    try:
        types = _types(context)
    except BmtickError:
        return  # the InfluxDB check reports it
    wanted = "integer" if _OPTION in found[1] else "float"
    other = {"integer": "float", "float": "integer"}[wanted]
    if types != {other}:
        if wanted in types:
            yield ok(_NAME, f"{wanted} in InfluxDB and from the collector")
        return
    edits = (
        f'-e \'s/ collect / collect {_OPTION} /\' -e \'s/"collect", /"collect", "{_OPTION}", /\''
        if other == "integer"
        else f"-e 's/ {_OPTION}//' -e 's/\"{_OPTION}\", //' -e 's/, \"{_OPTION}\"//'"
    )
    yield broken(
        _NAME,
        f"InfluxDB has it as {other}, this collector writes {wanted}: its points of the queue are "
        "dropped, length and size with them",
        f"sed -i {edits} {shell_quoted(f'{_FOLDER}/{found[0].name}')} && systemctl restart telegraf",
    )


def _collector(context: Context) -> tuple[Path, str] | None:
    """Return the file that runs the collector, and its text without comments.

    None: there is none, or it is not readable.
    """
    for path in sorted(context.path(_FOLDER).glob("*.conf")):
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        text = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))
        if "bmtick" in text and "collect" in text:
            return path, text
    return None


def _types(context: Context) -> set[str]:
    influx = context.settings.influxdb
    statement = show_field_keys(influx.retention_policy, QUEUE)
    return types_of(context.query(statement, influx.database), "age")
