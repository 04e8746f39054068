"""Runs a script on a real Kapacitor, and here, and puts what both say into one form.

That form is Kapacitor's own: the JSON object of its log handler for an alert event, the JSON of
its httpOut endpoints. Ids of the server are left out of texts.
"""

import json
import re
import time
from datetime import UTC, datetime, timedelta

import requests

from bmtick.durations import SECOND, parse_duration
from bmtick.engine import gojson, load_task
from bmtick.engine.gotime import rfc3339_nano
from bmtick.engine.queries import run_queries
from bmtick.history import Connection, influxql_answer
from bmtick.points import parse_lines
from bmtick.testing.batches import replay
from bmtick.zones import local_zone

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
    now = 0
    for part, pause in parts_of(lines):
        for point in parse_lines(part):
            now = max(now, point.time)
            task.advance(now)
            task.feed(point)
        now += pause
        task.advance(now)
    outputs = {}
    for endpoint, content in task.http_outputs().items():
        try:
            outputs[endpoint] = json.loads(gojson.dumps(content))
        except gojson.UnsupportedValueError as error:
            outputs[endpoint] = {"error": str(error)}
    task.close()
    return Outcome([_as_logged(event) for event in task.take_events()], outputs, task.stopped)


def parts_of(lines):
    """Split lines at ``# wait 11s``; yield (lines, nanoseconds to wait after them)."""
    part = []
    for line in lines:
        if line.startswith("# wait "):
            yield part, parse_duration(line.removeprefix("# wait "))
            part = []
        else:
            part.append(line)
    yield part, 0


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
    Where lines say so, it waits.
    """
    log = folder / f"{name}.log"
    log.unlink(missing_ok=True)
    logged = re.sub(r"\|alert\(\)", f"|alert().log('{log}')", script)
    extra = {"vars": variables} if variables else {}
    reply = server.define(name, logged, **extra)
    try:
        if reply.status_code >= 300:
            return Outcome([], {}, reply.json()["error"])
        for part, pause in parts_of(lines):
            _write(server, part, paced=paced)
            time.sleep(pause / SECOND)
        counts = _settle(server, name, len(lines))
        outputs = _outputs(server, script, name)
        requests.patch(
            f"{server.url}/kapacitor/v1/tasks/{name}", json={"status": "disabled"}, timeout=120
        ).raise_for_status()
    finally:
        server.delete(name)
        for topic in re.findall(r"\.topic\('([^']+)'\)", script):
            requests.delete(f"{server.url}/kapacitor/v1/alerts/topics/{topic}", timeout=120)
    text = log.read_text() if log.exists() else ""
    events = [_plain(json.loads(line)) for line in text.splitlines()]
    return Outcome(events, outputs, counts)


def _write(server, lines, *, paced):
    for part in [[line] for line in lines] if paced else [lines] if lines else []:
        server.write(part)
        time.sleep(0.05 if paced else 0)


def _outputs(server, script, name):
    return {
        endpoint: requests.get(
            f"{server.url}/kapacitor/v1/tasks/{name}/{endpoint}", timeout=120
        ).json()
        for endpoint in re.findall(r"\|httpOut\('([^']+)'\)", script)
    }


_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z")


def shifted(value, offset):
    """Move all times of an outcome by seconds, and cut them to a tenth of a second."""
    if isinstance(value, dict):
        return {key: shifted(item, offset) for key, item in value.items()}
    if isinstance(value, list):
        return [shifted(item, offset) for item in value]
    match = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    moment = datetime.fromisoformat(match[1]) + timedelta(
        seconds=offset + float((match[2] or ".0")[:3])
    )
    return moment.isoformat(timespec="milliseconds") + "Z"


def _settle(server, name, points, seconds=60.0):
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


# --- batch tasks ----------------------------------------------------------------------------


def batches_here(script, influx, *, name, begin, end):
    """Run the queries of a batch script; return the batches of each query that are not empty.

    Empty ones are missing in Kapacitor's recordings, too. Times in seconds.
    """
    task = load_task(script, file=f"{name}.tick", name=name, hostname=HOST)
    found = [[] for _ in task.queries]
    take = task.feed_batch

    def feed(number, batch):
        if batch.points:
            found[number].append(batch)
        take(number, batch)

    task.feed_batch = feed
    where = Connection(influx.url, "", "")
    ask = lambda _, statement: influxql_answer(where, statement)  # noqa: E731
    for _ in run_queries(task, ask, begin * SECOND, end * SECOND, local_zone()):
        pass
    return found


def plain(batches):
    """Return batches as data that can be compared."""
    return [
        (b.name, b.group, b.time, [(p.time, p.tags, p.fields) for p in b.points]) for b in batches
    ]


def replayed_here(script, batches, *, name):
    """Run the batches of a recording through a script."""
    task = load_task(script, file=f"{name}.tick", name=name, hostname=HOST)
    for _ in replay(task, batches):
        pass
    task.close()
    return Outcome([_as_logged(event) for event in task.take_events()], {}, task.stopped)


def batches_on_kapacitor(server, script, *, name, folder, db, begin, end):
    """Record a batch task on a real Kapacitor and replay it; return the recording and the outcome."""
    log = folder / f"{name}.log"
    log.unlink(missing_ok=True)
    logged = re.sub(r"\|alert\(\)", f"|alert().log('{log}')", script)
    reply = server.define(name, logged, type_="batch", db=db, enabled=False)
    try:
        if reply.status_code >= 300:
            return None, Outcome([], {}, reply.json()["error"])
        span = {"start": _utc(begin), "stop": _utc(end)}
        recording = _finished(server, "recordings", "batch", {"task": name, **span})
        if recording["error"]:
            return None, Outcome([], {}, recording["error"])
        data = (server.config.parent / "replay" / f"{name}.brpl").read_bytes()
        request = {"task": name, "recording": name, "recording-time": True, "clock": "fast"}
        done = _finished(server, "replays", "", request | {"id": name})
        return data, Outcome(_logged(log), {}, done["error"])
    finally:
        server.delete(name)
        for kind in ("replays", "recordings"):
            requests.delete(f"{server.url}/kapacitor/v1/{kind}/{name}", timeout=120)


def _logged(log):
    text = log.read_text() if log.exists() else ""
    return [_plain(json.loads(line)) for line in text.splitlines()]


def _utc(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _finished(server, kind, what, body):
    """Start a recording or a replay and wait for its end."""
    url = f"{server.url}/kapacitor/v1/{kind}"
    reply = requests.post(
        f"{url}/{what}".rstrip("/"), json={"id": body["task"], **body}, timeout=120
    )
    reply.raise_for_status()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        state = requests.get(f"{url}/{body['task']}", timeout=120).json()
        if state["status"] != "running":
            return state
        time.sleep(0.02)
    raise AssertionError(f"{kind} of {body['task']} does not end")
