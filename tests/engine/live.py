"""Runs a script on a real Kapacitor, and here, and puts what both say into one form.

That form is Kapacitor's own: the JSON object of its log handler for an alert event, the JSON of
its httpOut endpoints. Ids of the server are left out of texts.
"""

import json
import re
import time

import requests

from bmtick.engine import gojson, load_task
from bmtick.engine.gotime import rfc3339_nano
from bmtick.points import parse_lines

HOST = "127.0.0.1"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}")


class Outcome:
    """Alert events, endpoints' contents, and why the task was refused or stopped, if it was."""

    def __init__(self, events, outputs, problem=""):
        self.events, self.outputs, self.problem = events, outputs, problem

    def by_id(self):
        """The events of each alert id, in order: those of one id do not overtake each other."""
        found = {}
        for event in self.events:
            found.setdefault(event["id"], []).append(event)
        return found

    def series(self):
        """The series of each endpoint; the order of groups may be one of chance in Kapacitor."""
        return {
            name: sorted(content.get("series") or [], key=json.dumps)
            if "error" not in content
            else content
            for name, content in self.outputs.items()
        }


def here(script, lines, *, name, variables=None):
    """Run a script in the engine."""
    task = load_task(script, file=f"{name}.tick", name=name, variables=variables, hostname=HOST)
    for point in parse_lines(lines):
        task.advance(point.time)
        task.feed(point)
    outputs = {}
    for endpoint, content in task.http_outputs().items():
        try:
            outputs[endpoint] = json.loads(gojson.dumps(content))
        except gojson.UnsupportedValueError as error:
            outputs[endpoint] = {"error": str(error)}
    task.close()
    return Outcome([_as_logged(event) for event in task.take_events()], outputs, task.stopped)


def _as_logged(event):
    return _plain(
        {
            "id": event.id,
            "message": event.message,
            "details": event.details,
            "time": rfc3339_nano(event.time),
            "duration": event.duration,
            "level": event.level,
            "data": json.loads(gojson.dumps(event.data)),
            "previousLevel": event.previous_level,
            "recoverable": event.recoverable,
        }
    )


def _plain(event):
    return {**event, "details": _UUID.sub("", event["details"])}


def on_kapacitor(server, script, lines, *, name, folder, variables=None, paced=False):
    """Run a script on a real Kapacitor until nothing moves any more.

    All points are written at once; paced, one by one, so that branches do not overtake each other.
    """
    log = folder / f"{name}.log"
    log.unlink(missing_ok=True)
    logged = re.sub(r"\|alert\(\)", f"|alert().log('{log}')", script)
    extra = {"vars": variables} if variables else {}
    reply = server.define(name, logged, **extra)
    try:
        if reply.status_code >= 300:
            return Outcome([], {}, reply.json()["error"])
        for part in [[line] for line in lines] if paced else [lines]:
            server.write(part)
            time.sleep(0.05 if paced else 0)
        counts = _settle(server, name, len(lines))
        outputs = {}
        for endpoint in re.findall(r"\|httpOut\('([^']+)'\)", script):
            url = f"{server.url}/kapacitor/v1/tasks/{name}/{endpoint}"
            outputs[endpoint] = requests.get(url, timeout=10).json()
        requests.patch(
            f"{server.url}/kapacitor/v1/tasks/{name}", json={"status": "disabled"}, timeout=20
        ).raise_for_status()
    finally:
        server.delete(name)
        for topic in re.findall(r"\.topic\('([^']+)'\)", script):
            requests.delete(f"{server.url}/kapacitor/v1/alerts/topics/{topic}", timeout=10)
    text = log.read_text() if log.exists() else ""
    events = [_plain(json.loads(line)) for line in text.splitlines()]
    return Outcome(events, outputs, counts)


def _settle(server, name, points, seconds=20.0):
    """Wait until the nodes' counts stand still; return the task's error, if it stopped."""
    deadline = time.monotonic() + seconds
    last, since = None, time.monotonic()
    while time.monotonic() < deadline:
        task = server.get(f"/tasks/{name}")
        if task.get("error"):
            return task["error"]
        stats = task.get("stats", {}).get("node-stats", {})
        counts = {node: (s.get("collected"), s.get("emitted")) for node, s in stats.items()}
        if counts != last:
            last, since = counts, time.monotonic()
        elif (
            time.monotonic() - since > 0.25 and any(c for c, _ in counts.values())
        ) or time.monotonic() - since > 3:
            return ""
        time.sleep(0.05)
    raise AssertionError(f"task {name} with {points} points does not come to rest")
