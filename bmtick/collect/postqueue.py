"""Postfix's queue as ``postqueue -j`` lists it: works without rights on the spool."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bmtick.errors import BmtickError

TIMEOUT = 30  # seconds
_MAX_CAUSE = 200  # characters of a bad line shown in a message


class Recipient(NamedTuple):
    """One recipient of a queued message; ``delay_reason`` is empty before the first attempt."""

    address: str
    delay_reason: str


class QueueEntry(NamedTuple):
    """One queued message, as ``postqueue -j`` shows it; times in seconds, size in bytes."""

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
            yield _entry(json.loads(line.decode("utf-8", "replace")))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise BmtickError(
                f"line {number} of postqueue -j is no queue entry: {_cause(error)}",
                remedy="Postfix 3.1 or newer has -j",
            ) from None


def _entry(item: Mapping[str, Any]) -> QueueEntry:
    return QueueEntry(
        _text(item["queue_id"]),
        _text(item["queue_name"]),
        int(item["arrival_time"]),
        int(item["message_size"]),
        _text(item["sender"]),
        tuple(
            Recipient(_text(r["address"]), _text(r.get("delay_reason", "")))
            for r in item["recipients"]
        ),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _cause(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"there is no {error}"
    return str(error)[:_MAX_CAUSE]
