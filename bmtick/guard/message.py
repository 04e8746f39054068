"""One message as the policy request tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from bmtick.guard.who import CLIENT, FROM, Who, client_address, user

_MAX_ADDRESS = 320
_MAX_NAME = 255


class Message(NamedTuple):
    """A message that Postfix is about to queue; what the request did not say is empty or 0.

    Attributes:
        who: the account, or else the machine.
        one: the envelope sender of a machine, as of a webmail that does not log in.
        client: the machine's address, as the points name it.
        name: the machine's verified name; "unknown" where it has none.
        recipient: where there is only one.
    """

    who: Who
    one: Who | None
    client: str
    name: str
    sender: str
    recipient: str
    recipients: int
    size: int
    queue_id: str
    instance: str


def read_message(request: Mapping[str, str]) -> Message | None:
    """Return the message of a request; None where it does not say who sends it."""
    client = client_address(request.get("client_address", ""))
    login = request.get("sasl_username", "")
    if not login and not client:
        return None
    sender = request.get("sender", "")[:_MAX_ADDRESS].lower()
    return Message(
        user(login) if login else Who(CLIENT, client),
        None if login else Who(FROM, client, sender),
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
