"""Open messages by queue id: login and client of each, from its first line to its last.

Memory depends on the queue, not on the log: a message is dropped when Postfix removes it. A content
filter gives a message a second queue id; both have the origin of the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bmtick.collect.events import Active, Client, Delivery, Pickup
from bmtick.incident.networks import parse_address
from bmtick.incident.origin import Origin

_QUEUED_AS = re.compile(r"queued as ([0-9A-Za-z]{5,})")
_MAX_OPEN = 1_000_000  # messages without an end in the log


class Message:
    """One open message.

    Attributes:
        user: the login, or "".
        client: the address it came from; "" for mail submitted on the machine itself.
        from_filter: whether a content filter returned it, so it was seen before.
        counted: whether it was in the active queue already.
    """

    __slots__ = ("client", "counted", "from_filter", "name", "sender", "time", "user")

    def __init__(self, user: str, client: str, name: str, time: int) -> None:
        self.user, self.client, self.name, self.time = user, client, name, time
        self.sender = ""
        self.from_filter = self.counted = False


class Ledger:
    """All open messages."""

    def __init__(self) -> None:
        self.open: dict[str, Message] = {}

    def client(self, time: int, event: Client) -> Message | None:
        """Begin a message at ``client=``; None before a proxy filter, where it has no id yet."""
        if not event.queue_id:
            return None
        message = Message(event.sasl_username, event.client, event.client_name, time)
        before = self.open.get(event.orig_queue_id) if event.orig_queue_id else None
        if before is not None:
            self._take_over(message, before)
        self._begin(event.queue_id, message)
        return message

    def pickup(self, time: int, event: Pickup) -> Message:
        """Begin a message submitted by the local sendmail command, or a requeued one.

        A requeued message whose first id is not known has an unknown origin: see its queue file.
        """
        message = Message("", "", "?" if event.orig_queue_id else "", time)
        before = self.open.get(event.orig_queue_id) if event.orig_queue_id else None
        if before is not None:
            self._take_over(message, before)
        self._begin(event.queue_id, message)
        return message

    def active(self, time: int, event: Active) -> Message | None:
        """Return a message when it becomes active for the first time; None at each retry.

        A message that began before the log is added here, with unknown origin.
        """
        message = self.open.get(event.queue_id)
        if message is None:
            message = Message("", "", "?", time)
            self._begin(event.queue_id, message)
        if message.counted:
            return None
        message.counted = True
        message.sender = event.sender
        return message

    def delivery(self, event: Delivery) -> tuple[Message | None, bool]:
        """Return the message of a delivery, and whether a local content filter took it.

        A filter returns the message under a second queue id, which ``queued as`` names.
        """
        message = self.open.get(event.queue_id)
        if message is None or event.status != "sent" or "queued as" not in event.text:
            return message, False
        following = _QUEUED_AS.search(event.text)
        second = self.open.get(following[1]) if following else None
        if second is None or second is message or not is_local_relay(event.relay):
            return message, False
        if not second.user:
            self._take_over(second, message)
        return message, True

    def removed(self, queue_id: str) -> None:
        """Drop a message."""
        self.open.pop(queue_id, None)

    def origins(self) -> dict[str, Origin]:
        """Return the origin of each open message, unless it is unknown."""
        return {
            i: Origin(m.user, m.client, m.name, m.time)
            for i, m in self.open.items()
            if m.name != "?"
        }

    def logins(self) -> Iterator[str]:
        """Yield the logins of all open messages."""
        return (m.user for m in self.open.values() if m.user)

    @staticmethod
    def _take_over(message: Message, before: Message) -> None:
        message.user, message.client, message.name = before.user, before.client, before.name
        message.from_filter = True

    def _begin(self, queue_id: str, message: Message) -> None:
        self.open.pop(queue_id, None)
        self.open[queue_id] = message
        if len(self.open) > _MAX_OPEN:
            del self.open[next(iter(self.open))]


def is_local_relay(relay: str) -> bool:
    """Whether ``relay=NAME[ADDRESS]:PORT`` is on this machine or its private network."""
    address = parse_address(relay.rpartition("[")[2].partition("]")[0])
    return address is not None and (address.is_loopback or address.is_private)
