"""The small service of root's that puts queued mail on hold for a guard that is not root.

One request on a connection: a line of JSON, ``{"do": "hold", "who": [KIND, NAME, SENDER], "ids":
[...]}`` or ``"do": "release"``; the answer is a line, ``{"done": [...]}`` or ``{"error": "...",
"remedy": "..."}``. It cannot read, delete or send mail, and it asks each queue file whether the
message is WHO's before it touches it.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from bmtick.errors import BmtickError
from bmtick.guard.postfix import Brake, Postsuper
from bmtick.guard.who import CLIENT, FORWARD, FROM, LOCAL, USER, Who
from bmtick.incident.programs import Programs
from bmtick.incident.queue_files import QUEUE_ID
from bmtick.net import Limits

_MAX_LINE = 8 << 20  # bytes: some 400,000 queue ids
_CHUNK = 1 << 16
_TIMEOUT = 30.0  # seconds until a request is whole
_ANSWER = 300.0  # seconds; postsuper on a queue of 100,000 messages takes some


def serve(listener: socket.socket, brake: Brake, idle: float) -> None:
    """Answer one request after the other; return when none has come for ``idle`` seconds."""
    listener.settimeout(idle)
    while True:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            return
        with connection:
            try:
                answer = _answer(_read_line(connection, _TIMEOUT), brake)
                connection.settimeout(_TIMEOUT)
                connection.sendall(json.dumps(answer).encode() + b"\n")
            except OSError:
                continue  # whoever asked has gone


def _answer(line: bytes, brake: Brake) -> dict[str, Any]:
    try:
        request = json.loads(line)
        kind, name, sender = request["who"]
        ids = request["ids"]
        act: Callable[[Who, Sequence[str]], list[str]] = {
            "hold": brake.hold,
            "release": brake.release,
        }[request["do"]]
        if kind not in (USER, CLIENT, FROM, LOCAL, FORWARD):
            raise ValueError(kind)
        if not all(isinstance(i, str) and QUEUE_ID.fullmatch(i) for i in ids):
            raise ValueError(ids)
        who = Who(kind, str(name), str(sender))
    except (ValueError, KeyError, TypeError, RecursionError):
        return {"error": "that is no request", "remedy": ""}
    try:
        return {"done": act(who, ids)}
    except BmtickError as error:
        return {"error": error.message, "remedy": error.remedy}


def _read_line(connection: socket.socket, seconds: float) -> bytes:
    """Return a line, or what came before the end.

    Raises:
        OSError: it is too long, or not whole when the time is over.
    """
    limits, line = Limits(seconds, _MAX_LINE), bytearray()
    while not line.endswith(b"\n"):
        connection.settimeout(limits.left())
        data = connection.recv(_CHUNK)
        if not data:
            break
        limits.took(len(data))
        line += data
    return bytes(line)


class Helper:
    """Asks that service.

    Args:
        path: its socket.
        seconds: until its answer is whole.
    """

    def __init__(self, path: str, seconds: float = _ANSWER) -> None:
        self._path, self._seconds = path, seconds

    def hold(self, who: Who, ids: Sequence[str]) -> list[str]:
        """Put those of somebody's messages that are in the queue on hold; return which."""
        return self._ask("hold", who, ids)

    def release(self, who: Who, ids: Sequence[str]) -> list[str]:
        """Give those that are on hold back to Postfix; return which."""
        return self._ask("release", who, ids)

    def _ask(self, verb: str, who: Who, ids: Sequence[str]) -> list[str]:
        request = {"do": verb, "who": list(who), "ids": list(ids)}
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                sock.settimeout(self._seconds)
                sock.connect(self._path)
                sock.sendall(json.dumps(request).encode() + b"\n")
                answer = json.loads(_read_line(sock, self._seconds))
            if not isinstance(answer, dict):
                raise ValueError("that is no answer")  # noqa: TRY004 -- of its, not of ours
            if "error" not in answer:
                return [str(i) for i in answer["done"]]
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise BmtickError(
                f"{self._path} does not answer: {reason}",
                remedy="systemctl start bmtick-guard-queue.socket",
            ) from None
        raise BmtickError(str(answer["error"]), remedy=str(answer.get("remedy", "")))


def choose_brake(programs: Programs, helper: str) -> Brake:
    """Return what puts mail on hold here: root itself, else the helper where there is one."""
    if os.geteuid() != 0 and os.path.exists(helper):  # noqa: PTH110 -- "" is no helper
        return Helper(helper)
    return Postsuper(programs)
