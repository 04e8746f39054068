"""Deliveries beside the judging: one thread for each kind of handler, so that none waits for another.

A mail server that does not answer must not keep the log from being read. The threads do nothing but
deliver; what became of a delivery is told to the loop, which alone changes the outbox.
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
    """What became of a delivery."""

    delivery: Delivery
    outcome: str  # "done", "later", "refused", "defect", or "untried" as the one before failed
    reason: str = ""


def attempt(deliver: Callable[[Delivery], None], delivery: Delivery) -> Result:
    """Deliver; whatever is raised becomes a result."""
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
    """Delivers what it is given, now or soon."""

    def submit(self, delivery: Delivery) -> bool:
        """Take a delivery; False: there is no room now."""

    def results(self) -> list[Result]:
        """Return what became of deliveries since the last call."""

    def wait(self, seconds: float) -> None:
        """Wait until all that was taken is done, but no longer."""


class Inline:
    """Delivers at once, in the thread of the caller."""

    def __init__(self, deliver: Callable[[Delivery], None]) -> None:
        self._deliver = deliver
        self._results: list[Result] = []

    def submit(self, delivery: Delivery) -> bool:
        """Deliver."""
        self._results.append(attempt(self._deliver, delivery))
        return True

    def results(self) -> list[Result]:
        """Return what became of deliveries since the last call."""
        found, self._results = self._results, []
        return found

    def wait(self, seconds: float) -> None:
        """Nothing is under way."""


class Threads:
    """Delivers in threads of its own, one for each kind of handler.

    They end with the process: a delivery that was under way is in the state, and is made again
    with the same Message-ID.
    """

    def __init__(self, deliver: Callable[[Delivery], None]) -> None:
        self._deliver = deliver
        self._kinds: dict[str, queue.SimpleQueue[Delivery]] = {}
        self._under_way: dict[str, int] = {}
        self._done: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._ready: list[Result] = []

    def submit(self, delivery: Delivery) -> bool:
        """Hand a delivery to the thread of its kind."""
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
        """Return what became of deliveries since the last call."""
        while True:
            try:
                self._take(self._done.get_nowait())
            except queue.Empty:
                break
        found, self._ready = self._ready, []
        return found

    def wait(self, seconds: float) -> None:
        """Wait until all that was taken is done, but no longer."""
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
            while result.outcome == "later":  # the others would meet the same failure
                try:
                    self._done.put(Result(waiting.get_nowait(), "untried"))
                except queue.Empty:
                    break
