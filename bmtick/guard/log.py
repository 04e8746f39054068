"""Tails the mail log for the guard, in a thread: refusals, pickup, forwards, baselines.

It is the collector's reader, with intervals of one second and the guard's memory. At the first
start it reads the existing logs, rotated ones too. Its memory is saved in a file beside the guard's
state. Without a log the guard uses Postfix's requests only.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time as system_time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bmtick.collect.batch import pieces
from bmtick.collect.bucket import Message
from bmtick.collect.dating import clock_of
from bmtick.collect.files import open_log
from bmtick.collect.logfile import LogFile
from bmtick.collect.options import Options
from bmtick.collect.scan import Scanner
from bmtick.collect.session import Session
from bmtick.collect.sources import is_glob, is_journal
from bmtick.errors import BmtickError
from bmtick.files import Folder
from bmtick.guard.memory import GuardMemory
from bmtick.guard.subject import CLIENT, FORWARD, FROM, LOCAL, MEASUREMENTS, UID, Subject
from bmtick.incident.logs import find_logs

_POLL_INTERVAL = 0.25  # seconds between two reads of the log
_RETRY_INTERVAL = 5.0  # seconds until the next attempt after a read error
_SAVE_INTERVAL = 300.0  # seconds between two saves of the memory
_SWITCH_INTERVAL = 0.0005  # seconds until the thread yields to a request
_MAGIC = {"bmtick": "guard memory", "version": 1}


class LogReader:
    """Reads the logs into a memory.

    Args:
        names: the logs: paths, globs, ``journal``.
        options: how to count; the interval is the step of the memory.
        memory: stores what is read.
        path: file that the memory is saved in.
        warn: takes one line for the administrator; called from the thread.
    """

    def __init__(
        self,
        names: Sequence[str],
        options: Options,
        memory: GuardMemory,
        path: Path,
        warn: Callable[[str], None],
    ) -> None:
        self._names, self._options, self._warn, self._path = list(names), options, warn, path
        self.memory = memory
        self._session = self._new_session()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self.learned = threading.Event()

    def _new_session(self) -> Session:
        session = Session(self._names, self._options, self._warn)
        session.emitter.memory = self.memory
        return session

    def start(self) -> None:
        """Start the thread."""
        sys.setswitchinterval(_SWITCH_INTERVAL)
        self._thread.start()

    def take(self) -> list[str]:
        """Return the entities with new log entries since the last call."""
        touched, self.memory.touched = self.memory.touched, {}
        return list(touched)

    def stop(self) -> None:
        """Stop the thread and save the memory."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def is_ours(self, domain: str) -> bool | None:
        """Whether a domain's mailboxes are on this server; None: the log shows no domain yet."""
        domains = self._session.counter.domains
        return domain.lower().encode("utf-8", "surrogateescape") in domains if domains else None

    def ids_of(self, who: Subject) -> list[str]:
        """Return the queue ids of a subject's messages that the log shows as queued."""
        counted = list(self._session.counter.counted.items())
        return [
            key.removesuffix(b":").decode("ascii", "replace")
            for key, message in counted
            if b"/" not in key and _is_of(message, who)
        ]

    def uid_of(self, queue_id: str) -> str | None:
        """Return the uid that sent a queue id's message by ``sendmail``; None: not known yet."""
        key = f"{queue_id}:".encode("ascii", "replace")
        counter = self._session.counter
        message = counter.counted.get(key)
        origin = counter.waiting.get(key) or (message.origin if message is not None else None)
        if origin is None or not origin.entity.startswith(f"{MEASUREMENTS[LOCAL]}\n"):
            return None
        return origin.entity.rpartition("\n")[2]

    # The thread

    def _run(self) -> None:
        saved = now = system_time.time()
        try:
            self._begin(now)
        except Exception as error:  # noqa: BLE001 -- a guard without a log is better than none
            self._warn(f"cannot use the log: {_cause(error)}")
        self.learned.set()
        pause = _POLL_INTERVAL
        while not self._stop.wait(pause):
            now = system_time.time()
            try:
                self._read(now)
                pause = _POLL_INTERVAL
            except Exception as error:  # noqa: BLE001 -- as above
                self._warn(f"cannot use the log: {_cause(error)}")
                pause = _RETRY_INTERVAL
            if now - saved >= _SAVE_INTERVAL:
                saved = now
                self._save()
        self._save()

    def _read(self, now: float) -> None:
        more = True
        while more and not self._stop.is_set():
            _, more = self._session.run(now)

    def _begin(self, now: float) -> None:
        if self._restore():
            return
        try:
            for path in self._rotated():
                self._learn(path, now)
        except BmtickError as error:
            self._warn(f"cannot use older logs: {error.message}")
        self._session.begin(None, now)
        self._read(now)

    def _rotated(self) -> list[str]:
        """Return the rotated logs beside the current ones, oldest first."""
        plain = [
            n for n in self._names if not is_glob(n) and not is_journal(n) and Path(n).exists()
        ]
        if not plain:
            return []
        current = {str(Path(name).resolve()) for name in plain}
        return [name for name in find_logs(plain).names if name not in current]

    def _learn(self, path: str, now: float) -> None:
        session, place = self._session, LogFile(path)
        scanner: Scanner | None = None
        with open_log(path, sys.stdin.buffer) as log:
            for piece in pieces(log, place):
                if self._stop.is_set():
                    return
                if scanner is None:
                    clock = clock_of(piece, path, now, None, lambda _: None)
                    scanner = Scanner(session.counter, session.buckets, clock)
                scanner.feed(piece)
                for begin, bucket in session.buckets.close_oldest():
                    session.emitter.rows(begin, bucket, 0.0)
        session.counter.trim(session.buckets.newest or int(now))

    # The saved memory

    def _save(self) -> None:
        part = f".{self._path.name}.new"
        try:
            with Folder(self._path.parent, create=True) as folder:
                folder.remove(part)
                fd = folder.create_open(part, os.O_WRONLY)
                with os.fdopen(fd, "w", encoding="utf-8") as file:
                    for line in self._lines():
                        file.write(f"{line}\n")
                    file.flush()
                    os.fsync(fd)
                folder.rename(part, self._path.name)
        except OSError as error:
            self._warn(f"cannot keep what was learned, {self._path}: {error.strerror}")

    def _lines(self) -> Iterator[str]:
        """Yield one line for each record: a single text would block requests."""
        yield json.dumps(_MAGIC)
        yield json.dumps(self._session.dump())
        yield from map(json.dumps, self.memory.lines())

    def _restore(self) -> bool:
        try:
            with Folder(self._path.parent) as folder:
                fd = folder.open(self._path.name)
            with os.fdopen(fd, encoding="utf-8") as file:
                if json.loads(file.readline()) != _MAGIC:
                    raise ValueError("it is not of this version")
                session = json.loads(file.readline())
                session["memory"]["records"] = dict(map(json.loads, file))
            self._session.restore(session)
        except FileNotFoundError:
            return False
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            self._warn(
                f"{self._path} cannot be used, learning again from the logs: {_cause(error)}"
            )
            with self.memory.lock:
                self.memory.records.clear()
            self._session = self._new_session()
            return False
        return True


def _is_of(message: Message, who: Subject) -> bool:
    measurement = MEASUREMENTS[who.kind]
    entity = message.origin.entity
    if who.kind == FORWARD:
        return f"{measurement}\n{who.name}" in (message.outward or ())
    if who.kind == FROM:
        sender = message.sender.decode("utf-8", "replace").lower()
        return entity.startswith(f"{MEASUREMENTS[CLIENT]}\n{who.name}\n") and sender == who.sender
    if who.kind == LOCAL and who.name.startswith(UID):
        uid = who.name.removeprefix(UID)
        return entity.startswith(f"{measurement}\n") and entity.endswith(f"\n{uid}")
    if who.kind in (CLIENT, LOCAL):
        return entity.startswith(f"{measurement}\n{who.name}\n")
    return entity == f"{measurement}\n{who.name}"


def _cause(error: Exception) -> str:
    if isinstance(error, BmtickError):
        return error.message
    return getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
