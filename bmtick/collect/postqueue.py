"""Postfix's queue as ``postqueue -j`` lists it: works without rights on the spool."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bmtick.collect.raw import MAX_SIZE
from bmtick.errors import BmtickError

TIMEOUT = 30  # seconds
_MAX_TIME = 1 << 33  # the year 2242
_MAX_DIGITS = 19
_MAX_CAUSE = 200  # characters of a bad line shown in a message


class Recipient(NamedTuple):
    """One recipient of a queued message; ``delay_reason`` is empty before the first attempt."""

    address: str
    delay_reason: str


class QueueEntry(NamedTuple):
    """One queued message, as ``postqueue -j`` shows it; times in seconds, size in bytes.

    A number that Postfix cannot have written is 0: a damaged queue file hides no message.
    """

    queue_id: str
    queue_name: str
    arrival_time: int
    size: int
    sender: str
    recipients: tuple[Recipient, ...]


def entries(command: Iterable[str]) -> Iterator[QueueEntry]:
    """Yield what ``postqueue -j`` lists.

    Raises:
        BmtickError: it cannot be run, it fails, or it does not write JSON.
    """
    try:
        done = subprocess.run(
            list(command),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BmtickError(
            f"cannot run postqueue: {error}", remedy="is Postfix installed?"
        ) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise BmtickError(f"postqueue failed: {said or done.returncode}", remedy="is Postfix up?")
    yield from entries_of(done.stdout)


def entries_of(output: bytes) -> Iterator[QueueEntry]:
    """Yield the entries of a listing as ``postqueue -j`` writes it.

    Raises:
        BmtickError: a line is no entry.
    """
    for number, line in enumerate(output.splitlines(), 1):
        try:
            yield _entry(json.loads(line.decode("utf-8", "replace"), parse_int=_whole))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise BmtickError(
                f"line {number} of postqueue -j is no queue entry: {_cause(error)}",
                remedy="Postfix 3.1 or newer has -j",
            ) from None


def _entry(item: Mapping[str, Any]) -> QueueEntry:
    return QueueEntry(
        _text(item["queue_id"]),
        _text(item["queue_name"]),
        _number(item["arrival_time"], _MAX_TIME),
        _number(item["message_size"], MAX_SIZE),
        _text(item["sender"]),
        tuple(
            Recipient(_text(r["address"]), _text(r.get("delay_reason", "")))
            for r in item["recipients"]
        ),
    )


def _whole(digits: str) -> int:
    return int(digits) if len(digits) <= _MAX_DIGITS else -1


def _number(value: object, most: int) -> int:
    """Return a whole number within 0 and ``most``, be it text; else 0."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = _whole(value)
    return value if type(value) is int and 0 <= value <= most else 0


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _cause(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"there is no {error}"
    return str(error)[:_MAX_CAUSE]
