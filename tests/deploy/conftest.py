"""A deploying bmtick against the real Kapacitor, or against one that a test gives."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

import bmtick.alerts
from bmtick.cli.root import cli, main_context
from tests.deploy import alerts as fixtures


@dataclass
class Bmtick:
    """bmtick with alerts, settings and state of its own."""

    url: str
    folder: Path
    alerts: Path
    config: Path

    def want(self, *alerts) -> None:
        fixtures.write(self.alerts, list(alerts))

    def settings(self, text: str) -> None:
        self.config.write_text(text)

    def run(self, *arguments: str, expect: int | None = 0, **extra):
        command = ["--config", str(self.config), *arguments]
        result = CliRunner().invoke(cli, command, obj=main_context(), **extra)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        if expect is not None:
            assert result.exit_code == expect, result.output
        return result

    def plan(self, expect: int | None = None) -> dict:
        return json.loads(self.run("plan", "--format", "json", expect=expect).stdout)

    def actions(self) -> dict[str, str]:
        return {s["id"]: s["action"] for s in self.plan()["steps"]}

    def apply(self, *arguments: str, expect: int | None = 0):
        return self.run("apply", "--yes", *arguments, expect=expect)


@pytest.fixture
def make_bmtick(tmp_path, monkeypatch):
    alerts = tmp_path / "alerts.json"
    monkeypatch.setattr(bmtick.alerts, "desired", bmtick.alerts.desired)
    fixtures.install(alerts)

    def make(url: str, influx_url: str = "http://127.0.0.1:1") -> Bmtick:
        made = Bmtick(url, tmp_path, alerts, tmp_path / "bmtick.toml")
        made.settings(
            f'[notify]\nrecipients = ["a@example.org"]\n[kapacitor]\nurl = "{url}"\ntimeout = "100s"\n[influxdb]\nurl = "{influx_url}"\n'
            f'[deploy]\nstate_dir = "{tmp_path / "state"}"\n'
        )
        made.want()
        return made

    return make


@dataclass
class Server:
    """The real Kapacitor, as tests look at it."""

    kapacitor: object
    sink: object
    clock: int = 0

    @property
    def api(self) -> str:
        return f"{self.kapacitor.url}/kapacitor/v1"

    def task(self, name: str) -> dict | None:
        reply = requests.get(
            f"{self.api}/tasks/{name}", params={"script-format": "raw"}, timeout=120
        )
        return reply.json() if reply.status_code == 200 else None

    def tasks(self) -> dict[str, dict]:
        """All tasks, without the counts that move by themselves."""
        reply = self.kapacitor.get("/tasks", limit=2000, **{"script-format": "raw"})
        moving = ("dot", "stats")
        return {t["id"]: {k: v for k, v in t.items() if k not in moving} for t in reply["tasks"]}

    def templates(self) -> dict[str, dict]:
        reply = self.kapacitor.get("/templates", limit=2000, **{"script-format": "raw"})
        return {t["id"]: t for t in reply["templates"]}

    def patch(self, name: str, kind: str = "tasks", **body) -> None:
        reply = requests.patch(f"{self.api}/{kind}/{name}", json=body, timeout=120)
        assert reply.status_code == 200, reply.text

    def point(self, value: float, user: str = "x", measurement: str = "probe") -> None:
        self.clock = max(self.clock + 10**9, time.time_ns())
        self.kapacitor.write(f"{measurement},user={user} value={value} {self.clock}")

    def mails(self, name: str) -> list[str]:
        """Subjects of the mails to one alert's address, once they have come to rest."""
        time.sleep(0.4)
        wanted = f"{name}@example.org"
        return [m["subject"] for m in self.sink.messages if m["to"] == wanted]

    def clear(self) -> None:
        for name in self.tasks():
            self.kapacitor.delete(name)
        for name in self.templates():
            requests.delete(f"{self.api}/templates/{name}", timeout=120)
        for topic in self.kapacitor.get("/alerts/topics")["topics"]:
            requests.delete(f"{self.api}/alerts/topics/{topic['id']}", timeout=120)
        self.sink.messages.clear()


@pytest.fixture
def server(kapacitor, sink):
    found = Server(kapacitor, sink)
    found.clear()
    yield found
    found.clear()


@pytest.fixture
def bmtick_on_server(make_bmtick, server, influx):
    return make_bmtick(server.kapacitor.url, influx.url)
