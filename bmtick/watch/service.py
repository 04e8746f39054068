"""The main loop: read, evaluate, store the state, deliver.

Read positions, alert states and pending deliveries are one state. It is written atomically before
each delivery, and otherwise every ten seconds; later data is read again after a restart. Therefore,
whenever the process is killed, no line counts twice, no alert is lost, and a delivery whose success
was not recorded is repeated with the same Message-ID. History lines stay in the state until they are
written, so each is recorded exactly once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bmtick.collect.state import StateFile
from bmtick.durations import MILLISECOND
from bmtick.engine import AlertEvent
from bmtick.errors import BmtickError
from bmtick.watch.dispatch import Dispatcher
from bmtick.watch.outbox import Outbox
from bmtick.watch.recorder import Recorder
from bmtick.watch.source import Source
from bmtick.watch.tasks import Tasks

_EVERY: Final = 10.0  # seconds between two writes of the state, where there is nothing to tell
_VERSION: Final = 3  # 2: 'threads' for 'incidents'; 1: 'standing' for 'firing'


@dataclass
class Status:
    """The state of the watch for its status line."""

    now: float
    points: int
    events: int
    alerts: int
    firing: int
    waiting: int


class Watch:
    """One watch.

    Args:
        source: the source of points.
        tasks: the alerts.
        outbox: the pending deliveries.
        dispatcher: delivers.
        state: the state file, or None.
        warn: receives one line for the administrator.
        tell: receives each event, and the id of the silence that applies, or "".
        recorder: checks silences and records events.
    """

    def __init__(
        self,
        source: Source,
        tasks: Tasks,
        outbox: Outbox,
        dispatcher: Dispatcher,
        state: StateFile | None,
        *,
        warn: Callable[[str], None],
        tell: Callable[[AlertEvent, str], None],
        recorder: Recorder | None = None,
    ) -> None:
        self._source, self._tasks, self._outbox = source, tasks, outbox
        self._dispatcher, self._state = dispatcher, state
        self._warn, self._tell = warn, tell
        self._recorder = recorder or Recorder()
        self._points = self._events = 0
        self._unkept = False  # whether deliveries have changed since the state was written
        self._read_on = False  # whether points have come since then
        self._kept = float("-inf")  # when that was

    def start(self, *, from_start: bool, now: float) -> None:
        """Load the state, or start without one.

        Raises:
            BmtickError: another watch uses the state, or it is invalid.
        """
        if self._state is None:
            self._source.begin(from_start=from_start, now=now)
            return
        kept, again, damage = self._state.open()
        if kept is None:
            if damage:
                self._warn(
                    f"the state {self._state.path} cannot be used: {damage}; started from scratch"
                )
            self._source.begin(from_start=from_start, now=now)
            self._keep(now)  # later log lines count even if the process is killed
            return
        try:
            self._take_up(kept.state)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BmtickError(
                f"the state {self._state.path} is not of this version of bmtick watch",
                remedy="name another file with --state, or remove this one to start from scratch",
            ) from None
        if again:
            self._recorder.write(kept.state.get("history", [0, 0]), kept.output)
            self._state.commit()

    def _take_up(self, kept: dict[str, Any]) -> None:
        if kept["version"] not in range(1, _VERSION + 1):
            raise ValueError
        self._source.restore(kept["source"])
        self._tasks.restore(kept["tasks"])
        self._outbox.restore(kept["outbox"])
        if self._outbox.digests:
            self._outbox.digests.restore(kept.get("digest"))
        if "incidents" in kept:
            self._outbox.restore_incidents(kept["incidents"], self._tasks.names)
        else:
            self._outbox.inherit(kept.get("threads", {}), kept["tasks"]["tasks"])

    def tick(self, now: float, stop: Callable[[], bool] = lambda: False) -> Status:
        """Read all new data, evaluate it, store the state, start deliveries.

        Args:
            now: seconds since the epoch.
            stop: checked between parts of a backlog; if true, the rest is left.
        """
        more = True
        self._recorder.refresh()
        self._settle(now)
        while more and not stop():
            points, more = self._source.read(now)
            self._points += len(points)
            events = self._tasks.feed(points)
            time = int(self._source.time(now) * 1000) * MILLISECOND
            if not more:
                events += self._tasks.advance(time)
            self._take(events, now)
            told = not more and self._outbox.advance(time, now)
            if not more or points:
                told |= self._outbox.count(points, time if not more else points[-1].time, now)
            self._read_on |= bool(points)
            rested = abs(now - self._kept) >= _EVERY  # a clock may be set back
            if events or told or (self._read_on and (more or rested)):
                self._keep(now)
        self._hand_over(now)
        self._settle(now)
        if self._unkept:
            self._keep(now)
        return self.status(now)

    @property
    def busy(self) -> bool:
        """Whether a delivery is running."""
        return bool(self._outbox.under_way)

    def status(self, now: float) -> Status:
        """Return the state of the watch."""
        return Status(
            now,
            self._points,
            self._events,
            len(self._tasks),
            len(self._tasks.firing),
            len(self._outbox),
        )

    def stop(self) -> None:
        """Release the state for another watch; everything is stored already."""
        self._source.close()
        if self._state:
            self._state.close()

    def _take(self, events: list[AlertEvent], now: float) -> None:
        for event in events:
            self._events += 1
            muted = self._recorder.note(event, int(now * 1000) * MILLISECOND)
            self._tell(event, muted)
            self._outbox.advance(event.time, now)
            self._outbox.put(event, now, muted=bool(muted))

    def _keep(self, now: float) -> None:
        self._unkept = self._read_on = False
        self._kept = now
        if self._state is None:
            return
        place, lines = self._recorder.take()
        state = {
            "version": _VERSION,
            "source": self._source.dump(),
            "tasks": self._tasks.dump(),
            "outbox": self._outbox.dump(),
            "incidents": self._outbox.dump_incidents(),
            "digest": self._outbox.digests.dump() if self._outbox.digests else None,
            "history": place,
        }
        self._state.prepare(state, lines)
        self._recorder.write(place, lines)
        self._state.commit()
        self._source.committed()

    def tell_all(self, now: float) -> None:
        """Send pending updates of incidents, since this process ends."""
        if self._outbox.advance(None, now):
            self._keep(now)
        self._hand_over(now)

    def finish(self, now: float, seconds: float) -> None:
        """Wait for running deliveries and those that are due; store the state."""
        deadline = time.monotonic() + seconds
        while self._outbox.under_way and (left := deadline - time.monotonic()) > 0:
            self._dispatcher.wait(left)
            self._settle(now)
            if self._unkept:
                self._keep(now)
            self._hand_over(now)
        if self._read_on:
            self._keep(now)

    def _hand_over(self, now: float) -> None:
        for delivery in self._outbox.due(now):
            if id(delivery) not in self._outbox.under_way and self._dispatcher.submit(delivery):
                self._outbox.under_way.add(id(delivery))
                self._settle(now)  # of a kind that has just failed, no more is tried

    def _settle(self, now: float) -> None:
        """Process the results of deliveries."""
        for result in self._dispatcher.results():
            self._unkept = True
            delivery, name = result.delivery, f"{result.delivery.kind} for"
            name = f"{name} {delivery.event.get('id')}"
            self._outbox.under_way.discard(id(delivery))
            if result.outcome == "done":
                self._outbox.done(delivery)
            elif result.outcome == "refused":
                self._warn(f"{name} failed: {result.reason}")
                self._outbox.done(delivery)
            elif result.outcome == "later":
                if not delivery.attempts:
                    self._warn(f"{name} has to wait: {result.reason}")
                self._outbox.failed(delivery, result.reason, now)
            elif result.outcome == "defect":
                if not delivery.attempts:
                    self._warn(f"{name} is set aside and tried again: {result.reason}")
                self._outbox.failed(delivery, result.reason, now, defect=True)
