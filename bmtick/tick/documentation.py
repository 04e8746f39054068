"""Documentation of nodes, properties and functions for editors, one or two sentences each.

A name without an entry here shows only its summary and signature from ``signatures.py``.
"""

from __future__ import annotations

from typing import Final

from bmtick.tick.kinds import Handler, Kind, Property
from bmtick.tick.signatures import FUNCTIONS

EXAMPLES: Final = {
    "stream": "stream\n    |from()\n        .measurement('cpu')",
    "from": "|from()\n    .database('telegraf')\n    .measurement('cpu')\n    .groupBy('host')",
    "batch": "batch\n    |query('SELECT mean(usage) FROM telegraf.autogen.cpu')",
    "query": (
        "|query('SELECT mean(usage) AS usage FROM telegraf.autogen.cpu')\n"
        "    .period(5m)\n    .every(1m)\n    .groupBy('host')"
    ),
    "window": "|window()\n    .period(10m)\n    .every(1m)",
    "where": '|where(lambda: "host" == \'mail\' AND "usage" > 10.0)',
    "eval": '|eval(lambda: "used" / "total" * 100.0)\n    .as(\'percent\')\n    .keep()',
    "groupBy": "|groupBy('host', 'queue')",
    "mean": "|mean('usage')\n    .as('usage')",
    "sum": "|sum('count')\n    .as('count')",
    "percentile": "|percentile('latency', 95.0)\n    .as('p95')",
    "derivative": "|derivative('bytes')\n    .unit(1s)\n    .nonNegative()\n    .as('rate')",
    "join": "errors\n    |join(requests)\n        .as('errors', 'requests')\n        .tolerance(10s)",
    "union": "a\n    |union(b, c)",
    "default": "|default()\n    .field('count', 0)\n    .tag('host', 'unknown')",
    "sample": "|sample(1m)",
    "shift": "|shift(1h)",
    "stateDuration": "|stateDuration(lambda: \"usage\" > 90.0)\n    .unit(1m)\n    .as('minutes')",
    "stateCount": "|stateCount(lambda: \"usage\" > 90.0)\n    .as('times')",
    "alert": (
        "|alert()\n    .id('{{ index .Tags \"host\" }}')\n"
        "    .message('{{ .ID }} is {{ .Level }}')\n    .crit(lambda: \"usage\" > 90.0)\n"
        "    .stateChangesOnly()\n    .email('admin@example.org')"
    ),
    "deadman": "|deadman(0.0, 10m)\n    .email('admin@example.org')",
    "influxDBOut": "|influxDBOut()\n    .database('alerts')\n    .measurement('cpu')",
    "httpOut": "|httpOut('last')",
    "log": "|log()\n    .level('DEBUG')",
    "barrier": "|barrier()\n    .idle(1m)",
    "flatten": "|flatten()\n    .on('host', 'port')",
    "combine": "|combine(lambda: TRUE, lambda: TRUE)\n    .as('a', 'b')",
    "changeDetect": "|changeDetect('status')",
    "delete": "|delete()\n    .field('debug')",
}

