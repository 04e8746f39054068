"""A proxy in front of a server that spoils one request, or all from one on.

Faults: ``drop`` (connection closed before the server sees the request), ``lose`` (the server acts,
the answer is lost), ``500``, ``503`` (an answer instead of the server's), ``act500`` (the server acts, then
500), ``400``, ``hang`` (the server acts, the answer does not come), ``call`` (the server acts,
then a function of the test is called).
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Faults:
    """What to spoil: the requests from ``first`` to ``last`` (from 1) by ``kind``."""

    kind: str = ""
    first: int = 0
    last: int = 0
    call: Callable[[], None] = lambda: None
    requests: list[str] = field(default_factory=list)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def plan(self, kind: str, first: int, *, last: int | None = None) -> None:
        self.kind, self.first, self.last = kind, first, first if last is None else last
        self.requests.clear()

    def calm(self) -> None:
        self.plan("", 0)

    def next(self, request: str) -> str:
        with self.lock:
            self.requests.append(request)
            return self.kind if self.first <= len(self.requests) <= self.last else ""


@contextmanager
def faulty(url: str) -> Iterator[Faults]:
    """Run the proxy in front of ``url``; ``faults.url`` is its address."""
    faults = Faults()
    target = urlsplit(url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # one packet an answer: no 40 ms wait for an acknowledgement
        disable_nagle_algorithm = True

        def _pass(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length) if length else None
            fault = faults.next(f"{self.command} {self.path}")
            if fault == "drop":
                self.close_connection = True
                return
            if fault in {"500", "503", "400"}:
                self._answer(int(fault), b'{"error": "injected"}')
                return
            status, reply, kind = self._forward(body)
            if fault == "call":
                faults.call()
            if fault == "hang":
                with suppress(OSError):
                    self.connection.recv(1)  # until the client has enough of it
            if fault in {"lose", "hang", "call"}:
                self.close_connection = True
            elif fault == "act500":
                self._answer(500, b'{"error": "injected after acting"}')
            else:
                self._answer(status, reply, kind)

        def _forward(self, body: bytes | None) -> tuple[int, bytes, str]:
            connection = http.client.HTTPConnection(target.hostname, target.port, timeout=120)
            headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
            if "Authorization" in self.headers:
                headers["Authorization"] = self.headers["Authorization"]
            connection.request(self.command, self.path, body, headers)
            reply = connection.getresponse()
            data = reply.read()
            connection.close()
            return reply.status, data, reply.getheader("Content-Type") or "application/json"

        def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status != 204:
                self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = _pass  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_arguments: object) -> None:
            """A client that was killed is what the tests want."""

    server = Server(("127.0.0.1", 0), Handler)
    faults.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield faults
    finally:
        server.shutdown()
        server.server_close()
