"""What a target still sends: its deliveries in the log, and its queued mail that may leave."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from bmtick.collect import events as ev
from bmtick.collect.clock import LogClock
from bmtick.collect.postfix import events
from bmtick.incident.ledger import Ledger, Message
from bmtick.incident.networks import parse_address
from bmtick.incident.response.target import Target

_OUTWARD = ("smtp", "relay")


@dataclass
class Outflow:
    """Counts what a target sends from now on.

    Args:
        target: an account or a machine.
        ledger: the messages that are open now.

    Attributes:
        accepted: messages that Postfix accepted from the target since then.
        left: outside recipients who got mail from the target since then.
    """

    target: Target
    ledger: Ledger
    accepted: int = 0
    left: int = 0

    def feed(self, lines: Iterator[bytes], clock: LogClock) -> None:
        """Process new lines of the log."""
        for time, event in events(lines, clock):
            if isinstance(event, ev.Client):
                self.ledger.client(time, event)
            elif isinstance(event, ev.Pickup):
                self.ledger.pickup(time, event)
            elif isinstance(event, ev.Active):
                message = self.ledger.active(time, event)
                self.accepted += (
                    message is not None and not message.from_filter and self.owns(message)
                )
            elif isinstance(event, ev.Delivery):
                message, filtered = self.ledger.delivery(event)
                outward = event.agent in _OUTWARD and event.status == "sent" and not filtered
                self.left += outward and message is not None and self.owns(message)
            elif isinstance(event, ev.Removed):
                self.ledger.removed(event.queue_id)

    def owns(self, message: Message) -> bool:
        """Whether a message belongs to the target."""
        account, client = self.target.account, self.target.client
        if account:
            return account.is_login(message.user or message.sender)
        address = parse_address(message.client)
        return bool(client and not message.user and address and address in client)


@dataclass
class LogTail:
    """New lines of logs, across rotation (rename and create, or truncation).

    Args:
        paths: the logs; their current content is skipped.
    """

    paths: Sequence[str]
    _open: dict[str, BinaryIO] = field(default_factory=dict)
    _rest: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in self.paths:
            self._reopen(path, os.SEEK_END)

    def lines(self) -> Iterator[bytes]:
        """Yield the complete lines that were written since the last call."""
        for path in self.paths:
            yield from self._read(path)
            file = self._open.get(path)
            try:
                info = os.stat(path)  # noqa: PTH116 -- paths are as they were given
            except OSError:
                continue
            old = os.fstat(file.fileno()) if file else None
            if file is None or old is None or info.st_ino != old.st_ino:
                self._reopen(path, os.SEEK_SET)
                yield from self._read(path)
            elif info.st_size < file.tell():
                file.seek(0)
                yield from self._read(path)

    def close(self) -> None:
        """Close the files."""
        for file in self._open.values():
            file.close()
        self._open.clear()

    def _reopen(self, path: str, whence: int) -> None:
        if old := self._open.pop(path, None):
            old.close()
        try:
            file = open(path, "rb")  # noqa: PTH123, SIM115 -- paths are as they were given
        except OSError:
            return
        file.seek(0, whence)
        self._open[path] = file
        self._rest[path] = b""

    def _read(self, path: str) -> Iterator[bytes]:
        file = self._open.get(path)
        if file is None:
            return
        whole, _, self._rest[path] = (self._rest[path] + file.read()).rpartition(b"\n")
        if whole:
            yield from whole.split(b"\n")