_ALERT: Final = {
    "crit": "The event is CRITICAL while this is true.",
    "warn": "The event is WARNING while this is true and crit is not.",
    "info": "The event is INFO while this is true and neither warn nor crit is.",
    "critReset": "Once CRITICAL, the level falls only when this is true: a gap against flapping.",
    "warnReset": "Once WARNING, the level falls only when this is true.",
    "infoReset": "Once INFO, the level falls only when this is true.",
    "id": (
        "Go template of the event's id; all groups that share an id share one state. It sees .Name, "
        ".TaskName, .Group, .Tags and .ServerInfo."
    ),
    "message": "Go template of the text; it also sees .ID, .Level, .Fields, .Time and .Duration.",
    "details": "Go template in HTML of the mail's body; it also sees .Message.",
    "stateChangesOnly": "Sends only when the level changes; with a duration, repeats after it.",
    "noRecoveries": "Sends no event when the level falls to OK.",
    "flapping": "Sends nothing while the level changes too often: shares of the history, 0.0 to 1.0.",
    "history": "How many past levels count for flapping; 21 by default.",
    "all": "Of a batch, every point must meet the condition, not one.",
    "topic": "Sends the events to this topic, whose handlers are defined apart from the script.",
    "inhibit": "While this alert fires, those of the category with equal tags are silent.",
    "category": "The name by which other alerts inhibit this one.",
    "levelTag": "Adds the level to the data as this tag.",
    "levelField": "Adds the level to the data as this field.",
    "idTag": "Adds the id to the data as this tag.",
    "idField": "Adds the id to the data as this field.",
    "messageField": "Adds the message to the data as this field.",
    "durationField": "Adds to the data how long the level has stood, in nanoseconds.",
}
PROPERTIES: Final[dict[str, dict[str, str]]] = {
    "alert": _ALERT,
    "deadman": _ALERT,
    "from": {
        "measurement": "Takes the points of this measurement only.",
        "database": "Takes the points of this database only; the task must name it, too.",
        "retentionPolicy": "Takes the points of this retention policy only.",
        "where": "Takes only the points for which this is true.",
        "groupBy": "Divides the points by these tags; * means all tags.",
        "groupByMeasurement": "Divides the points by their measurement, too.",
        "truncate": "Cuts the time of points to a multiple of this.",
        "round": "Rounds the time of points to a multiple of this.",
    },
    "query": {
        "period": "How much data each query asks for, back from its time.",
        "every": "How often the query runs.",
        "cron": "When the query runs, as in crontab; instead of every.",
        "offset": "Shifts the times that the query asks for into the past.",
        "align": "Runs at multiples of every.",
        "alignGroup": "Aligns the groups of time() with the start of the query.",
        "groupBy": "Tags and time() by which the query groups.",
        "fill": "What stands in empty groups: null, none, previous, linear or a number.",
        "cluster": "The InfluxDB of kapacitor.conf that is asked.",
    },
    "window": {
        "period": "How much time a window holds.",
        "every": "How often a window is handed on; without it, at every point.",
        "align": "Hands windows on at multiples of every.",
        "fillPeriod": "Hands the first window on only when it is full.",
        "periodCount": "How many points a window holds; instead of period.",
        "everyCount": "After how many points a window is handed on.",
    },
    "eval": {
        "as": "The names of the results, one for each expression.",
        "keep": "Keeps the fields of the point, too; with names, only those and the results named.",
        "tags": "Makes tags of these results; they must be strings.",
    },
    "join": {
        "as": "A name for each side; it stands before the names of its fields.",
        "tolerance": "Times so near are taken for equal.",
        "on": "Joins on these tags only, where one side is grouped by more.",
        "fill": "What stands for a side without a point: null or a number; else nothing is joined.",
        "delimiter": "What stands between the side's name and the field's; a dot by default.",
        "streamName": "The measurement of the joined data.",
    },
    "derivative": {
        "unit": "The time that the rate is per; 1s by default.",
        "nonNegative": "Leaves negative rates out, as of a counter that was reset.",
        "as": "The name of the result; by default the field's own.",
    },
    "stateDuration": {
        "unit": "The unit of the result; 1s by default.",
        "as": "The name of the result.",
    },
    "influxDBOut": {
        "database": "The database that is written to.",
        "retentionPolicy": "The retention policy that is written to.",
        "measurement": "The measurement that is written to; by default that of the data.",
        "tag": "Adds a tag to each point.",
        "create": "Creates the database first.",
        "cluster": "The InfluxDB of kapacitor.conf that is written to.",
    },
    "barrier": {
        "idle": "After this time without a point, time goes on all the same.",
        "period": "Time goes on at this interval, whatever comes.",
        "delete": "Forgets a group after its barrier.",
    },
}
COMMON: Final = {
    "as": "The name of the result.",
    "usePointTimes": "Keeps the times of the points that were chosen.",
    "quiet": "Logs no errors of this node.",
    "tolerance": "Times so near are taken for equal.",
}
HANDLERS: Final = {
    "email": "Sends a mail to these addresses, or to those of kapacitor.conf.",
    "post": "Posts the event as JSON to this URL, or to an endpoint of kapacitor.conf.",
    "exec": "Runs a program on the server with the event as JSON on its input.",
    "log": "Appends the event as JSON to a file of the server; the path is absolute.",
    "tcp": "Sends the event as JSON to host:port.",
    "slack": "Sends the message to a channel of Slack.",
    "telegram": "Sends the message to a chat of Telegram.",
    "teams": "Sends the message to a channel of Microsoft Teams.",
    "pagerDuty2": "Opens and resolves an incident of PagerDuty.",
    "opsGenie2": "Opens and closes an alert of Opsgenie.",
    "snmpTrap": "Sends an SNMP trap.",
    "mqtt": "Publishes the message to a topic of an MQTT broker.",
    "kafka": "Sends the message to a topic of Kafka.",
}


def of_kind(kind: Kind) -> str:
    """Return the documentation of a node, in Markdown."""
    head = f"**|{kind.name}{kind.signature}**" if kind.wants or kind.after else f"**|{kind.name}**"
    if kind.name not in ("stream", "batch"):
        head = f"**|{kind.name}{kind.signature}**"
    parts = [head, _sentence(kind.summary)]
    edges = []
    if kind.wants:
        edges.append(f"takes a {kind.wants}")
    if kind.provides:
        edges.append(f"gives a {kind.provides}")
    if kind.after:
        edges.append(f"follows {' or '.join(kind.after)}")
    if edges:
        parts.append(_sentence(", ".join(edges)))
    if example := EXAMPLES.get(kind.name):
        parts.append(f"```tickscript\n{example}\n```")
    names = [f"`.{name}()`" for name, p in sorted(kind.properties.items()) if p.documented]
    if names:
        parts.append("Properties: " + ", ".join(names))
    if kind.since > "1.5.0":
        parts.append(f"Since Kapacitor {kind.since}.")
    return "\n\n".join(parts)


def of_property(owner: str, found: Property | Handler) -> str:
    """Return the documentation of a property or handler, in Markdown."""
    if isinstance(found, Handler):
        text = HANDLERS.get(found.name, "A handler: who is told of the event.")
        names = ", ".join(f"`.{name}()`" for name in sorted(found.properties))
        text += f"\n\nProperties: {names}" if names else ""
    else:
        text = PROPERTIES.get(owner, {}).get(found.name) or COMMON.get(found.name, "")
    head = f"**.{found.name}{found.signature}** of {owner}"
    since = f"Since Kapacitor {found.since}." if found.since > "1.5.0" else ""
    return "\n\n".join(part for part in (head, text, since) if part)


def of_function(name: str) -> str:
    """Return the signatures of a lambda's function, in Markdown."""
    lines = []
    for overload in FUNCTIONS[name]:
        operands, _, result = overload.rpartition("->")
        lines.append(f"{name}({operands.strip()}) {result.strip()}")
    return "```\n" + "\n".join(lines) + "\n```"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
