"""What the collector is told: by the command line, the settings, or another part of bmtick."""

from __future__ import annotations

from bmtick.collector_options import KEYS
from bmtick.durations import SECOND, parse_duration
from bmtick.errors import BmtickError

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    class Section(Protocol):
        """What is read of the settings' ``[collect]``."""

        @property
        def interval(self) -> str: ...  # noqa: D102 -- described in the table of options
        @property
        def max_series(self) -> int: ...  # noqa: D102
        @property
        def known_clients(self) -> Sequence[str]: ...  # noqa: D102
        @property
        def blocked_patterns(self) -> Sequence[str]: ...  # noqa: D102


DEFAULT_KNOWN: Sequence[str] = KEYS["known_clients"].default


class Options:
    """How to count.

    Args:
        interval: seconds of one bucket.
        max_series: per measurement and interval; the smallest beyond go into ``_other``.
        known: networks of clients that may relay without SASL.
        blocked: rules for blocked refusals beside those of ``blocked.txt``.
        now: seconds since the epoch; log times without a year are not later (by over a day).
        year: of the first line of each whole log whose times bear none; None: found out.
    """

    __slots__ = ("blocked", "interval", "known", "max_series", "now", "year")

    def __init__(
        self,
        *,
        interval: int = 10,
        max_series: int = 1000,
        known: Sequence[str] = DEFAULT_KNOWN,
        blocked: Sequence[str] = (),
        now: float | None = None,
        year: int | None = None,
    ) -> None:
        self.interval = interval
        self.max_series = max_series
        self.known = known
        self.blocked = blocked
        self.now = now
        self.year = year

    @classmethod
    def of(cls, section: Section, *, now: float | None = None, year: int | None = None) -> Options:
        """Return the options that ``[collect]`` asks for.

        Raises:
            BmtickError: the interval is not whole seconds.
        """
        interval = parse_duration(section.interval)
        if interval <= 0 or interval % SECOND:
            raise BmtickError("the interval must be whole seconds", remedy="like 10s or 1m")
        return cls(
            interval=interval // SECOND,
            max_series=section.max_series,
            known=section.known_clients,
            blocked=section.blocked_patterns,
            now=now,
            year=year,
        )
