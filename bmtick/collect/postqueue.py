"""Postfix's queue as ``postqueue -j`` lists it: works without rights on the spool."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bmtick.errors import BmtickError

TIMEOUT = 30  # seconds


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
    for line in done.stdout.splitlines():
        try:
            item = json.loads(line.decode("utf-8", "replace"))
            yield QueueEntry(
                item["queue_id"],
                item["queue_name"],
                int(item["arrival_time"]),
                int(item["message_size"]),
                item["sender"],
                tuple(
                    Recipient(r["address"], r.get("delay_reason", "")) for r in item["recipients"]
                ),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise BmtickError(
                f"postqueue -j wrote what is no queue entry: {error}",
                remedy="Postfix 3.1 or newer has -j",
            ) from None
