"""The panels of bmtick's dashboard, once for every program that shows them.

A query is InfluxQL with two placeholders: ``{source}`` becomes the quoted database and retention
policy, ``{time}`` the program's own time condition and ``{interval}`` its own bucket length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bmtick import names

Kind = Literal["lines", "bars", "table"]


@dataclass(frozen=True)
class Panel:
    """One panel on a grid of twelve columns.

    Attributes:
        title: what it shows, for people.
        note: how to read it.
        kind: how it is drawn.
        query: InfluxQL with placeholders.
        measurement: the measurement it reads.
        unit: label of the value axis.
        width: columns of twelve.
        database: ``source`` for the collector's points, ``alerts`` for the alert record.
    """

    title: str
    note: str
    kind: Kind
    query: str
    measurement: str
    unit: str = ""
    width: int = 6
    database: Literal["source", "alerts"] = "source"


HEIGHT = 4  # grid rows of every panel

PANELS: tuple[Panel, ...] = (
    Panel(
        "Postfix queue",
        "Messages in each queue. A steep rise of deferred mail is how an outbreak often begins.",
        "lines",
        'SELECT mean("length") AS "messages" FROM {source}."postfix_queue" WHERE {time} '
        'GROUP BY time({interval}), "queue", "host" FILL(none)',
        names.QUEUE,
        "messages",
        12,
    ),
    Panel(
        "Recipients per user",
        "One user far above all others is the sign of a stolen password.",
        "lines",
        'SELECT sum("recipients") AS "recipients" FROM {source}."postfix_sender" WHERE {time} '
        'GROUP BY time({interval}), "user" FILL(none)',
        names.SENDER,
        "recipients",
    ),
    Panel(
        "Addresses per user within the hour",
        "Telephones roam over two or three addresses; a stolen password is used from dozens.",
        "lines",
        'SELECT max("clients") AS "addresses" FROM {source}."postfix_sender" WHERE {time} '
        'GROUP BY time({interval}), "user" FILL(none)',
        names.SENDER,
        "addresses",
    ),
    Panel(
        "Users by recipients",
        "The ten users with the most recipients in the time shown.",
        "table",
        'SELECT top("recipients", "user", 10) AS "recipients" FROM (SELECT sum("recipients") AS '
        '"recipients" FROM {source}."postfix_sender" WHERE {time} GROUP BY "user")',
        names.SENDER,
        "recipients",
    ),
    Panel(
        "Refused deliveries per user",
        "Mail of this user that bounced or was blocked.",
        "bars",
        'SELECT sum("refused") AS "refused" FROM {source}."postfix_sender" WHERE {time} '
        'GROUP BY time({interval}), "user" FILL(none)',
        names.SENDER,
        "deliveries",
    ),
    Panel(
        "Relaying without login",
        "Messages per client that did not log in. known=false is a machine nobody declared.",
        "lines",
        'SELECT sum("messages") AS "messages" FROM {source}."postfix_client" WHERE {time} '
        'GROUP BY time({interval}), "client", "known" FILL(none)',
        names.CLIENT,
        "messages",
    ),
    Panel(
        "Failed logins per client",
        "Many failures from one address: somebody guesses passwords.",
        "bars",
        'SELECT sum("failures") AS "failures" FROM {source}."postfix_auth" WHERE {time} '
        'GROUP BY time({interval}), "client" FILL(none)',
        names.AUTH,
        "failures",
    ),
    Panel(
        "Deliveries by outcome",
        "sent, deferred, bounced and expired.",
        "bars",
        'SELECT sum("count") AS "deliveries" FROM {source}."postfix_delivery" WHERE {time} '
        'GROUP BY time({interval}), "status" FILL(none)',
        names.DELIVERY,
        "deliveries",
    ),
    Panel(
        "Refused as spam or by block lists",
        "Above zero for long: look up this server's address on the block lists.",
        "lines",
        'SELECT sum("blocked") AS "blocked" FROM {source}."postfix_delivery" WHERE {time} '
        "GROUP BY time({interval}) FILL(none)",
        names.DELIVERY,
        "deliveries",
    ),
    Panel(
        "Alerts",
        "What Kapacitor recorded, newest first.",
        "table",
        'SELECT "alertID", "level", "host", "message" FROM {source}."alerts" WHERE {time} '
        "ORDER BY time DESC LIMIT 100",
        names.ALERTS_MEASUREMENT,
        width=12,
        database="alerts",
    ),
    Panel(
        "Collector: lines read",
        "No line here: the collector does not run, or the log is not written.",
        "lines",
        'SELECT sum("lines") AS "lines" FROM {source}."bmtick_collector" WHERE {time} '
        'GROUP BY time({interval}), "host" FILL(none)',
        names.COLLECTOR,
        "lines",
    ),
    Panel(
        "Collector: lag",
        "Seconds between a log line and its point.",
        "lines",
        'SELECT max("lag") AS "lag" FROM {source}."bmtick_collector" WHERE {time} '
        'GROUP BY time({interval}), "host" FILL(none)',
        names.COLLECTOR,
        "s",
    ),
)


def layout() -> list[tuple[Panel, int, int]]:
    """Return each panel with its column and row, filled from left to right."""
    placed, x, y = [], 0, 0
    for panel in PANELS:
        if x + panel.width > 12:
            x, y = 0, y + HEIGHT
        placed.append((panel, x, y))
        x += panel.width
    return placed
