"""One link of the chain from the mail log to the alert mail, and what was found of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "broken", "unseen", "off"]


@dataclass(frozen=True)
class Link:
    """What was found of one link.

    Attributes:
        name: the link, such as ``mail log`` or ``kapacitor: tasks``.
        status: ``ok``; ``broken``; ``unseen``: could not be looked at, so nothing is claimed;
            ``off``: not used on this machine.
        finding: what was seen, in words and numbers.
        remedy: what mends it, as a command where there is one.
    """

    name: str
    status: Status
    finding: str
    remedy: str = ""


def ok(name: str, finding: str) -> Link:
    """Return a healthy link."""
    return Link(name, "ok", finding)


def broken(name: str, finding: str, remedy: str) -> Link:
    """Return a broken link; a link is never called broken without a remedy."""
    return Link(name, "broken", finding, remedy)


def unseen(name: str, finding: str, remedy: str) -> Link:
    """Return a link that could not be looked at, and how to see it."""
    return Link(name, "unseen", finding, remedy)


def off(name: str, finding: str) -> Link:
    """Return a link that is not in use."""
    return Link(name, "off", finding)
