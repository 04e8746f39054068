"""What a line of Postfix's log can say, as types.

Texts are decoded as UTF-8; bytes that are none become U+FFFD. ``client`` is the address alone
(``192.0.2.1``, ``2001:db8::1``, or ``unknown``), ``client_name`` the name that Postfix found.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias


class Client(NamedTuple):
    """``smtpd``: a message begins. ``queue_id`` is empty before a proxy filter (``NOQUEUE``)."""

    queue_id: str
    client_name: str
    client: str
    sasl_method: str = ""
    sasl_username: str = ""  # empty: the client did not log in
    sasl_sender: str = ""
    orig_queue_id: str = ""  # by XFORWARD: what the content filter's message was before
    orig_client_name: str = ""
    orig_client: str = ""


class Pickup(NamedTuple):
    """``pickup``: a message from this machine's ``sendmail`` command, or requeued (``orig_id``)."""

    queue_id: str
    uid: int
    sender: str
    orig_queue_id: str = ""


class Active(NamedTuple):
    """``qmgr``: a message enters the active queue; again at each retry. ``size`` in bytes."""

    queue_id: str
    sender: str
    size: int
    nrcpt: int


class Delivery(NamedTuple):
    """One attempt to deliver to one recipient. ``status`` is Postfix's word, ``delay`` seconds."""

    queue_id: str
    recipient: str
    orig_to: str
    relay: str
    delay: float
    dsn: str
    status: str
    text: str
    agent: str = ""  # the program that delivered: smtp, lmtp, local, virtual, pipe, error, ...


class Expired(NamedTuple):
    """``qmgr`` gives a message up and returns it to its sender."""

    queue_id: str
    sender: str


class Removed(NamedTuple):
    """The end of a message: its queue id may be used again."""

    queue_id: str


class Bounce(NamedTuple):
    """``bounce`` writes a notification, which is the message ``new_queue_id``."""

    queue_id: str
    new_queue_id: str
    kind: str  # "non-delivery", "delay", "delivery status"


class MessageId(NamedTuple):
    """``cleanup``: the Message-ID header, with its brackets."""

    queue_id: str
    message_id: str


class AuthFailure(NamedTuple):
    """A failed login. ``username`` is empty where Postfix does not log it."""

    client_name: str
    client: str
    method: str
    reason: str
    username: str = ""


class Reject(NamedTuple):
    """A command that was refused; ``queue_id`` is empty for ``NOQUEUE``."""

    queue_id: str
    action: str  # "reject", "reject_warning", "milter-reject", "discard", ...
    stage: str  # "RCPT", "END-OF-MESSAGE", ...
    client_name: str
    client: str
    text: str


Event: TypeAlias = (
    Client
    | Pickup
    | Active
    | Delivery
    | Expired
    | Removed
    | Bounce
    | MessageId
    | AuthFailure
    | Reject
)
