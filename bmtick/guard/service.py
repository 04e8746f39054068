"""The guard as a process: requests first, timers between them, what takes its time in a thread.

One thread answers, weighs and writes the journal; a second one runs postsuper and waits for the
disk; a third, the reader's, tails the log. What the second has done is told to the first.
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
from bmtick.guard.holds import HOLD, Hold, Journal, mail_record, told_record
from bmtick.guard.listen import PolicyServer
from bmtick.guard.log import LogReader
from bmtick.guard.memory import who_of
from bmtick.guard.milter import LocalMessage
from bmtick.guard.postfix import Brake
from bmtick.guard.tell import Teller
from bmtick.guard.who import FORWARD, LOCAL, Who

_LOOK: Final = 0.5  # seconds between two looks at what commands wrote
_AGAIN: Final = 2.0  # seconds after which what was under way is put on hold, too
_FOLLOW: Final = 0.25  # seconds between two looks at what the log told
_UID_WAIT: Final = 1.0  # seconds that a message by sendmail may wait for its line in the log
_UID_LOOK: Final = 0.05  # seconds between two looks for it
_AT_ONCE: Final = 4  # accounts and machines that are weighed before requests are answered again
_TIDY: Final = 60.0  # seconds
_LAST: Final = 10.0  # seconds for what is under way when the guard ends


@dataclass
class Service:
    """Runs a guard until SIGTERM or SIGINT.

    Args:
        guard: answers.
        journal: its journal, to be written to the disk.
        brake: puts on hold what is queued already.
        teller: tells of everybody who is newly held.
        publish: writes the points; called twice a second.
        reader: tails the log; None: there is none.
    """

    guard: Guard
    journal: Journal
    brake: Brake
    teller: Teller
    publish: Callable[[Guard], None]
    reader: LogReader | None = None
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: int = 0
    _work: SimpleQueue[Callable[[], Callable[[], None] | None] | None] = field(
        default_factory=SimpleQueue
    )
    _done: SimpleQueue[Callable[[], None]] = field(default_factory=SimpleQueue)
    _stopped: bool = False
    _server: PolicyServer | None = None
    _told: deque[Who] = field(default_factory=deque)
    _held: set[Who] = field(default_factory=set)
    _braking: set[Who] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.guard.caught = self.caught

    def run(self, sock: socket.socket, ready: Callable[[], None]) -> None:
        """Answer on a socket that listens; ``ready`` is called once it does."""
        guard = self.guard
        server = self._server = PolicyServer(sock, guard.answer, self._local, guard.warn)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.set_wakeup_fd(server.wakeup_fd, warn_on_full_buffer=False)
        worker = threading.Thread(target=self._run_jobs, name="postsuper", daemon=True)
        worker.start()
        guard.refresh()
        self.teller.start(lambda hold: self._then(lambda: self._is_told(hold)))
        for hold in guard.holds.held.values():
            if not hold.told and hold.by == BY_GUARD:
                self.teller.put(hold)
        self._held = {who for who, hold in guard.holds.held.items() if hold.mode == HOLD}
        for seconds, job in ((_LOOK, self._look), (_FOLLOW, self._follow), (_TIDY, self._tidy)):
            self._repeat(seconds, job)
        # A whole collection looks at what is remembered of everybody, and stops all for a second.
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
            self.teller.stop()
            self._work.put(None)
            worker.join(_LAST)
            self._take_done()

    def _stop(self, number: int, frame: object) -> None:
        del number, frame
        self._stopped = True

    # Timers

    def _later(self, seconds: float, job: Callable[[], None]) -> None:
        self._number += 1
        heappush(self._due, (system_time.monotonic() + seconds, self._number, job))

    def _repeat(self, seconds: float, job: Callable[[], None]) -> None:
        def again() -> None:
            try:
                job()
            finally:
                self._later(seconds, again)

        self._later(seconds, again)

    def _run_due(self) -> float:
        """Run what is due; return the seconds until the next is."""
        self._take_done()
        while self._due[0][0] <= system_time.monotonic():
            self._safely(heappop(self._due)[2])
        for _ in range(_AT_ONCE):
            if self._told:
                who = self._told.popleft()
                self._safely(lambda: self._told_of(who))  # noqa: B023 -- called here
        return 0.0 if self._told else self._due[0][0] - system_time.monotonic()

    def _safely(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 -- the next one may go well
            self.guard.warn(f"a part of the guard failed: {type(error).__name__}: {error}")

    # Work that waits

    def _run_jobs(self) -> None:
        while (job := self._work.get()) is not None:
            try:
                after = job()
            except Exception as error:  # noqa: BLE001 -- as in _safely
                after = None
                self.guard.warn(f"a part of the guard failed: {type(error).__name__}: {error}")
            if after is not None:
                self._then(after)

    def _then(self, job: Callable[[], None]) -> None:
        """Let the first thread do something; from any thread."""
        self._done.put(job)
        if self._server is not None:
            self._server.wake()

    def _take_done(self) -> None:
        while not self._done.empty():
            self._safely(self._done.get())

    def _sync(self) -> None:
        try:
            self.journal.sync()
        except OSError as error:
            self.guard.warn(f"cannot write the state {self.journal.path}: {error.strerror}")

    # Mail by sendmail

    def _local(self, message: LocalMessage, send: Callable[[bytes], None]) -> bytes:
        """Answer a message by ``sendmail``, at once or when the log says whose program sent it."""
        answer = self.guard.local(message, self._uid_of(message))
        if answer is None:
            until = system_time.monotonic() + _UID_WAIT
            self._later(_UID_LOOK, lambda: self._local_later(message, send, until))
        return answer or b""

    def _local_later(
        self, message: LocalMessage, send: Callable[[bytes], None], until: float
    ) -> None:
        uid = self._uid_of(message)
        if uid is None and system_time.monotonic() >= until:
            uid = ""
        answer = self.guard.local(message, uid)
        if answer is None:
            self._later(_UID_LOOK, lambda: self._local_later(message, send, until))
        else:
            send(answer)

    def _uid_of(self, message: LocalMessage) -> str | None:
        return "" if self.reader is None else self.reader.uid_of(message.queue_id)

    # Who is held

    def _is_told(self, hold: Hold) -> None:
        known = self.guard.holds.held.get(hold.who)
        if known is not None and known.since == hold.since:
            self.guard.write([told_record(hold.who)])

    def caught(self, hold: Hold) -> None:
        """Somebody is newly held, or would be: tell, and put on hold what is queued already."""
        self.teller.put(hold)
        if hold.mode == HOLD:
            self._held.add(hold.who)
            self._work.put(self._sync)
            self._brake(hold.who, 2)

    def _brake(self, who: Who, times: int) -> None:
        """Put somebody's queued mail on hold, now and once more for what is under way."""
        if not times:
            self._braking.discard(who)
            return
        self._braking.add(who)
        ids = self._ids_of(who)
        if not ids:
            self._later(_AGAIN, lambda: self._brake(who, times - 1))
            return

        def put_on_hold() -> Callable[[], None]:
            try:
                done = self.brake.hold(who, ids)
            except BmtickError as error:
                text = f"{error.message}; {error.remedy}"
                return lambda: self._cannot_brake(who, text)
            return lambda: self._braked(who, done, times)

        self._work.put(put_on_hold)

    def _cannot_brake(self, who: Who, text: str) -> None:
        self._braking.discard(who)
        self.guard.warn(text)

    def _braked(self, who: Who, done: list[str], times: int) -> None:
        if done and who in self.guard.holds.held:
            self.guard.write([mail_record(who, done)])
        self._later(_AGAIN, lambda: self._brake(who, times - 1))

    def _ids_of(self, who: Who) -> list[str]:
        """Return the queue ids of somebody's messages, without those that are on hold."""
        found = dict.fromkeys(self.guard.ids_of(who))
        if self.reader is not None:
            hold = self.guard.holds.held.get(who)
            held = hold.ids if hold is not None else ()
            found.update((i, None) for i in self.reader.ids_of(who) if i not in held)
        return list(found)

    # What is looked at now and then

    def _follow(self) -> None:
        """Weigh soon those of whom the log told: Postfix does not ask about all mail."""
        if self.reader is not None:
            waiting = set(self._told)
            named = (who_of(entity) for entity in self.reader.take())
            self._told += (who for who in named if who is not None and who not in waiting)

    def _told_of(self, who: Who) -> None:
        hold = self.guard.suspect(who)
        if hold is None or who in self._braking:
            return
        if hold.mode == HOLD:
            if self._ids_of(who):
                self._brake(who, 2)
        elif who.kind in (LOCAL, FORWARD) and (ids := self._ids_of(who)):
            self.guard.write([mail_record(who, ids)])

    def _look(self) -> None:
        """Notice what commands wrote, also while no mail comes."""
        self.guard.refresh()
        now_held = {w for w, hold in self.guard.holds.held.items() if hold.mode == HOLD}
        for who in now_held - self._held:
            self._brake(who, 2)
        self._held = now_held
        self.publish(self.guard)

    def _tidy(self) -> None:
        self.guard.tidy()
        gc.collect()  # of a minute alone: what is older is frozen
        gc.freeze()
