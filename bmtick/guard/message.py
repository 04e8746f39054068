"""One message as the policy request describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bmtick.guard.subject import CLIENT, FROM, Subject, client_address, user

_MAX_ADDRESS = 320
_MAX_NAME = 255


class Message(NamedTuple):
    """A message that Postfix is about to queue; attributes missing in the request are empty or 0.

    Attributes:
        who: the account, or else the machine.
        client_sender: the envelope sender of a machine without login, such as a webmail.
        client: the machine's address, as in the points.
        name: the machine's verified name; "unknown" if it has none.
        recipient: empty if there are several.
    """

    who: Subject
    client_sender: Subject | None
    client: str
    name: str
    sender: str
    recipient: str
    recipients: int
    size: int
    queue_id: str
    instance: str


def read_message(request: Mapping[str, str]) -> Message | None:
    """Return the message of a request; None if the request names no sender."""
    client = client_address(request.get("client_address", ""))
    login = request.get("sasl_username", "")
    if not login and not client:
        return None
    sender = request.get("sender", "")[:_MAX_ADDRESS].lower()
    return Message(
        user(login) if login else Subject(CLIENT, client),
        None if login else Subject(FROM, client, sender),
        client,
        request.get("client_name", "")[:_MAX_NAME].lower(),
        sender,
        request.get("recipient", "")[:_MAX_ADDRESS].lower(),
        max(1, _number(request.get("recipient_count", ""))),
        _number(request.get("size", "")),
        request.get("queue_id", "")[:64],
        request.get("instance", "")[:64],
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
