"""The guard as a process: the socket, the timers, what takes its time in a thread of its own."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from bmtick.errors import BmtickError
from bmtick.guard.core import Guard
from bmtick.guard.holds import HOLD, Hold, Journal, mail_record
from bmtick.guard.listen import Connection
from bmtick.guard.log import LogReader
from bmtick.guard.memory import who_of
from bmtick.guard.postfix import Brake
from bmtick.guard.who import FORWARD, LOCAL, Who

_LOOK = 0.5  # seconds between two looks at what commands wrote
_AGAIN = 2.0  # seconds after which what was under way is put on hold, too
_FOLLOW = 0.25  # seconds between two looks at what the log told
_AT_ONCE = 4  # accounts and machines that are weighed before requests are answered again
_TIDY = 60.0  # seconds


@dataclass
class Service:
    """Runs a guard until SIGTERM or SIGINT.

    Args:
        guard: answers.
        journal: its journal, to be written to the disk.
        brake: puts on hold what is queued already.
        tell: sends the mail about somebody who is newly held; may take its time.
        reader: tails the log; None: there is none.
        background: what else runs; cancelled at the end.
        publish: writes the points; called each second.
    """

    guard: Guard
    journal: Journal
    brake: Brake
    tell: Callable[[Hold], None]
    publish: Callable[[Guard], None]
    reader: LogReader | None = None
    background: Sequence[Callable[[Service], Coroutine[Any, Any, None]]] = ()
    connections: dict[Connection, None] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(2, thread_name_prefix="guard")
    )
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _held: set[Who] = field(default_factory=set)
    _braking: set[Who] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.guard.caught = self.caught

    def run(self, sock: socket.socket, ready: Callable[[], None]) -> None:
        """Answer on a socket that listens; ``ready`` is called once it does."""
        asyncio.run(self._main(sock, ready))

    async def _main(self, sock: socket.socket, ready: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        guard = self.guard
        guard.refresh()
        self._held = {who for who, hold in guard.holds.held.items() if hold.mode == HOLD}
        server = await loop.create_server(
            lambda: Connection(guard.answer, self.connections, guard.warn), sock=sock
        )
        for job in (Service._look, Service._tidy, Service._follow, *self.background):
            self._start(job(self))
        ready()
        await stop.wait()
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self.connections):
            connection.close()
        if self.reader is not None:
            await loop.run_in_executor(None, self.reader.stop)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _start(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(job)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.guard.warn(f"a part of the guard failed: {type(error).__name__}: {error}")

    def caught(self, hold: Hold) -> None:
        """Somebody is newly held, or would be: tell, and put on hold what is queued already."""
        loop = asyncio.get_running_loop()
        loop.run_in_executor(self._pool, self._tell, hold)
        if hold.mode == HOLD:
            self._held.add(hold.who)
            self._start(self._brake(hold.who))
            loop.run_in_executor(self._pool, self._sync)

    def _tell(self, hold: Hold) -> None:
        try:
            self.tell(hold)
        except (OSError, BmtickError) as error:
            self.guard.warn(f"nobody could be told that {hold.who} is held: {error}")

    def _sync(self) -> None:
        try:
            self.journal.sync()
        except OSError as error:
            self.guard.warn(f"cannot write the state {self.journal.path}: {error.strerror}")

    async def _brake(self, who: Who) -> None:
        """Put somebody's queued mail on hold, now and once more for what is under way."""
        self._braking.add(who)
        try:
            await self._put_on_hold(who)
        finally:
            self._braking.discard(who)

    async def _put_on_hold(self, who: Who) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(2):
            if ids := self._ids_of(who):
                try:
                    done = await loop.run_in_executor(self._pool, self.brake.hold, who, ids)
                except BmtickError as error:
                    self.guard.warn(f"{error.message}; {error.remedy}")
                    return
                if done and who in self.guard.holds.held:
                    self.guard.write([mail_record(who, done)])
            await asyncio.sleep(_AGAIN)

    def _ids_of(self, who: Who) -> list[str]:
        """Return the queue ids of somebody's messages, without those that are on hold."""
        found = dict.fromkeys(self.guard.ids_of(who))
        if self.reader is not None:
            hold = self.guard.holds.held.get(who)
            held = hold.ids if hold is not None else ()
            found.update((i, None) for i in self.reader.ids_of(who) if i not in held)
        return list(found)

    async def _follow(self) -> None:
        """Weigh those of whom the log told, and put on hold what Postfix did not ask about."""
        while self.reader is not None:
            for number, entity in enumerate(self.reader.take()):
                if (who := who_of(entity)) is not None:
                    try:
                        self._told_of(who)
                    except Exception as error:  # noqa: BLE001 -- the next one may be weighed
                        self.guard.warn(f"{who} was not weighed: {type(error).__name__}: {error}")
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)  # requests first
            await asyncio.sleep(_FOLLOW)

    def _told_of(self, who: Who) -> None:
        hold = self.guard.suspect(who)
        if hold is None or who in self._braking:
            return
        if hold.mode == HOLD:
            if self._ids_of(who):
                self._start(self._brake(who))
        elif who.kind in (LOCAL, FORWARD) and (ids := self._ids_of(who)):
            self.guard.write([mail_record(who, ids)])

    async def _look(self) -> None:
        """Notice what commands wrote, also while no mail comes."""
        while True:
            self.guard.refresh()
            now_held = {w for w, hold in self.guard.holds.held.items() if hold.mode == HOLD}
            for who in now_held - self._held:
                self._start(self._brake(who))
            self._held = now_held
            self.publish(self.guard)
            await asyncio.sleep(_LOOK)

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(_TIDY)
            self.guard.tidy()
