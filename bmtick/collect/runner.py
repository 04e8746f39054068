"""Runs of the collector: read, write ahead, print, commit; once or at each newline on stdin."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from bmtick.collect import queue
from bmtick.collect.emit import Row
from bmtick.collect.session import FIRST, Session
from bmtick.collect.state import StateFile
from bmtick.errors import BmtickError

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import Any


class Runner:
    """One collector with its state.

    Args:
        session: counts.
        state: where the session is kept, or None.
        write: takes bytes and has them delivered before it returns.
        form: turns rows into lines.
        spool: the queue directory to watch, or "" for none.
        integer_age: write the age of a queue as an integer.
        warn: takes one line for the administrator.
        clock: tells the time.
    """

    def __init__(
        self,
        session: Session,
        state: StateFile | None,
        write: Callable[[bytes], None],
        form: Callable[[list[Row]], bytes],
        *,
        spool: str,
        integer_age: bool = False,
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.session = session
        self.state = state
        self.write = write
        self.form = form
        self.spool = spool
        self.integer_age = integer_age
        self.warn = warn
        self.clock = clock
        self._written: Any = None

    def start(self, *, from_start: bool) -> None:
        """Take up the state; print again what a killed run may or may not have printed."""
        newest = None if from_start else FIRST
        if self.state is None:
            self.session.begin(None if from_start else 0, self.clock())
            return
        kept, again, damage = self.state.open()
        if kept is None:
            if damage:
                self.session.uncertain += 1
                self.warn(
                    f"the state {self.state.path} cannot be used: {damage}; the log is read from "
                    "its beginning: its points replace those of the same time in InfluxDB"
                )
            else:
                self.warn(f"there is no state {self.state.path} yet: this is a first run")
            self.session.begin(newest, self.clock())
            return
        try:
            self.session.restore(kept.state)
        except ValueError as error:
            raise BmtickError(
                f"the state {self.state.path} cannot be used: {error}",
                remedy="name another file with --state, or remove this one to begin anew",
            ) from None
        self._written = self.session.mark()
        if again:
            self.write(kept.output)
            self.state.commit()

    def run(self) -> None:
        """Read what is new, print the points of closed buckets, keep the rest."""
        more = True
        while more:
            now = self.clock()
            rows, more = self.session.run(now)
            counted = bool(rows)
            if not more:
                if self.spool:
                    rows += queue.rows(self.spool, now, self.warn, integer_age=self.integer_age)
                if self.session.uncertain or not counted:
                    rows.append(self.session.heartbeat(now))
            self._deliver(self.form(rows), counted)

    def finish(self) -> None:
        """Without a state, give out at the end what would be lost with the process."""
        if self.state is None:
            self.session.run(self.clock())
            rows = self.session.flush(self.clock())
            self.write(self.form(rows))
        else:
            self.state.close()

    def _deliver(self, output: bytes, counted: bool) -> None:
        mark = self.session.mark()
        if self.state is None or (not counted and mark == self._written):
            self.write(output)  # nothing that the state would know
            return
        self.state.prepare(self.session.dump(), output)
        self.write(output)
        self.state.commit()
        self._written = mark


def serve(runner: Runner, stdin: int, complain: Callable[[str], None]) -> None:
    """Run at each newline on stdin and at each SIGHUP, until stdin ends (Telegraf's execd)."""
    import select
    import signal

    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGHUP, lambda *_: None)  # the number comes through the pipe
    while True:
        ready, _, _ = select.select([stdin, reader], [], [])
        times = 0
        if reader in ready:
            times += len(os.read(reader, 4096))
        if stdin in ready:
            data = os.read(stdin, 65536)
            if not data:
                runner.finish()
                return
            times += data.count(b"\n")
        for _ in range(times):
            try:
                runner.run()
            except BmtickError as error:
                complain(str(error))


def repeat(runner: Runner, seconds: float, complain: Callable[[str], None]) -> None:
    """Run so often, until the process is ended; what goes wrong is told and tried again."""
    due = time.monotonic()
    while True:
        try:
            runner.run()
        except BmtickError as error:
            complain(str(error))
        due = max(due + seconds, time.monotonic())
        time.sleep(due - time.monotonic() if due > time.monotonic() else 0)
