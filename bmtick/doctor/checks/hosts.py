"""Check each mail server: whether it sends points, with a correct clock, from one collector."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bmtick import names
from bmtick.deploy.answers import SeriesAnswer
from bmtick.doctor.check import Check, broken, ok
from bmtick.doctor.context import Context, ago
from bmtick.durations import SECOND
from bmtick.errors import BmtickError
from bmtick.influxql import quote_name, quote_text

ORDER = 42
TICK_STACK = True
_LATE = 75  # interval plus jitter of collection and flush are below 40
_DEAD = 300
_FORGOTTEN = 7 * 86_400  # a host that is silent for longer is no longer a mail server
_SECOND_LOOK = 15.0  # seconds in which a running collector writes again
# Telegraf's own measurements that every host of Bm-tick has
_OTHERS = ("system", "cpu", "mem", "disk", "net")


def run(context: Context) -> Iterator[Check]:
    """Query the newest point of each host's collector."""
    try:
        newest = _newest(context)
    except BmtickError:
        return  # the InfluxDB check reports it
    late = {h: t for h, t in newest.items() if _LATE < context.now - t < _FORGOTTEN}
    second = newest
    if late:
        context.sleep(_SECOND_LOOK)
        second = _newest(context)
    for host, at in sorted(newest.items()):
        if context.now - at < _FORGOTTEN:
            yield _host_check(host, context.now - at, moving=second.get(host, at) > at)
    yield from _tags(context, set(newest))
    yield from _collectors(context)


def _host_check(host: str, age: float, *, moving: bool) -> Check:
    name = f"host {host}"
    remote = f"ssh root@{_shell_host(host)}"
    if age > _LATE and moving:
        return broken(
            name,
            f"it sends points that are {ago(age)} old: its clock is behind",
            f"{remote} timedatectl set-ntp true",
        )
    if age > _DEAD:
        return broken(
            name,
            f"its last point is {ago(age)} old",
            f"{remote} 'systemctl restart telegraf; systemctl --no-pager status postfix'",
        )
    return ok(name, f"its last point is {ago(max(age, 0))} old")


def _shell_host(host: str) -> str:
    return "".join(c if c.isalnum() or c in ".:-_" else "_" for c in host)


def _source(context: Context, measurement: str) -> str:
    policy = context.settings.influxdb.retention_policy
    source = quote_name(measurement)
    return f"{quote_name(policy)}.{source}" if policy else source


def _newest(context: Context) -> dict[str, float]:
    """Return the time of each host's newest point, seconds since the epoch."""
    query = f'SELECT last("lines") FROM {_source(context, names.COLLECTOR)} GROUP BY "host"'  # noqa: S608 -- quoted
    found = context.query(query, context.settings.influxdb.database)
    return {
        (s.tags or {}).get("host", ""): s.values[0][0] / SECOND
        for s in found
        if s.values and (s.tags or {}).get("host")
    }


def _values(found: list[SeriesAnswer]) -> set[str]:
    return {str(row[-1]) for series in found for row in series.values or [] if row}


def _tags(context: Context, hosts: set[str]) -> Iterator[Check]:
    """Compare hosts and datalocations with those of Telegraf's other measurements."""
    database = context.settings.influxdb.database
    others = ", ".join(quote_name(name) for name in _OTHERS)
    for tag in names.GLOBAL_TAGS:
        known = _values(
            context.query(f"SHOW TAG VALUES FROM {others} WITH KEY = {quote_name(tag)}", database)
        )
        recent = _recent(context, tag)
        odd = sorted(recent - known)
        if known and odd:
            yield broken(
                f"tag {tag}",
                f"the collector's points bear {tag} '{odd[0]}', which no other measurement of "
                f"Telegraf's has; they have: {', '.join(sorted(known)[:5])}",
                f"grep -rn {tag} /etc/telegraf/telegraf.conf /etc/telegraf/telegraf.d"
                "  # then set it under [global_tags], and nowhere else",
            )
    yield from _alert_filters(context, hosts)


def _recent(context: Context, tag: str) -> set[str]:
    """Return the values of a tag in the last hour."""
    query = (
        f'SELECT last("lines") FROM {_source(context, names.COLLECTOR)} '  # noqa: S608 -- quoted
        f"WHERE time > {int((context.now - 3600) * SECOND)} GROUP BY {quote_name(tag)}"
    )
    found = context.query(query, context.settings.influxdb.database)
    return {value for s in found if (value := (s.tags or {}).get(tag, ""))}


def _alert_filters(context: Context, hosts: set[str]) -> Iterator[Check]:
    """Check whether an alert is limited to a host or datalocation that no point has."""
    for name, section in context.settings.alerts.items():
        where = section.get("where")
        for tag in names.GLOBAL_TAGS:
            wanted = where.get(tag) if isinstance(where, dict) else None
            if not isinstance(wanted, str) or not hosts:
                continue
            query = (
                f'SELECT last("lines") FROM {_source(context, names.COLLECTOR)} '  # noqa: S608 -- quoted
                f"WHERE {quote_name(tag)} = {quote_text(wanted)}"
            )
            if not context.query(query, context.settings.influxdb.database):
                yield broken(
                    f"tag {tag}",
                    f"[alerts.{name}] is bound to {tag} '{wanted}', which no point bears",
                    f"grep -n {tag} {context.settings.path or '/etc/bmtick/bmtick.toml'}"
                    f"  # the points have: {', '.join(sorted(hosts)[:5])}",
                )


def _collectors(context: Context) -> Iterator[Check]:
    """Check whether two collectors read the same log: each writes its own number with the log's."""
    query = (
        f'SELECT "collector", "log" FROM {_source(context, names.COLLECTOR)} '  # noqa: S608 -- quoted
        f'WHERE time > {int((context.now - 600) * SECOND)} GROUP BY "host"'
    )
    try:
        found = context.query(query, context.settings.influxdb.database)
    except BmtickError:
        return
    for series in found:
        host = (series.tags or {}).get("host", "")
        rows = [r for r in series.values or [] if len(r) == 3 and None not in r]
        newest = max((r[0] for r in rows), default=0)
        alive: dict[int, set[int]] = defaultdict(set)
        for at, collector, log in rows:
            if newest - at < _LATE * SECOND:
                alive[log].add(collector)
        if any(len(numbers) > 1 for numbers in alive.values()):
            yield broken(
                f"host {host}",
                "two collectors read the same log: mail counts twice",
                f"ssh root@{_shell_host(host)} "
                '\'ps -eo user,pid,args | grep "[b]mtick.*collect"; '
                "grep -ln bmtick /etc/telegraf/telegraf.conf /etc/telegraf/telegraf.d/*.conf'"
                "  # end all but one",
            )
