"""Every measurement, tag and field name of the contract, once.

``postfix_queue`` is the schema of Telegraf's ``inputs.postfix``, so that one alert serves both
sources. The others are written by ``bmtick collect``.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as typing's, whose import costs the collector 3 ms at each start
if TYPE_CHECKING:
    from typing import Final

QUEUE: Final = "postfix_queue"
SENDER: Final = "postfix_sender"
CLIENT: Final = "postfix_client"
AUTH: Final = "postfix_auth"
DELIVERY: Final = "postfix_delivery"
COLLECTOR: Final = "bmtick_collector"
YSNP_AUTH: Final = "bm-ysnp.authCount"  # BlueMind's own login counter

OTHER: Final = "_other"  # the series that holds what --max-series folded together

TAGS: Final[dict[str, tuple[str, ...]]] = {
    QUEUE: ("queue",),
    SENDER: ("user",),
    CLIENT: ("client", "known"),
    AUTH: ("client",),
    DELIVERY: ("status",),
    COLLECTOR: (),
    YSNP_AUTH: ("status",),
}
"""Tags of each measurement, beside ``host`` and ``datalocation`` that Telegraf adds to all."""

GLOBAL_TAGS: Final = ("host", "datalocation")

FIELDS: Final[dict[str, dict[str, str]]] = {
    QUEUE: {"length": "int", "size": "int", "age": "float"},
    SENDER: {
        "messages": "int",
        "recipients": "int",
        "bytes": "int",
        "clients": "int",
        "refused": "int",
    },
    CLIENT: {"messages": "int", "recipients": "int", "bytes": "int"},
    AUTH: {"failures": "int", "users": "int"},
    DELIVERY: {"count": "int", "blocked": "int"},
    COLLECTOR: {
        "lines": "int",
        "bytes": "int",
        "unparsed": "int",
        "lag": "float",
        "folded": "int",
        "uncertain": "int",  # only where lines may have been lost or counted twice
    },
    YSNP_AUTH: {"count": "int"},
}
"""Fields of each measurement with their TICKscript types."""

QUEUES: Final = ("active", "deferred", "hold", "incoming", "maildrop")
STATUSES: Final = ("sent", "deferred", "bounced", "expired")

TASK_PREFIX: Final = "bmtick-"  # tasks that bmtick owns in Kapacitor; it touches no other
ALERTS_DATABASE: Final = "chronograf"
ALERTS_RETENTION_POLICY: Final = "autogen"
ALERTS_MEASUREMENT: Final = "alerts"
