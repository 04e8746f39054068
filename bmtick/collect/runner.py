"""Runs of the collector: read, write ahead, print, commit; once or at each newline on stdin."""

from __future__ import annotations

import os
import time

from bmtick.collect.emit import Row
from bmtick.collect.session import FIRST, Session
from bmtick.collect.shutdown import Shutdown, StayingShutdown, is_orphan
from bmtick.collect.state import Snapshot, StateFile
from bmtick.errors import BmtickError

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FLUSH = 60.0  # seconds within which Telegraf has passed on what it took, jitter included
# Telegraf 1.26 drops the oldest of more than metric_buffer_limit (10,000) points that were not
# written yet (measured: of 60,000 messages at once 11,223 arrived).
PACE = 4000  # points of a run
HELD = 4 << 20  # bytes: more than its buffer of 10,000 points


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

    Attributes:
        reader: which Telegraf reads what is printed; empty where none does.
        ending: told what is printed, tells when to end.
        paced: whether a run gives out only as much as Telegraf takes at once.
        guard: where a guard writes who is held, or "".
        printed: whether anything was printed that is not printed again.
        at_end: whether the state is only committed once the process has ended well. Telegraf drops
            what a command printed that did not end well, so until then it is printed again.
        pending: whether there is something to commit.
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
        self.guard = ""
        self.integer_age = integer_age
        self.warn = warn
        self.clock = clock
        self.reader: list[int] = []
        self._last_reader: list[int] = []  # kept by a run of somebody else
        self.ending = Shutdown()
        self.paced = False
        self.printed = False
        self.at_end = False
        self._owed = b""  # printed, and not committed
        self.pending = False
        self._recent: list[tuple[int, bytes]] = []
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
                remedy="name another file with --state, or remove this one to start from scratch",
            ) from None
        self._written = self.session.mark()
        self._replay(kept, again)

    def _replay(self, kept: Snapshot, again: bool) -> None:
        """Print what a killed run may not have printed, or a Telegraf that died not passed on."""
        lengths = list(kept.state.get("held", ()))
        start = 0
        for at, length in lengths:
            self._recent.append((at, kept.output[start : start + length]))
            start += length
        last = kept.output[start:]
        self._last_reader = kept.state.get("reader") or []
        output = last if again else b""
        if self.reader and self._last_reader and self._last_reader != self.reader:
            output = kept.output
        if output:
            self._print(output)
        if again and self.at_end:
            self._owed, self.pending = last, True
        elif again and self.state is not None:
            self.state.commit()
        self._hold(last)

    def run(self) -> None:
        """Read what is new, print the points of closed buckets, keep the rest."""
        more = True
        while more and not self.ending.is_near():
            now = self.clock()
            if self.paced:
                rows, more = self.session.run_paced(now, PACE), False
            else:
                rows, more = self.session.run(now)
            counted = bool(rows)
            if not more:
                if self.spool:
                    from bmtick.collect import queue

                    rows += queue.rows(self.spool, now, self.warn, integer_age=self.integer_age)
                if self.guard:
                    from bmtick.collect import guarded

                    rows += guarded.rows(self.guard, now, self.warn)
                if self.session.uncertain or not counted:
                    rows.append(self.session.heartbeat(now))
            self._deliver(self.form(rows), counted)

    def finish(self, *, passed_on: bool = True) -> None:
        """Without a state, give out at the end what would be lost with the process.

        Args:
            passed_on: whether Telegraf is known to live, and to pass on all that it was given.
        """
        if self.state is None:
            self.session.run(self.clock())
            rows = self.session.flush(self.clock())
            self._print(self.form(rows))
            return
        if self.reader and passed_on:
            self.state.prepare(self.session.dump(), b"")
            self._commit()
        if self.pending:
            self.session.committed()  # the state that is to follow holds the same
        self.session.close()
        if not self.pending:
            self.state.close()

    def last_act(self) -> None:
        """Commit what was printed."""
        if self.pending and self.state is not None:
            self.state.commit()

    def _deliver(self, output: bytes, counted: bool) -> None:
        mark = self.session.mark()
        if self.state is None or (not counted and mark == self._written):
            self._print(output)  # nothing that the state would know
            if self.state is not None:
                self.state.touch()
            return
        state = self.session.dump()
        held: list[tuple[int, bytes]] = []
        if reader := self.reader or self._last_reader:
            held = self._held()
            state |= {"reader": reader, "held": [[at, len(old)] for at, old in held]}
        self.state.prepare(state, b"".join([*(old for _, old in held), self._owed, output]))
        self._print(output)
        self._owed += output
        self.pending = True
        if not self.at_end or len(self._owed) > HELD:
            self._commit()
        self._hold(output)
        self._written = mark

    def _commit(self) -> None:
        if self.state is not None:
            self.state.commit()
        self.session.committed()
        self._owed, self.pending = b"", False

    def _print(self, output: bytes) -> None:
        self.ending.print_begins()
        self.write(output)
        self.printed = True

    def _hold(self, output: bytes) -> None:
        """Remember what Telegraf was given, until it has passed it on."""
        self._recent.append((int(self.clock()), output))
        self._recent = self._held()

    def _held(self) -> list[tuple[int, bytes]]:
        """Return what Telegraf may still hold: the next process prints it if Telegraf dies."""
        now = self.clock()
        held = [(at, output) for at, output in self._recent if abs(now - at) < FLUSH]
        while sum(len(output) for _, output in held) > HELD:
            del held[0]
        return held


def serve(runner: Runner, stdin: int, complain: Callable[[str], None]) -> None:
    """Run at each newline on stdin and at each SIGHUP, until stdin ends (Telegraf's execd)."""
    import select
    import signal

    parent = os.getppid()
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    runner.ending = ending = StayingShutdown()
    signal.signal(signal.SIGTERM, ending.begin)
    signal.signal(signal.SIGHUP, lambda *_: None)  # the number comes through the pipe
    ended = gone = False
    while not ended:
        ready, _, _ = select.select([stdin, reader], [], [])
        times = 0
        if reader in ready:
            came = os.read(reader, 4096)
            times += came.count(signal.SIGHUP)
            ended = ending.is_near()
        if stdin in ready:
            data = os.read(stdin, 65536)
            times += data.count(b"\n")
            ended = ended or not data
        gone = not all(_answer(runner, complain) for _ in range(times))
        ended = ended or gone
    runner.finish(passed_on=not gone and not is_orphan(parent))


def _answer(runner: Runner, complain: Callable[[str], None]) -> bool:
    """Run once; return whether somebody took what was printed."""
    try:
        runner.run()
    except BmtickError as error:
        complain(str(error))
    except BrokenPipeError:
        return False
    return True


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
