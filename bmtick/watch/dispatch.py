"""Deliveries outside of the main loop: one thread per kind of handler, so none blocks another.

A mail server that does not respond must not stop the reading of the log. The threads only deliver;
they report results to the loop, which alone changes the outbox.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from bmtick.watch.failure import DeliveryError, PermanentError
from bmtick.watch.outbox import Delivery

_AT_ONCE: Final = 20  # deliveries of a kind that are handed over; the others stay in the outbox


@dataclass(frozen=True)
class Result:
    """The result of a delivery."""

    delivery: Delivery
    outcome: str  # "done", "later", "refused", "defect", or "untried" as the one before failed
    reason: str = ""


def attempt(deliver: Callable[[Delivery], None], delivery: Delivery) -> Result:
    """Deliver; convert any exception to a result."""
    try:
        deliver(delivery)
    except PermanentError as error:
        return Result(delivery, "refused", str(error))
    except DeliveryError as error:
        return Result(delivery, "later", str(error))
    except Exception as error:  # noqa: BLE001 -- one delivery must never stop the watch
        return Result(delivery, "defect", f"{type(error).__name__}: {error}"[:500])
    return Result(delivery, "done")


class Dispatcher(Protocol):
    """Delivers at once or in the background."""

    def submit(self, delivery: Delivery) -> bool:
        """Accept a delivery; return False if the queue is full."""

    def results(self) -> list[Result]:
        """Return the results of deliveries since the last call."""

    def wait(self, seconds: float) -> None:
        """Wait until all accepted deliveries are done, up to a timeout."""


class Inline:
    """Delivers synchronously in the caller's thread."""

    def __init__(self, deliver: Callable[[Delivery], None]) -> None:
        self._deliver = deliver
        self._results: list[Result] = []

    def submit(self, delivery: Delivery) -> bool:
        """Deliver."""
        self._results.append(attempt(self._deliver, delivery))
        return True

    def results(self) -> list[Result]:
        """Return the results of deliveries since the last call."""
        found, self._results = self._results, []
        return found

    def wait(self, seconds: float) -> None:
        """Return at once: no delivery is running."""


class Threads:
    """Delivers in threads, one for each kind of handler.

    The threads end with the process. A delivery that was running is in the state and is repeated
    with the same Message-ID.
    """

    def __init__(self, deliver: Callable[[Delivery], None]) -> None:
        self._deliver = deliver
        self._kinds: dict[str, queue.SimpleQueue[Delivery]] = {}
        self._under_way: dict[str, int] = {}
        self._done: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._ready: list[Result] = []

    def submit(self, delivery: Delivery) -> bool:
        """Pass a delivery to the thread of its kind."""
        kind = delivery.kind
        if self._under_way.get(kind, 0) >= _AT_ONCE:
            return False
        if kind not in self._kinds:
            self._kinds[kind] = queue.SimpleQueue()
            threading.Thread(
                target=self._work, args=(self._kinds[kind],), name=f"deliver {kind}", daemon=True
            ).start()
        self._under_way[kind] = self._under_way.get(kind, 0) + 1
        self._kinds[kind].put(delivery)
        return True

    def results(self) -> list[Result]:
        """Return the results of deliveries since the last call."""
        while True:
            try:
                self._take(self._done.get_nowait())
            except queue.Empty:
                break
        found, self._ready = self._ready, []
        return found

    def wait(self, seconds: float) -> None:
        """Wait until all accepted deliveries are done, up to a timeout."""
        deadline = time.monotonic() + seconds
        while any(self._under_way.values()) and (left := deadline - time.monotonic()) > 0:
            try:
                self._take(self._done.get(timeout=left))
            except queue.Empty:
                return

    def _take(self, result: Result) -> None:
        self._under_way[result.delivery.kind] -= 1
        self._ready.append(result)

    def _work(self, waiting: queue.SimpleQueue[Delivery]) -> None:
        while True:
            result = attempt(self._deliver, waiting.get())
            self._done.put(result)
            while result.outcome == "later":  # the others would fail in the same way
                try:
                    self._done.put(Result(waiting.get_nowait(), "untried"))
                except queue.Empty:
                    break
