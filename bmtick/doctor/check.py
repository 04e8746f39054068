"""One check of the chain from the mail log to the alert mail, and its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "broken", "skipped", "off"]


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: the check, such as ``mail log`` or ``kapacitor: tasks``.
        status: ``ok``; ``broken``; ``skipped``: could not be checked; ``off``: not used on this
            machine.
        finding: what was found, in words and numbers.
        remedy: how to fix it, as a command if there is one.
    """

    name: str
    status: Status
    finding: str
    remedy: str = ""


def ok(name: str, finding: str) -> Check:
    """Return a passed check."""
    return Check(name, "ok", finding)


def broken(name: str, finding: str, remedy: str) -> Check:
    """Return a failed check; it always has a remedy."""
    return Check(name, "broken", finding, remedy)


def skipped(name: str, finding: str, remedy: str) -> Check:
    """Return a check that could not run, and how to run it."""
    return Check(name, "skipped", finding, remedy)


def off(name: str, finding: str) -> Check:
    """Return a check that is not used here."""
    return Check(name, "off", finding)
