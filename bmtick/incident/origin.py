"""Login and client of a queued message."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """Login and client of one message.

    Attributes:
        user: the SASL login; empty: no login.
        client: the client's address; empty for mail submitted on the machine itself.
        name: the client's host name, as Postfix resolved it (``unknown`` if it could not).
        time: nanoseconds since the epoch.
        source: ``log`` or ``queue file``.
    """

    user: str
    client: str
    name: str = ""
    time: int = 0
    source: str = "log"
