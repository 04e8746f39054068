"""Actions during an incident for the report's timeline: by an administrator, the guard, the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bmtick.guard.core import BY_GUARD
from bmtick.guard.holds import HOLD, Holds
from bmtick.incident.report.events import ResponseAction
from bmtick.incident.response.journal import Operation
from bmtick.languages import _, _n


def of_steps(operations: Iterable[Operation]) -> Iterator[ResponseAction]:
    """Yield the actions of ``bmtick respond``, ``hold`` and ``incident``."""
    for operation in operations:
        name = operation.who.partition(" ")[2]
        if operation.failed and not operation.done:
            text = _("{step} for {name} failed", step=operation.step, name=name)
        else:
            text = _done(operation.step, name, len(operation.done))
            if not operation.ended:
                text += _(" (begun, and broken off)")
        yield ResponseAction(int(operation.time), text)


def _done(step: str, name: str, count: int) -> str:
    messages = _n("{n} message", "{n} messages", count)
    texts = {
        "password": lambda: _("{name} gets a new password", name=name),
        "lock": lambda: _("the account {name} is locked", name=name),
        "sessions": lambda: _("the sessions of {name} are closed", name=name),
        "connections": lambda: _("the connections of {name} are cut", name=name),
        "hold": lambda: _(
            "queued mail of {name} is held: {messages}", name=name, messages=messages
        ),
        "release": lambda: _(
            "mail of {name} is given back to Postfix: {messages}", name=name, messages=messages
        ),
        "delete": lambda: _(
            "queued mail of {name} is deleted, after a copy: {messages}",
            name=name,
            messages=messages,
        ),
        "restore": lambda: _(
            "deleted mail of {name} is put back: {messages}", name=name, messages=messages
        ),
    }
    known = texts.get(step)
    return known() if known else _("{step} for {name} is done", step=step, name=name)


def of_guard(holds: Holds) -> Iterator[ResponseAction]:
    """Yield holds and releases, without the holds that mode observe only records."""
    released = [hold for _at, hold in holds.released.values()]
    for hold in [*holds.held.values(), *released]:
        if hold.mode == HOLD:
            said = (
                _("the guard holds the mail of {who}: {reason}", who=hold.who, reason=hold.reason)
                if hold.by == BY_GUARD
                else _("the mail of {who} is held: {reason}", who=hold.who, reason=hold.reason)
            )
            yield ResponseAction(int(hold.since), said)
    for at, hold in holds.released.values():
        if hold.mode == HOLD:
            messages = _n("{n} message", "{n} messages", hold.messages)
            text = _("{who} is released: {messages}", who=hold.who, messages=messages)
            yield ResponseAction(int(at), text)
