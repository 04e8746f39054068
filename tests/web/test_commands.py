"""``watch`` and ``guard`` serve the page; what is wrong with it keeps no mail unguarded."""

import json
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.guard.support import guard
from tests.support.servers import free_port, wait_for

ROOT = Path(__file__).parents[2]
SETTINGS = """
[collect]
logs = ["{folder}/mail.log"]
queue = "off"
[watch]
host = "mx.example.org"
state = "{folder}/watch.state"
[guard]
state = "{folder}/guard.state"
points = "{folder}/points.json"
[web]
listen = "127.0.0.1:{port}"
[notify]
recipients = ["admin@domain.net"]
[alerts.sender_outbreak]
"""


@pytest.fixture
def port(tmp_path):
    port = free_port()
    shutil.copy(ROOT / "examples/outbreak/mail.log", tmp_path)
    (tmp_path / "bmtick.toml").write_text(SETTINGS.format(folder=tmp_path, port=port))
    return port


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=120) as reply:
        return reply.read().decode()


def state(port):
    return json.loads(get(port, "api/state"))


def read_all(port):
    try:
        return state(port)["totals"].get("collector.lines", 0) >= 7970
    except OSError:
        return False


def accused(port):
    found = state(port)
    return {incident["tags"].get("user") for incident in found["firing"] + found["past"]}


def watch(folder):
    command = [sys.executable, "-m", "bmtick", "watch", "--config", f"{folder}/bmtick.toml"]
    with (folder / "said").open("w") as said:
        return subprocess.Popen(
            [*command, "--from-start", "--mails", f"{folder}/mails"], stderr=said
        )


def test_watch_shows_the_outbreak_and_remembers_it(tmp_path, port):
    for ready in (read_all, lambda _: True):
        process = watch(tmp_path)
        try:
            wait_for(lambda ready=ready: ready(port), "all lines")
            wait_for(lambda: f":{port}/ (read-only" in (tmp_path / "said").read_text(), "page")
            wait_for(lambda: "p.martin@example.org" in accused(port), "the incident")
            assert "<h1>Mail on mx.example.org</h1>" in get(port, "")
            assert "bmtick_collector_lines_total" in get(port, "metrics")
        finally:
            process.terminate()
            assert process.wait(120) == 0


def test_guard_shows_who_is_held_and_needs_no_page_to_guard(tmp_path, port):
    config = str(tmp_path / "bmtick.toml")
    (tmp_path / "guard").mkdir()
    with guard(tmp_path / "guard", config=(tmp_path / "bmtick.toml").read_text()) as running:
        assert f"http://127.0.0.1:{port}/ (read-only" in running.said
        hold = [sys.executable, "-m", "bmtick", "hold", "eve@example.org", "--config", config]
        journal = tmp_path / "guard/guard.state"
        state_ = journal if journal.exists() else tmp_path / "guard.state"
        subprocess.run([*hold, "--state", str(state_)], check=True, capture_output=True)
        # The guard learns the outbreak of the log, too, and may name its machine.
        assert "eve@example.org" in [h["who"] for h in state(port)["held"]]
        (tmp_path / "other").mkdir()
        config = (tmp_path / "bmtick.toml").read_text().replace("guard.state", "second.state")
        with guard(tmp_path / "other", config=config) as second:
            assert "without a page: [web] cannot listen" in second.said
