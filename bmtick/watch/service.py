"""The loop: read, judge, keep, deliver.

What was read, what the alerts know and what is to be delivered are one state, written as a whole
before anything is delivered. So whenever the process is killed, no line counts twice, no alert is
forgotten, and what may have been delivered without being noted is delivered again with the same
Message-ID. The lines of the history are kept in the state until they are written, so each stands
there once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bmtick.collect.state import StateFile
from bmtick.durations import MILLISECOND
from bmtick.engine import AlertEvent
from bmtick.errors import BmtickError
from bmtick.watch.failure import DeliveryError, PermanentError
from bmtick.watch.handlers import Postman
from bmtick.watch.outbox import Outbox
from bmtick.watch.recorder import Recorder
from bmtick.watch.source import Source
from bmtick.watch.tasks import Tasks

_VERSION: Final = 1


@dataclass
class Status:
    """Where the watch stands, for its line of status."""

    now: float
    points: int
    events: int
    alerts: int
    standing: int
    waiting: int


class Watch:
    """One watch.

    Args:
        source: gives points.
        tasks: the alerts.
        outbox: what is to be delivered.
        postman: delivers.
        state: where all is kept, or None.
        warn: takes one line for the administrator.
        tell: takes each event as it comes, and the id of the silence that mutes it, or "".
        recorder: mutes and records events.
    """

    def __init__(
        self,
        source: Source,
        tasks: Tasks,
        outbox: Outbox,
        postman: Postman,
        state: StateFile | None,
        *,
        warn: Callable[[str], None],
        tell: Callable[[AlertEvent, str], None],
        recorder: Recorder | None = None,
    ) -> None:
        self._source, self._tasks, self._outbox = source, tasks, outbox
        self._postman, self._state = postman, state
        self._warn, self._tell = warn, tell
        self._recorder = recorder or Recorder()
        self._points = self._events = 0

    def start(self, *, from_start: bool, now: float) -> None:
        """Take up the state, or begin.

        Raises:
            BmtickError: another watch uses the state, or it is not one.
        """
        if self._state is None:
            self._source.begin(from_start=from_start, now=now)
            return
        kept, again, damage = self._state.open()
        if kept is None:
            if damage:
                self._warn(f"the state {self._state.path} cannot be used: {damage}; begun anew")
            self._source.begin(from_start=from_start, now=now)
            return
        try:
            self._take_up(kept.state)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BmtickError(
                f"the state {self._state.path} is not of this version of bmtick watch",
                remedy="name another file with --state, or remove this one to begin anew",
            ) from None
        if again:
            self._recorder.write(kept.state.get("history", [0, 0]), kept.output)
            self._state.commit()

    def _take_up(self, kept: dict[str, Any]) -> None:
        if kept["version"] != _VERSION:
            raise ValueError
        self._source.restore(kept["source"])
        self._tasks.restore(kept["tasks"])
        self._outbox.restore(kept["outbox"])

    def tick(self, now: float) -> Status:
        """Read all that is new, judge it, keep it, deliver what is due."""
        more = True
        self._recorder.refresh()
        while more:
            points, more = self._source.read(now)
            self._points += len(points)
            events = self._tasks.feed(points)
            if not more:
                events += self._tasks.advance(int(now * 1000) * MILLISECOND)
            self._take(events, now)
            if points or events:
                self._keep()
        if self._deliver(now):
            self._keep()
        return Status(
            now,
            self._points,
            self._events,
            len(self._tasks),
            len(self._tasks.standing),
            len(self._outbox),
        )

    def stop(self) -> None:
        """Let another watch run; all is kept already."""
        if self._state:
            self._state.close()

    def _take(self, events: list[AlertEvent], now: float) -> None:
        for event in events:
            self._events += 1
            muted = self._recorder.note(event, int(now * 1000) * MILLISECOND)
            self._tell(event, muted)
            if not muted:
                self._outbox.put(event, now)

    def _keep(self) -> None:
        if self._state is None:
            return
        place, lines = self._recorder.take()
        state = {
            "version": _VERSION,
            "source": self._source.dump(),
            "tasks": self._tasks.dump(),
            "outbox": self._outbox.dump(),
            "history": place,
        }
        self._state.prepare(state, lines)
        self._recorder.write(place, lines)
        self._state.commit()

    def _deliver(self, now: float) -> bool:
        tried = False
        for delivery in self._outbox.due(now):
            tried = True
            try:
                self._postman.deliver(delivery)
            except PermanentError as error:
                self._warn(f"{delivery.kind} for {delivery.event['id']} failed: {error}")
                self._outbox.done(delivery)
            except DeliveryError as error:
                if not delivery.attempts:
                    self._warn(f"{delivery.kind} for {delivery.event['id']} has to wait: {error}")
                self._outbox.failed(delivery, str(error), now)
            else:
                self._outbox.done(delivery)
        return tried
