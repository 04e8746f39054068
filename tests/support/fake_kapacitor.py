"""A Kapacitor in memory, as far as planning needs it: lists with pages, tasks, no execution."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Fake:
    """``answers`` come before anything else: (method, path) -> list of (status, headers, body)."""

    url: str = ""
    base: str = ""
    longest_page: int = 10**6
    tasks: dict[str, dict] = field(default_factory=dict)
    answers: dict[tuple[str, str], list] = field(default_factory=dict)
    requests: list[tuple[str, str, dict]] = field(default_factory=list)

    def reply(self, method: str, path: str, query: dict, body: dict) -> tuple[int, dict, object]:
        queued = self.answers.get((method, path))
        if queued:
            return queued.pop(0)
        rest = path.removeprefix(f"{self.base}/kapacitor/v1")
        if rest == "/ping":
            return 204, {"X-Kapacitor-Version": "1.6.5"}, None
        if rest == "/tasks" and method == "GET":
            offset, limit = int(query.get("offset", 0)), int(query.get("limit", 100))
            chosen = [self.tasks[i] for i in sorted(self.tasks)]
            return 200, {}, {"tasks": chosen[offset : offset + min(limit, self.longest_page)]}
        if rest == "/templates":
            return 200, {}, {"templates": []}
        if rest.startswith("/tasks/") and rest[7:] in self.tasks:
            return 200, {}, self.tasks[rest[7:]]
        return 404, {}, {"error": "not found"}


@contextmanager
def fake_kapacitor(base: str = "") -> Iterator[Fake]:
    fake = Fake(base=base)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length) if length else b""
            parts = urlsplit(self.path)
            query = {k: v[-1] for k, v in parse_qs(parts.query).items()}
            fake.requests.append((self.command, self.path, dict(self.headers)))
            body = json.loads(raw) if raw.startswith(b"{") else {}
            status, headers, answer = fake.reply(self.command, parts.path, query, body)
            data = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                if status != 204 or name != "Content-Length":
                    self.send_header(name, value)
            self.end_headers()
            if status != 204:
                self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_port}{base}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
