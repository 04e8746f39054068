"""All measurement, tag and field names of the contract.

``postfix_queue`` has the schema of Telegraf's ``inputs.postfix``, so that one alert works with both
sources. ``bmtick collect`` writes the others.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, whose import costs the collector 3 ms at each start
if TYPE_CHECKING:
    from typing import Final

QUEUE: Final = "postfix_queue"
SENDER: Final = "postfix_sender"
CLIENT: Final = "postfix_client"
FROM: Final = "postfix_from"
LOCAL: Final = "postfix_local"
FORWARD: Final = "postfix_forward"
AUTH: Final = "postfix_auth"
ACCOUNT: Final = "postfix_account"
SERVER: Final = "postfix_server"
DELIVERY: Final = "postfix_delivery"
CORE_AUTH: Final = "bluemind_auth"
GUARD: Final = "postfix_guard"
LISTED: Final = "bmtick_listed"
COLLECTOR: Final = "bmtick_collector"
YSNP_AUTH: Final = "bm-ysnp.authCount"  # BlueMind's own login counter

YSNP: Final = "ysnp"  # the origin of Postfix's logins, in BlueMind's log
OTHER: Final = "_other"  # the series that contains what --max-series folded together

TAGS: Final[dict[str, tuple[str, ...]]] = {
    QUEUE: ("queue",),
    SENDER: ("user",),
    CLIENT: ("client", "known"),
    FROM: ("client", "sender"),
    LOCAL: ("sender", "uid"),
    FORWARD: ("forwarder",),
    AUTH: ("client",),
    ACCOUNT: ("user",),
    SERVER: (),
    DELIVERY: ("status",),
    CORE_AUTH: ("client", "origin"),
    GUARD: ("who", "user", "client"),
    LISTED: ("address", "list", "entry"),
    COLLECTOR: (),
    YSNP_AUTH: ("status",),
}
"""Tags of each measurement, besides ``host`` and ``datalocation``, which Telegraf adds to all."""

GLOBAL_TAGS: Final = ("host", "datalocation")

# Gauges that the collector keeps of an account or a machine, besides the counts of the interval:
# docs/metrics.md describes each.
RELAYING_GAUGES: Final = (
    "recent_messages",
    "recent_relayed",
    "recent_refused",
    "hour_messages",
    "hour_relayed",
    "hour_refused",
    "hour_blocked",
    "hour_unknown",
    "day_messages",
    "day_relayed",
    "day_refused",
    "domains",
    "senders",
    "usual",
    "usual_recent",
    "usual_domains",
    "usual_senders",
    "days",
)
SENDING_GAUGES: Final = (
    "recent_messages",
    "recent_recipients",
    "recent_local",
    "recent_refused",
    "hour_messages",
    "hour_recipients",
    "hour_local",
    "hour_refused",
    "hour_blocked",
    "hour_unknown",
    "hour_throttled",
    "hour_distinct",
    "day_messages",
    "day_recipients",
    "day_local",
    "day_refused",
    "day_blocked",
    "new_clients",
    "shared_clients",
    "hour_strange",
    "day_strange",
    "domains",
    "usual",
    "usual_recent",
    "usual_local",
    "usual_clients",
    "days",
)
_OUTCOMES: Final = ("relayed", "local", "refused", "blocked", "unknown", "throttled")


def _integers(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "int")


FIELDS: Final[dict[str, dict[str, str]]] = {
    QUEUE: {"length": "int", "size": "int", "age": "float"},
    SENDER: _integers(
        *("messages", "recipients", "bytes", "clients", "refused"),
        *("relayed", "local", "blocked", "unknown", "throttled"),
        *SENDING_GAUGES,
    ),
    CLIENT: _integers("messages", "recipients", "bytes", *_OUTCOMES, *RELAYING_GAUGES),
    FROM: _integers("messages", "recipients", "bytes", *_OUTCOMES, *RELAYING_GAUGES),
    LOCAL: _integers("messages", "recipients", "bytes", *_OUTCOMES, *RELAYING_GAUGES),
    FORWARD: _integers("messages", "recipients", "bytes", *_OUTCOMES, *RELAYING_GAUGES),
    AUTH: _integers("failures", "users", "hour_failures", "hour_users", "day_failures"),
    ACCOUNT: _integers("failures", "clients", "broken_in", "hour_failures", "day_failures"),
    SERVER: _integers(
        *("relayed", "failures"),
        *("recent_relayed", "hour_relayed", "day_relayed", "hour_refused", "relaying_clients"),
        *("recent_failures", "hour_failures", "day_failures", "failing_clients", "failing_users"),
        *("usual", "usual_failures", "days"),
    ),
    DELIVERY: {"count": "int", "blocked": "int"},
    CORE_AUTH: _integers("failures", "users"),
    GUARD: _integers("held", "observed", "messages"),
    LISTED: _integers("listed"),
    COLLECTOR: {
        "lines": "int",
        "bytes": "int",
        "unparsed": "int",
        "lag": "float",
        "folded": "int",
        "collector": "int",  # not for batch reads; two values for one log: a second collector
        "log": "int",
        "uncertain": "int",  # only if lines may have been lost or counted twice
    },
    YSNP_AUTH: {"count": "int"},
}
"""Fields of each measurement with their TICKscript types."""

ADDITIVE: Final = frozenset(
    (
        "messages",
        "recipients",
        "bytes",
        *_OUTCOMES,
        "failures",
        "count",
        "lines",
        "unparsed",
        "folded",
        "uncertain",
    )
)
"""Fields that may be summed over intervals; all others are gauges."""

QUEUES: Final = ("active", "deferred", "hold", "incoming", "maildrop")
STATUSES: Final = ("sent", "deferred", "bounced", "expired")

TASK_PREFIX: Final = "bmtick-"  # prefix of bmtick's tasks in Kapacitor; it touches no others
ALERTS_DATABASE: Final = "chronograf"
ALERTS_RETENTION_POLICY: Final = "autogen"
ALERTS_MEASUREMENT: Final = "alerts"
