"""What the collector is told: by the command line, the settings, or another part of bmtick."""

from __future__ import annotations

from collections.abc import Sequence

DEFAULT_KNOWN = ("127.0.0.0/8", "::1")


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
