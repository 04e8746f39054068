"""A server's answers, recorded from a real one, and given again where there is none.

A folder holds ``01.request``, ``01.response`` and so on: the first line is method and path, or
status and type; the body comes after an empty line. Requests come one after another, as recorded;
one that differs fails. To record anew, set ``BMTICK_RECORD=1`` and have the real server, then read
the difference before committing it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
import requests


def recording() -> bool:
    return bool(os.environ.get("BMTICK_RECORD"))


class _Tape:
    def __init__(self, folder: Path, real: str) -> None:
        self.folder, self.real, self.number = folder, real, 0
        self.problem = ""

    def answer(self, asked: str, send: Callable[[], requests.Response]) -> tuple[int, str, bytes]:
        self.number += 1
        request = self.folder / f"{self.number:02}.request"
        response = self.folder / f"{self.number:02}.response"
        if self.real:
            reply = send()
            kind = reply.headers.get("Content-Type", "")
            request.write_text(asked, newline="")
            response.write_bytes(f"{reply.status_code} {kind}\n\n".encode() + reply.content)
            return reply.status_code, kind, reply.content
        expected = request.read_bytes().decode() if request.exists() else "(nothing)"
        if asked != expected:
            self.problem = f"request {self.number} of {self.folder}: {asked}\nrecorded: {expected}"
            return 500, "text/plain", b"not as recorded"
        head, _, body = response.read_bytes().partition(b"\n\n")
        status, _, kind = head.decode().partition(" ")
        return int(status), kind, body


def _handler(tape: _Tape) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            # what is asked, not how: no secrets and no versions of libraries
            path = unquote_plus(self.path)
            asked = f"{self.command} {path}\n\n{body.decode()}"
            headers = {
                k: self.headers[k] for k in ("Authorization", "Content-Type") if self.headers[k]
            }

            def send() -> requests.Response:
                url = tape.real + self.path
                return requests.request(self.command, url, data=body, headers=headers, timeout=120)

            status, kind, content = tape.answer(asked, send)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _any  # noqa: N815 -- http.server's names

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def recorded(folder: Path, real: str = "") -> Iterator[str]:
    """Yield the URL of a server that records ``real``, or gives what was recorded."""
    folder.mkdir(parents=True, exist_ok=True)
    if real:
        for old in [*folder.glob("*.request"), *folder.glob("*.response")]:
            old.unlink()
    tape = _Tape(folder, real)
    server = HTTPServer(("127.0.0.1", 0), _handler(tape))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
    if tape.problem:
        pytest.fail(tape.problem)
    left = len(list(folder.glob("*.request"))) - tape.number
    assert left == 0, f"{left} recorded requests of {folder} were not sent"
