"""The guard process: requests first, timers between them, blocking work in a thread.

The first thread answers, evaluates and writes the journal. The second runs postsuper and waits for
the disk; its results go back to the first. The third, the reader's, tails the log.
"""

from __future__ import annotations

import gc
import signal
import socket
import threading
import time as system_time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from queue import SimpleQueue
from typing import Final

from bmtick.errors import BmtickError
from bmtick.guard.core import BY_GUARD, Guard
from bmtick.guard.holds import HOLD, Hold, Journal, mail_record, notified_record
from bmtick.guard.listen import PolicyServer
from bmtick.guard.log import LogReader
from bmtick.guard.memory import subject_of
from bmtick.guard.milter import LocalMessage
from bmtick.guard.notify import HoldNotifier
from bmtick.guard.postfix import QueueHolder
from bmtick.guard.subject import FORWARD, LOCAL, Subject

_POLL_INTERVAL: Final = 0.5  # seconds between two reads of what commands wrote
_SECOND_PASS: Final = 2.0  # seconds until mail that was in transit is put on hold, too
_LOG_INTERVAL: Final = 0.25  # seconds between two reads of the log's entities
_UID_TIMEOUT: Final = 1.0  # seconds that a message by sendmail may wait for its line in the log
_UID_INTERVAL: Final = 0.05  # seconds between two looks for it
_MAX_EVALUATIONS: Final = 4  # subjects that are evaluated between two rounds of requests
_MAINTENANCE_INTERVAL: Final = 60.0  # seconds
_SHUTDOWN_TIMEOUT: Final = 10.0  # seconds that running work may take when the guard ends


