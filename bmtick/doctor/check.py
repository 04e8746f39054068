"""One check of the chain from the mail log to the alert mail, and what was found of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "broken", "skipped", "off"]


@dataclass(frozen=True)
class Check:
    """What was found of one check.

    Attributes:
        name: the check, such as ``mail log`` or ``kapacitor: tasks``.
        status: ``ok``; ``broken``; ``skipped``: could not be looked at, so nothing is claimed;
            ``off``: not used on this machine.
        finding: what was seen, in words and numbers.
        remedy: what mends it, as a command where there is one.
    """

    name: str
    status: Status
    finding: str
    remedy: str = ""


def ok(name: str, finding: str) -> Check:
    """Return a healthy check."""
    return Check(name, "ok", finding)


def broken(name: str, finding: str, remedy: str) -> Check:
    """Return a broken check; a check is never called broken without a remedy."""
    return Check(name, "broken", finding, remedy)


def skipped(name: str, finding: str, remedy: str) -> Check:
    """Return a check that could not be looked at, and how to see it."""
    return Check(name, "skipped", finding, remedy)


def off(name: str, finding: str) -> Check:
    """Return a check that is not in use."""
    return Check(name, "off", finding)
