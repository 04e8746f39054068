"""A Kapacitor in memory, as far as deploying needs it: no script is checked, none sees its data.

What it does to a task follows kapacitor ``services/task_store/service.go``: PATCH of an enabled
task stores and does not restart, empty vars and dbrps are ignored, a task of a template takes
its script at each PATCH, lists do not tell the template.
"""

from __future__ import annotations

import json
import re
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

    templates: dict[str, dict] = field(default_factory=dict)
    clock: int = 0

    def now(self) -> str:
        self.clock += 1
        return f"2026-01-01T00:00:00.{self.clock:09}Z"

    def reply(self, method: str, path: str, query: dict, body: dict) -> tuple[int, dict, object]:
        queued = self.answers.get((method, path))
        if queued:
            return queued.pop(0)
        rest = path.removeprefix(f"{self.base}/kapacitor/v1")
        if rest == "/ping":
            return 204, {"X-Kapacitor-Version": "1.6.5"}, None
        if rest == "/write":
            self._raise_alerts((query.get("db", ""), query.get("rp", "")))
            return 204, {}, None
        if rest.startswith("/alerts/topics"):
            return self._topics(method, rest.removeprefix("/alerts/topics").strip("/"))
        kind, _, name = rest.strip("/").partition("/")
        if kind not in {"tasks", "templates"}:
            return 404, {}, {"error": "not found"}
        store = self.tasks if kind == "tasks" else self.templates
        if method == "GET" and not name:
            return 200, {}, {kind: self._page(store, query)}
        if method == "POST":
            return self._create(kind, store, body)
        if method == "DELETE":
            store.pop(name, None)
            return 204, {}, None
        if name not in store:
            return 404, {}, {"error": f"no {kind} exists"}
        if method == "PATCH":
            return self._update(kind, store[name], body)
        return 200, {}, store[name]

    def _page(self, store: dict, query: dict) -> list[dict]:
        offset, limit = int(query.get("offset", 0)), int(query.get("limit", 100))
        chosen = [store[i] for i in sorted(store)]
        page = chosen[offset : offset + min(limit, self.longest_page)]
        return [{k: v for k, v in item.items() if k != "template-id"} for item in page]

    def _create(self, kind: str, store: dict, body: dict) -> tuple[int, dict, object]:
        if body["id"] in store:
            return 400, {}, {"error": f"{kind[:-1]} {body['id']} already exists"}
        if kind == "templates":
            store[body["id"]] = {"id": body["id"], "script": body["script"]}
            return 200, {}, store[body["id"]]
        task = {"id": body["id"], "status": "disabled", "executing": False, "error": "",
                "dbrps": body.get("dbrps", []), "vars": body.get("vars", {}), "template-id": "",
                "script": body.get("script", ""), "modified": self.now(), "dot": "alert2"}  # fmt: skip
        if body.get("template-id"):
            if body["template-id"] not in self.templates:
                return 400, {}, {"error": "unknown template"}
            task["template-id"] = body["template-id"]
            task["script"] = self.templates[body["template-id"]]["script"]
        store[task["id"]] = task
        if body.get("status") == "enabled":
            self._start(task)
        return 200, {}, task

    def _update(self, kind: str, item: dict, body: dict) -> tuple[int, dict, object]:
        if kind == "templates":
            item["script"] = body["script"]
            for task in self.tasks.values():
                if task["template-id"] == item["id"]:
                    task["script"] = item["script"]
            return 200, {}, item
        template = body.get("template-id") or item["template-id"]
        if template:
            if template not in self.templates:
                return 400, {}, {"error": f"unknown template {template}"}
            item["template-id"] = template
            item["script"] = self.templates[template]["script"]
        elif body.get("script"):
            item["script"] = body["script"]
        for name in ("vars", "dbrps"):
            if body.get(name):
                item[name] = body[name]
        item["modified"] = self.now()
        if body.get("status", item["status"]) != item["status"]:
            if body["status"] == "enabled":
                self._start(item)
            else:
                item.update(status="disabled", executing=False)
        return 200, {}, item

    def _raise_alerts(self, dbrp: tuple[str, str]) -> None:
        """Count an event at each alert node that is CRITICAL whatever the point."""
        for task in self.tasks.values():
            if task["executing"] and dbrp in [(d["db"], d["rp"]) for d in task["dbrps"]]:
                nodes = range(task["script"].count(".crit(lambda: TRUE)"))
                task["stats"] = {
                    "node-stats": {f"alert{n}": {"alerts_triggered": 1} for n in nodes}
                }

    def _topics(self, method: str, path: str) -> tuple[int, dict, object]:
        """Topics are open while their tasks run, and CRITICAL: silences wait for that."""
        running = [task["script"] for task in self.tasks.values() if task["executing"]]
        named = [name for script in running for name in re.findall(r"\.topic\('(.*?)'\)", script)]
        if method != "GET":
            return 204, {}, None
        if not path:
            return 200, {}, {"topics": [{"id": name} for name in dict.fromkeys(named)]}
        count = named.count(path.partition("/")[0])
        events = [{"id": str(n), "state": {"level": "CRITICAL"}} for n in range(count)]
        return 200, {}, {"events": events}

    def _start(self, task: dict) -> None:
        task.update(status="enabled", executing=True, running=task["script"])
        task["last-enabled"] = task["modified"]


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