@dataclass
class Service:
    """Runs a guard until SIGTERM or SIGINT.

    Args:
        guard: answers requests.
        journal: its journal, which the second thread syncs to the disk.
        queue_holder: puts queued messages on hold.
        notifier: mails the administrators about new holds.
        publish: writes the holds for the collector; called twice a second.
        reader: tails the log; None: there is no log.
    """

    guard: Guard
    journal: Journal
    queue_holder: QueueHolder
    notifier: HoldNotifier
    publish: Callable[[Guard], None]
    reader: LogReader | None = None
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: int = 0
    _jobs: SimpleQueue[Callable[[], Callable[[], None] | None] | None] = field(
        default_factory=SimpleQueue
    )
    _callbacks: SimpleQueue[Callable[[], None]] = field(default_factory=SimpleQueue)
    _stopped: bool = False
    _server: PolicyServer | None = None
    _touched: deque[Subject] = field(default_factory=deque)
    _held: set[Subject] = field(default_factory=set)
    _holding: set[Subject] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.guard.on_hold = self.on_hold

    def run(self, sock: socket.socket, ready: Callable[[], None]) -> None:
        """Answer on a listening socket; ``ready`` is called when it does."""
        guard = self.guard
        server = self._server = PolicyServer(sock, guard.answer, self._local, guard.warn)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.set_wakeup_fd(server.wakeup_fd, warn_on_full_buffer=False)
        worker = threading.Thread(target=self._run_worker, name="postsuper", daemon=True)
        worker.start()
        guard.refresh()
        self.notifier.start(lambda hold: self._call_soon(lambda: self._record_notified(hold)))
        for hold in guard.holds.held.values():
            if not hold.notified and hold.by == BY_GUARD:
                self.notifier.put(hold)
        self._held = {who for who, hold in guard.holds.held.items() if hold.mode == HOLD}
        for seconds, job in (
            (_POLL_INTERVAL, self._poll),
            (_LOG_INTERVAL, self._queue_touched),
            (_MAINTENANCE_INTERVAL, self._maintain),
        ):
            self._repeat(seconds, job)
        # A full collection scans the memory of all subjects and blocks for a second.
        gc.disable()
        gc.freeze()
        ready()
        try:
            while not self._stopped:
                server.serve(self._run_due())
        finally:
            signal.set_wakeup_fd(-1)
            server.close()
            if self.reader is not None:
                self.reader.stop()
            self.notifier.stop()
            self._jobs.put(None)
            worker.join(_SHUTDOWN_TIMEOUT)
            self._run_callbacks()

    def _stop(self, number: int, frame: object) -> None:
        del number, frame
        self._stopped = True

    # Timers

    def _call_later(self, seconds: float, job: Callable[[], None]) -> None:
        self._number += 1
        heappush(self._due, (system_time.monotonic() + seconds, self._number, job))

    def _repeat(self, seconds: float, job: Callable[[], None]) -> None:
        def run_and_reschedule() -> None:
            try:
                job()
            finally:
                self._call_later(seconds, run_and_reschedule)

        self._call_later(seconds, run_and_reschedule)

    def _run_due(self) -> float:
        """Run due timers; return the seconds until the next one."""
        self._run_callbacks()
        while self._due[0][0] <= system_time.monotonic():
            self._safely(heappop(self._due)[2])
        for _ in range(_MAX_EVALUATIONS):
            if self._touched:
                who = self._touched.popleft()
                self._safely(lambda: self._evaluate(who))  # noqa: B023 -- called here
        return 0.0 if self._touched else self._due[0][0] - system_time.monotonic()

    def _safely(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 -- the next one may succeed
            self.guard.warn(f"a part of the guard failed: {type(error).__name__}: {error}")

    # Blocking work

    def _run_worker(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                after = job()
            except Exception as error:  # noqa: BLE001 -- as in _safely
                after = None
                self.guard.warn(f"a part of the guard failed: {type(error).__name__}: {error}")
            if after is not None:
                self._call_soon(after)

    def _call_soon(self, job: Callable[[], None]) -> None:
        """Run something in the first thread; callable from any thread."""
        self._callbacks.put(job)
        if self._server is not None:
            self._server.wake()

    def _run_callbacks(self) -> None:
        while not self._callbacks.empty():
            self._safely(self._callbacks.get())

    def _sync(self) -> None:
        try:
            self.journal.sync()
        except OSError as error:
            self.guard.warn(f"cannot write the state {self.journal.path}: {error.strerror}")

    # Mail by sendmail

    def _local(self, message: LocalMessage, send: Callable[[bytes], None]) -> bytes:
        """Answer a message by ``sendmail``, at once or when the log shows whose program sent it."""
        answer = self.guard.local(message, self._uid_of(message))
        if answer is None:
            until = system_time.monotonic() + _UID_TIMEOUT
            self._call_later(_UID_INTERVAL, lambda: self._retry_local(message, send, until))
        return answer or b""

    def _retry_local(
        self, message: LocalMessage, send: Callable[[bytes], None], until: float
    ) -> None:
        uid = self._uid_of(message)
        if uid is None and system_time.monotonic() >= until:
            uid = ""
        answer = self.guard.local(message, uid)
        if answer is None:
            self._call_later(_UID_INTERVAL, lambda: self._retry_local(message, send, until))
        else:
            send(answer)

    def _uid_of(self, message: LocalMessage) -> str | None:
        return "" if self.reader is None else self.reader.uid_of(message.queue_id)

    # Holds

    def _record_notified(self, hold: Hold) -> None:
        known = self.guard.holds.held.get(hold.who)
        if known is not None and known.since == hold.since:
            self.guard.write([notified_record(hold.who)])

    def on_hold(self, hold: Hold) -> None:
        """Mail the administrators about a new hold, and put its queued mail on hold."""
        self.notifier.put(hold)
        if hold.mode == HOLD:
            self._held.add(hold.who)
            self._jobs.put(self._sync)
            self._hold_queued(hold.who, 2)

    def _hold_queued(self, who: Subject, times: int) -> None:
        """Put a subject's queued mail on hold, now and once more for mail in transit."""
        if not times:
            self._holding.discard(who)
            return
        self._holding.add(who)
        ids = self._ids_of(who)
        if not ids:
            self._call_later(_SECOND_PASS, lambda: self._hold_queued(who, times - 1))
            return

        def put_on_hold() -> Callable[[], None]:
            try:
                done = self.queue_holder.hold(who, ids)
            except BmtickError as error:
                text = f"{error.message}; {error.remedy}"
                return lambda: self._hold_failed(who, text)
            return lambda: self._hold_done(who, done, times)

        self._jobs.put(put_on_hold)

    def _hold_failed(self, who: Subject, text: str) -> None:
        self._holding.discard(who)
        self.guard.warn(text)

    def _hold_done(self, who: Subject, done: list[str], times: int) -> None:
        if done and who in self.guard.holds.held:
            self.guard.write([mail_record(who, done)])
        self._call_later(_SECOND_PASS, lambda: self._hold_queued(who, times - 1))

    def _ids_of(self, who: Subject) -> list[str]:
        """Return the queue ids of a subject's messages that are not on hold."""
        found = dict.fromkeys(self.guard.ids_of(who))
        if self.reader is not None:
            hold = self.guard.holds.held.get(who)
            held = hold.ids if hold is not None else ()
            found.update((i, None) for i in self.reader.ids_of(who) if i not in held)
        return list(found)

    # Timers' jobs

    def _queue_touched(self) -> None:
        """Queue subjects with new log entries: Postfix does not ask about all mail."""
        if self.reader is not None:
            waiting = set(self._touched)
            named = (subject_of(entity) for entity in self.reader.take())
            self._touched += (who for who in named if who is not None and who not in waiting)

    def _evaluate(self, who: Subject) -> None:
        hold = self.guard.evaluate(who)
        if hold is None or who in self._holding:
            return
        if hold.mode == HOLD:
            if self._ids_of(who):
                self._hold_queued(who, 2)
        elif who.kind in (LOCAL, FORWARD) and (ids := self._ids_of(who)):
            self.guard.write([mail_record(who, ids)])

    def _poll(self) -> None:
        """Read what commands wrote, also while no mail arrives."""
        self.guard.refresh()
        now_held = {w for w, hold in self.guard.holds.held.items() if hold.mode == HOLD}
        for who in now_held - self._held:
            self._hold_queued(who, 2)
        self._held = now_held
        self.publish(self.guard)

    def _maintain(self) -> None:
        self.guard.maintain()
        gc.collect()  # only the objects of the last minute: older ones are frozen
        gc.freeze()
