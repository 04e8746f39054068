"""What one sender did, in numbers: before the window that is looked at, and within it.

A sender is a login, or a client without one. Counts go into cells of ten minutes; an hour is any
six of them in a row, so that a burst over a full hour's end is not halved. Only peaks and totals
are kept of the time before the window, so memory does not grow with the length of the log.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from bmtick.incident.networks import neighbourhood, region

CELL = 600  # seconds
CELLS_OF_AN_HOUR = 6
DAY = 86400
_MAX_ADDRESSES = 20_000  # of one sender; more are counted but not told apart
_MAX_DOMAINS = 1000


class Cell(NamedTuple):
    """Ten minutes of a sender that was active in them."""

    start: int  # seconds since the epoch
    messages: int
    recipients: int
    addresses: frozenset[str]
    first: int  # time of the first message


class Sight:
    """One client address of a sender.

    Attributes:
        new: whether its network was not seen before the window.
        failures: failed logins from it before its first success.
    """

    __slots__ = ("failures", "first", "last", "messages", "name", "new", "new_region", "recipients")

    def __init__(self, time: int, name: str) -> None:
        self.first = self.last = time
        self.name = name
        self.messages = self.recipients = self.failures = 0
        self.new = self.new_region = False


class Span:
    """Totals and peaks of a stretch of time; ``keep`` keeps every cell as well."""

    __slots__ = (
        "_addresses",
        "_cell",
        "_first",
        "_messages",
        "_recent",
        "_recipients",
        "blocked",
        "cells",
        "days",
        "delivered",
        "first",
        "hours",
        "keep",
        "last",
        "messages",
        "peak_addresses",
        "peak_recipients",
        "recipients",
        "refused",
        "size",
    )

    def __init__(self, *, keep: bool = False) -> None:
        self.keep = keep
        self.messages = self.recipients = self.size = 0
        self.delivered = self.refused = self.blocked = 0
        self.peak_recipients = self.peak_addresses = 0
        self.first = self.last = self.days = 0
        self.hours = [0] * 24  # recipients by hour of the day, UTC
        self.cells: list[Cell] = []
        self._recent: deque[Cell] = deque()
        self._cell = -1
        self._messages = self._recipients = self._first = 0
        self._addresses: set[str] = set()

    def add(self, time: int, recipients: int, size: int, address: str) -> None:
        """Count one message."""
        cell = time // CELL
        if cell != self._cell:
            self._turn(cell, time)
        self.messages += 1
        self.recipients += recipients
        self.size += size
        self.last = max(self.last, time)
        self.hours[time // 3600 % 24] += recipients
        self._messages += 1
        self._recipients += recipients
        self._addresses.add(address)

    def _turn(self, cell: int, time: int) -> None:
        if self._cell < 0:
            self.first = time
        elif cell < self._cell:
            return  # lines of several processes may be out of order by a second
        if self._cell < 0 or cell * CELL // DAY != self._cell * CELL // DAY:
            self.days += 1
        self.close()
        self._cell, self._first = cell, time

    def close(self) -> None:
        """End the current cell and take the hour it ends into the peaks."""
        if not self._messages:
            return
        cell = Cell(
            self._cell * CELL,
            self._messages,
            self._recipients,
            frozenset(self._addresses),
            self._first,
        )
        recent = self._recent
        recent.append(cell)
        oldest = (self._cell - CELLS_OF_AN_HOUR) * CELL
        while recent[0].start <= oldest:
            recent.popleft()
        self.peak_recipients = max(self.peak_recipients, sum(c.recipients for c in recent))
        if len(recent) == 1:
            addresses = len(cell.addresses)
        else:
            addresses = len(frozenset().union(*(c.addresses for c in recent)))
        self.peak_addresses = max(self.peak_addresses, addresses)
        if self.keep:
            self.cells.append(cell)
        self._messages = self._recipients = 0
        self._addresses.clear()


class Profile:
    """One sender, before the window and within it."""

    __slots__ = (
        "addresses",
        "domains",
        "domains_since",
        "past",
        "past_domains",
        "past_networks",
        "past_regions",
        "window",
    )

    def __init__(self) -> None:
        self.past = Span()
        self.window = Span(keep=True)
        self.past_networks: set[str] = set()
        self.past_regions: set[str] = set()
        self.past_domains: set[str] = set()
        self.addresses: dict[str, Sight] = {}  # of the window
        self.domains: dict[str, int] = {}  # of envelope senders in the window: messages
        self.domains_since: dict[str, int] = {}  # and when each was first used

    def before(self, time: int, recipients: int, size: int, client: str, domain: str) -> None:
        """Count a message that came before the window."""
        self.past.add(time, recipients, size, client)
        if len(self.past_networks) < _MAX_ADDRESSES:
            self.past_networks.add(neighbourhood(client))
            self.past_regions.add(region(client))
        if len(self.past_domains) < _MAX_DOMAINS:
            self.past_domains.add(domain)

    def within(self, time: int, recipients: int, size: int, client: str, domain: str) -> Sight:
        """Count a message of the window; return what is known of its address."""
        self.window.add(time, recipients, size, client)
        sight = self.addresses.get(client)
        if sight is None:
            sight = Sight(time, "")
            sight.new = neighbourhood(client) not in self.past_networks
            sight.new_region = region(client) not in self.past_regions
            if len(self.addresses) < _MAX_ADDRESSES:
                self.addresses[client] = sight
        sight.last = time
        sight.messages += 1
        sight.recipients += recipients
        if domain in self.domains:
            self.domains[domain] += 1
        elif len(self.domains) < _MAX_DOMAINS:
            self.domains[domain] = 1
            self.domains_since[domain] = time
        return sight

    def close(self) -> None:
        """End both spans; to be called once, at the end of the log."""
        self.past.close()
        self.window.close()
