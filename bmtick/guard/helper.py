"""The root service that puts queued mail on hold for a guard that does not run as root.

One request a connection: a line of JSON, ``{"do": "hold", "who": [KIND, NAME, SENDER], "ids":
[...]}`` or ``"do": "release"``. The answer is a line, ``{"done": [...]}`` or ``{"error": "...",
"remedy": "..."}``. The service cannot read, delete or send mail. It checks each queue file for the
subject before it changes it.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from bmtick.errors import BmtickError
from bmtick.guard.postfix import Postsuper, QueueHolder
from bmtick.guard.subject import CLIENT, FORWARD, FROM, LOCAL, USER, Subject
from bmtick.incident.programs import Programs
from bmtick.incident.queue_files import QUEUE_ID
from bmtick.net import Limits

_MAX_LINE = 8 << 20  # bytes: some 400,000 queue ids
_CHUNK = 1 << 16
_TIMEOUT = 30.0  # seconds until the request must be complete
_ANSWER_TIMEOUT = 300.0  # seconds; postsuper is slow on a queue of 100,000 messages


def serve(listener: socket.socket, queue_holder: QueueHolder, idle: float) -> None:
    """Answer one request after another; return after ``idle`` seconds without one."""
    listener.settimeout(idle)
    while True:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            return
        with connection:
            try:
                answer = _answer(_read_line(connection, _TIMEOUT), queue_holder)
                connection.settimeout(_TIMEOUT)
                connection.sendall(json.dumps(answer).encode() + b"\n")
            except OSError:
                continue  # the client is gone


def _answer(line: bytes, queue_holder: QueueHolder) -> dict[str, Any]:
    try:
        request = json.loads(line)
        kind, name, sender = request["who"]
        ids = request["ids"]
        act: Callable[[Subject, Sequence[str]], list[str]] = {
            "hold": queue_holder.hold,
            "release": queue_holder.release,
        }[request["do"]]
        if kind not in (USER, CLIENT, FROM, LOCAL, FORWARD):
            raise ValueError(kind)
        if not all(isinstance(i, str) and QUEUE_ID.fullmatch(i) for i in ids):
            raise ValueError(ids)
        who = Subject(kind, str(name), str(sender))
    except (ValueError, KeyError, TypeError, RecursionError):
        return {"error": "that is no request", "remedy": ""}
    try:
        return {"done": act(who, ids)}
    except BmtickError as error:
        return {"error": error.message, "remedy": error.remedy}


def _read_line(connection: socket.socket, seconds: float) -> bytes:
    """Return a line, or the input up to its end.

    Raises:
        OSError: the line is too long, or incomplete after the timeout.
    """
    limits, line = Limits(seconds, _MAX_LINE), bytearray()
    while not line.endswith(b"\n"):
        connection.settimeout(limits.remaining())
        data = connection.recv(_CHUNK)
        if not data:
            break
        limits.count_received(len(data))
        line += data
    return bytes(line)


class Helper:
    """Client of that service.

    Args:
        path: its socket.
        seconds: timeout of an answer.
    """

    def __init__(self, path: str, seconds: float = _ANSWER_TIMEOUT) -> None:
        self._path, self._seconds = path, seconds

    def hold(self, who: Subject, ids: Sequence[str]) -> list[str]:
        """Put the subject's queued messages among ``ids`` on hold; return their ids."""
        return self._ask("hold", who, ids)

    def release(self, who: Subject, ids: Sequence[str]) -> list[str]:
        """Give the subject's held messages among ``ids`` back to Postfix; return their ids."""
        return self._ask("release", who, ids)

    def _ask(self, verb: str, who: Subject, ids: Sequence[str]) -> list[str]:
        request = {"do": verb, "who": list(who), "ids": list(ids)}
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(self._seconds)
                sock.connect(self._path)
                sock.sendall(json.dumps(request).encode() + b"\n")
                answer = json.loads(_read_line(sock, self._seconds))
            if not isinstance(answer, dict):
                raise ValueError("that is no answer")  # noqa: TRY004 -- an error of the service
            if "error" not in answer:
                return [str(i) for i in answer["done"]]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BmtickError(
                f"{self._path} does not answer: {reason}",
                remedy="systemctl start bmtick-guard-queue.socket",
            ) from None
        raise BmtickError(str(answer["error"]), remedy=str(answer.get("remedy", "")))


def choose_queue_holder(programs: Programs, helper: str) -> QueueHolder:
    """Return what holds queued mail for this process: root itself, else the helper if it exists."""
    if os.geteuid() != 0 and os.path.exists(helper):  # noqa: PTH110 -- "" means no helper
        return Helper(helper)
    return Postsuper(programs)
