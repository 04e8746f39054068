"""Findings of the checker, and the report that collects and locates them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from bmtick.errors import BmtickError, Location, render_message
from bmtick.tick.ast import Position
from bmtick.tick.tokens import Source

Severity = Literal["error", "warning", "info"]


class Fix(NamedTuple):
    """A replacement of the text from offset ``start`` to ``end`` that corrects a mistake."""

    start: int
    end: int
    text: str


class Finding(NamedTuple):
    """One error or risk in a script.

    An error is refused by Kapacitor or surely fails at run time. A warning is a risk. An info is
    neither. ``code`` is a stable short name of the kind of finding.
    """

    severity: Severity
    message: str
    location: Location
    excerpt: str
    remedy: str
    code: str
    fix: Fix | None = None

    def __str__(self) -> str:
        """Return ``FILE:LINE:COL: SEVERITY: ...``, the line, a caret and the remedy."""
        return render_message(
            self.severity,
            self.message,
            location=self.location,
            remedy=self.remedy,
            excerpt=self.excerpt,
        )


class Report:
    """Collects the findings of one script; duplicates at the same position count once."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._found: dict[tuple[int, str], Finding] = {}

    def error(
        self, code: str, message: str, position: Position, remedy: str = "", fix: Fix | None = None
    ) -> None:
        """Add an error."""
        self._add("error", code, message, position, remedy, fix)

    def warning(
        self, code: str, message: str, position: Position, remedy: str = "", fix: Fix | None = None
    ) -> None:
        """Add a warning."""
        self._add("warning", code, message, position, remedy, fix)

    def info(self, code: str, message: str, position: Position, remedy: str = "") -> None:
        """Add useful information that is not a risk."""
        self._add("info", code, message, position, remedy, None)

    def _add(
        self,
        severity: Severity,
        code: str,
        message: str,
        position: Position,
        remedy: str,
        fix: Fix | None,
    ) -> None:
        location = self.source.location(position)
        excerpt = self.source.excerpt(position)
        finding = Finding(severity, message, location, excerpt, remedy, code, fix)
        self._found.setdefault((position.offset, message), finding)

    def findings(self) -> list[Finding]:
        """Return all findings in the order of the text."""
        return [self._found[key] for key in sorted(self._found)]


def from_error(error: BmtickError, code: str) -> Finding:
    """Convert a parser error to a finding."""
    location = error.location or Location("-")
    fix = getattr(error, "fix", None)  # of a TickSyntaxError
    return Finding("error", error.message, location, error.excerpt, error.remedy, code, fix)


def has_errors(findings: Iterable[Finding]) -> bool:
    """Return whether any finding is an error."""
    return any(finding.severity == "error" for finding in findings)
