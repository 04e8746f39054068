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
from urllib.parse import urlsplit

import pytest
import requests

KEPT_HEADERS = ("X-Kapacitor-Version", "Location")


def recording() -> bool:
    return bool(os.environ.get("BMTICK_RECORD"))


class Exchanges:
    """Takes the place of ``requests.Session.request`` while a test runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.meta: dict[str, Any] = {}
        self.entries: list[dict] = []
        self.position = 0
        self._original = requests.Session.request
        if not recording():
            data = json.loads(path.read_text())
            self.meta, self.entries = data["meta"], data["exchanges"]

    def request(self, session: requests.Session, method: str, url: str, **arguments: Any):
        if session.trust_env:  # the tests' own; bmtick's sessions trust no environment
            return self._original(session, method, url, **arguments)
        if urlsplit(url).path.endswith("/logs"):  # comes from a thread, so at no certain place
            return _reply(404, {}, None, url)
        asked = self._asked(method, url, arguments)
        if recording():
            reply = self._original(session, method, url, **arguments)
            self.entries.append({"request": asked, "response": self._answered(reply)})
            return reply
        return self._replay(asked, url)

    def _asked(self, method: str, url: str, arguments: dict) -> dict:
        asked = {"method": method, "path": urlsplit(url).path}
        for name in ("params", "json"):
            if arguments.get(name) is not None:
                asked[name] = arguments[name]
        if arguments.get("data") is not None:
            asked["data"] = arguments["data"].decode()
        return json.loads(json.dumps(asked))

    def _answered(self, reply: requests.Response) -> dict:
        answered: dict[str, Any] = {"status": reply.status_code}
        headers = {k: reply.headers[k] for k in KEPT_HEADERS if k in reply.headers}
        if headers:
            answered["headers"] = headers
        if reply.content:
            answered["json"] = _shortened(reply.json())
        return answered

    def _replay(self, asked: dict, url: str) -> requests.Response:
        where = f"request {self.position + 1} of {self.path.name}"
        if self.position >= len(self.entries):
            pytest.fail(f"{where}: nothing more was recorded, but now comes {asked}")
        entry = self.entries[self.position]
        self.position += 1
        if entry["request"] != asked:
            wanted = json.dumps(entry["request"], indent=1, sort_keys=True)
            pytest.fail(
                f"{where} changed.\nrecorded: {wanted}\nnow: {json.dumps(asked, indent=1, sort_keys=True)}"
            )
        answer = entry["response"]
        return _reply(answer["status"], answer.get("headers", {}), answer.get("json"), url)

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


def _reply(status: int, headers: dict, answer: object, url: str) -> requests.Response:
    reply = requests.Response()
    reply.status_code = status
    reply.headers.update(headers)
    reply._content = b"" if answer is None else json.dumps(answer).encode()
    reply.url = url
    return reply
