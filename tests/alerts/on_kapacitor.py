"""Runs firing cases on a real Kapacitor, all at once, each in a database of its own."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import requests

from tests.alerts.firing import START, Case, event_line
from tests.support.servers import Kapacitor


def run_all(
    server: Kapacitor, cases: list[Case], forms: tuple[str, ...], folder: Path
) -> dict[tuple[str, str], list[str]]:
    """Return the events of each case in each form."""
    jobs = [(case, form) for case in cases for form in forms]
    with ThreadPoolExecutor(len(jobs)) as pool:
        found = pool.map(lambda job: run(server, *job, folder), jobs)
        return {(case.name, form): said for (case, form), said in zip(jobs, found, strict=True)}


def run(server: Kapacitor, case: Case, form: str, folder: Path) -> list[str]:
    log = folder / f"{case.name}-{form}.log"
    task = f"{case.name}-{form}"
    rendered = case.render(form, log=str(log), recipients=[])
    define(server, task, rendered)
    try:
        for step in case.steps:
            server.write(case.lines(step), db=case.database(form))
            time.sleep(step["after"])
        timeout = time.monotonic() + 120  # a busy machine is slow, not wrong
        while len(lines(log)) < len(case.expected) and time.monotonic() < timeout:
            time.sleep(0.2)
        time.sleep(1)  # and for what should not come
    finally:
        server.delete(task)
    return [line(json.loads(text)) for text in lines(log)]


def lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def define(server: Kapacitor, task: str, rendered) -> None:
    base = f"{server.url}/kapacitor/v1"
    kind = "batch" if rendered.alert.batch else "stream"
    body = {"id": task, "type": kind, "dbrps": rendered.dbrps, "status": "enabled"}
    if rendered.form == "template":
        template = {"id": f"t-{task}", "type": kind, "script": rendered.script}
        requests.delete(f"{base}/templates/t-{task}", timeout=120)
        reply = requests.post(f"{base}/templates", json=template, timeout=120)
        assert reply.status_code == 200, reply.text
        body = {**body, "template-id": f"t-{task}", "vars": rendered.variables}
        del body["type"]
    else:
        body["script"] = rendered.script
    reply = requests.post(f"{base}/tasks", json=body, timeout=120)
    assert reply.status_code == 200, f"{task}: {reply.text}"


def line(event: dict) -> str:
    when = datetime.fromisoformat(event["time"]).timestamp()
    seconds = when - START
    return event_line(
        seconds if seconds < 10**7 else None, event["level"], event["id"], event["message"]
    )
