"""HTTP exchanges recorded from a real server, and replayed where there is none.

A replay fails loudly when a request is not the recorded one. Record anew with
``BMTICK_RECORD=1 python -m pytest tests/deploy/test_exchanges.py`` and a kapacitord, and read the
difference before committing it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bmtick.httpclient import HttpClient, Reply

KEPT_HEADERS = ("X-Kapacitor-Version", "Location")


def recording() -> bool:
    return bool(os.environ.get("BMTICK_RECORD"))


class Exchanges:
    """Takes the place of ``HttpClient.exchange`` while a test runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.meta: dict[str, Any] = {}
        self.entries: list[dict] = []
        self.position = 0
        self._original = HttpClient.exchange
        if not recording():
            data = json.loads(path.read_text())
            self.meta, self.entries = data["meta"], data["exchanges"]

    def exchange(self, client: HttpClient, method: str, url: str, data: bytes | None, *rest: Any):
        if urlsplit(url).path.endswith("/logs"):  # comes from a thread, so at no certain place
            return Reply(404, {}, b"")
        asked = self._asked(method, url, data)
        if recording():
            reply = self._original(client, method, url, data, *rest)
            self.entries.append({"request": asked, "response": self._answered(reply)})
            return reply
        return self._replay(asked)

    def _asked(self, method: str, url: str, data: bytes | None) -> dict:
        parts = urlsplit(url)
        asked: dict[str, Any] = {"method": method, "path": parts.path}
        if params := parse_qs(parts.query, keep_blank_values=True):
            asked["params"] = params
        if data is not None:
            try:
                asked["json"] = json.loads(data)
            except ValueError:
                asked["data"] = data.decode()
        return asked

    def _answered(self, reply: Reply) -> dict:
        answered: dict[str, Any] = {"status": reply.status}
        headers = {name: reply.header(name) for name in KEPT_HEADERS if reply.header(name)}
        if headers:
            answered["headers"] = headers
        if reply.body:
            answered["json"] = _shortened(json.loads(reply.body))
        return answered

    def _replay(self, asked: dict) -> Reply:
        where = f"request {self.position + 1} of {self.path.name}"
        if self.position >= len(self.entries):
            pytest.fail(f"{where}: nothing more was recorded, but now comes {asked}")
        entry = self.entries[self.position]
        self.position += 1
        recorded = _as_sent(entry["request"])
        if recorded != asked:
            wanted = json.dumps(recorded, indent=1, sort_keys=True)
            pytest.fail(
                f"{where} changed.\nrecorded: {wanted}\nnow: {json.dumps(asked, indent=1, sort_keys=True)}"
            )
        answer = entry["response"]
        body = json.dumps(answer["json"]).encode() if "json" in answer else b""
        return Reply(answer["status"], answer.get("headers", {}), body)

    def close(self) -> None:
        if recording():
            data = {"meta": self.meta, "exchanges": self.entries}
            self.path.parent.mkdir(exist_ok=True)
            self.path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
        else:
            left = len(self.entries) - self.position
            assert not left, f"{left} recorded requests of {self.path.name} were not sent"


def _shortened(answer: dict) -> dict:
    """Keep of a task's dot, which is long, what it is read for: the names of its alert nodes."""
    for item in [answer, *answer.get("tasks", [])]:
        if "dot" in item:
            item["dot"] = " ".join(sorted(set(re.findall(r"\balert\d+\b", item["dot"]))))
    return answer


def _as_sent(request: dict) -> dict:
    """Return the recorded request with its parameters as the texts that a query has."""
    params = {
        name: [str(one) for one in (value if isinstance(value, list) else [value])]
        for name, value in request.get("params", {}).items()
    }
    rest = {name: value for name, value in request.items() if name != "params"}
    return rest | ({"params": params} if params else {})
