"""Check that InfluxDB has fresh points of each measurement, with host and datalocation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bmtick import names
from bmtick.alerts import desired
from bmtick.deploy.answers import SeriesAnswer
from bmtick.doctor.check import Check, broken, ok, skipped
from bmtick.doctor.context import Context, ago
from bmtick.durations import SECOND
from bmtick.errors import BmtickError
from bmtick.influxql import quote_name
from bmtick.terminal import shell_quoted

ORDER = 40
TICK_STACK = True
_NAME = "influxdb"
_CHRONOGRAF = "chronograf"
_KEPT = 86_400  # seconds: the alerts look back a day
_FRESH = 300  # seconds; jitter of collection and flush together is below a minute
_AHEAD = 30  # seconds that a point may be in the future; more is a wrong clock

# Measurements that are written all the time must be fresh; those that are written on events (a
# failed login, a sent mail) may be silent on a quiet server.
_STEADY = (names.QUEUE, names.COLLECTOR)
_EVENTS = (names.SENDER, names.CLIENT, names.AUTH, names.DELIVERY)


def run(context: Context) -> Iterator[Check]:
    """Query the newest point of each measurement."""
    influx = context.settings.influxdb
    try:
        databases = _column(context.query("SHOW DATABASES", ""))
    except BmtickError as error:
        if not getattr(error, "status", 0):
            context.no_answer(influx.url)
        yield _unanswered(influx.url, error)
        return
    yield ok(_NAME, f"{influx.url} answers")
    if influx.database not in databases:
        yield broken(
            f"{_NAME}: database",
            f"there is no database '{influx.database}'",
            f"influx -execute {shell_quoted(f'CREATE DATABASE {quote_name(influx.database)}')}"
            f"  # or set [influxdb] database; it has: {', '.join(databases) or 'none'}",
        )
        return
    if _CHRONOGRAF not in databases and any(desired(context.settings)):
        yield broken(
            f"{_NAME}: alert history",
            f"there is no database '{_CHRONOGRAF}': no alert is recorded, and none shows in "
            "Chronograf or in BlueMind's console",
            f"influx -execute 'CREATE DATABASE {_CHRONOGRAF}'",
        )
    if (check := _policy(context)) is not None:
        yield check
        if check.status == "broken" and "keeps" not in check.finding:
            return
    for measurement in (*_STEADY, *_EVENTS):
        yield _measurement(context, measurement)


def _unanswered(url: str, error: BmtickError) -> Check:
    if getattr(error, "status", 0) in (401, 403):
        return broken(_NAME, f"{url} lets bmtick not in: {error.message}", error.remedy)
    return broken(
        _NAME,
        f"{url} does not answer: {error.message}",
        "systemctl start influxdb  # or set [influxdb] url in bmtick.toml",
    )


def _policy(context: Context) -> Check | None:
    influx = context.settings.influxdb
    statement = f"SHOW RETENTION POLICIES ON {quote_name(influx.database)}"
    found = context.query(statement, influx.database)
    policies = _column(found)
    if influx.retention_policy and influx.retention_policy not in policies:
        return broken(
            f"{_NAME}: database",
            f"'{influx.database}' has no retention policy '{influx.retention_policy}'",
            f"sed -i 's/^retention_policy = .*/retention_policy = \"{(policies or ['autogen'])[0]}\"/' "
            f"{shell_quoted(context.settings.path or '/etc/bmtick/bmtick.toml')}"
            f"  # it has: {', '.join(policies) or 'none'}",
        )
    for series in found:
        for row in series.values or []:
            one = dict(zip(series.columns, row, strict=False))
            used = one.get("name") == influx.retention_policy or (
                not influx.retention_policy and one.get("default")
            )
            if used and 0 < _seconds(str(one.get("duration", "0s"))) < _KEPT:
                change = (
                    f"ALTER RETENTION POLICY {quote_name(str(one['name']))} ON "
                    f"{quote_name(influx.database)} DURATION 30d SHARD DURATION 1d"
                )
                return broken(
                    f"{_NAME}: retention",
                    f"'{influx.database}' keeps points for {one['duration']} only",
                    f"influx -execute {shell_quoted(change)}",
                )
    return None


def _seconds(text: str) -> int:
    """Return InfluxDB's ``168h0m0s`` in seconds; 0 means forever."""
    return sum(
        int(n) * {"h": 3600, "m": 60, "s": 1}[u] for n, u in re.findall(r"(\d+)([hms])", text)
    )


def _measurement(context: Context, measurement: str) -> Check:
    name = f"points: {measurement}"
    influx = context.settings.influxdb
    policy, series = influx.retention_policy, quote_name(measurement)
    source = f"{quote_name(policy)}.{series}" if policy else series
    found = context.query(
        f"SELECT * FROM {source} ORDER BY time DESC LIMIT 1",  # noqa: S608 -- names are quoted
        influx.database,
    )
    if not found or not found[0].values:
        remedy = "systemctl restart telegraf; sleep 30; tail /var/log/telegraf/telegraf.log"
        if measurement in _STEADY:
            return broken(name, "never written", remedy)
        return skipped(name, "never written: no such event yet, or not collected", remedy)
    point = dict(zip(found[0].columns, found[0].values[0], strict=True))
    return _check_point(context, measurement, point)


def _check_point(context: Context, measurement: str, point: dict[str, Any]) -> Check:
    name = f"points: {measurement}"
    age = context.now - point["time"] / SECOND
    if age < -_AHEAD:
        return broken(
            name,
            f"the newest point lies {ago(-age)} in the future",
            "timedatectl set-ntp true  # here and on the mail servers",
        )
    if age > _FRESH and measurement in _STEADY:
        return broken(name, f"the newest point is {ago(age)} old", "systemctl restart telegraf")
    missing = [tag for tag in names.GLOBAL_TAGS if not point.get(tag)]
    if missing:
        return broken(
            name,
            f"points bear no tag '{missing[0]}'",
            "bm-cli tick reconfigure  # elsewhere: set it under [global_tags] of telegraf.conf",
        )
    return ok(name, f"newest point {ago(max(age, 0))} old, from host {point['host']}")


def _column(series: list[SeriesAnswer]) -> list[str]:
    return [str(row[0]) for item in series for row in item.values or [] if row]
