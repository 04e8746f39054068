"""The demo says what a real Kapacitor 1.5.7 says of the same points: every alert, every event.

``kapacitor.json`` was recorded from one; run this file with ``RECORD=1`` to record it again.
"""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from bmtick.alerts import catalogue, render
from bmtick.durations import SECOND
from bmtick.watch import demo
from tests.support import servers

RECORDED = Path(__file__).parent / "kapacitor.json"


def points():
    """The demo's points, at the times of the recording wherever this machine is."""
    example = demo.shipped_example()
    found = demo.points_of(example)
    log = min(p.time for p in found if p.name == "postfix_sender")
    zone = round((log / SECOND - example.truth["start"]) / 900) * 900 * SECOND
    for point in found:
        point.time -= zone
    return found


def row(time_of, alert, level, message):
    return [datetime.fromtimestamp(time_of, UTC).isoformat(), alert, level, message]


def test_the_embedded_engine_says_what_was_recorded():
    events = demo.events_of(demo.rendered_catalogue("en"), points())
    found = [row(e.time // SECOND, alert.name, e.level, e.message) for alert, e in events]
    assert sorted(found) == json.loads(RECORDED.read_text())


def test_a_real_kapacitor_says_it_still(influx, tmp_path):
    with servers.kapacitor(tmp_path / "kapacitor", influx, subscriptions=False) as server:
        for name, alert in catalogue().items():
            if alert.batch:
                continue  # it asks InfluxDB, where nothing is
            values = {"recipients": [], "log": {"path": str(tmp_path / name)}}
            reply = server.define(f"bmtick-{name}", render(alert, values).script)
            assert reply.status_code == 200, reply.text
        moments = {}
        for point in points():
            moments.setdefault(point.time, []).append(point.to_line())
        for lines in moments.values():
            server.write(lines)
            time.sleep(0.01)
        time.sleep(4)  # the settling of the last gather
    found = []
    for name in catalogue():
        log = tmp_path / name
        for line in log.read_text().splitlines() if log.exists() else ():
            event = json.loads(line)
            at = datetime.fromisoformat(event["time"]).timestamp()
            found.append(row(int(at), name, event["level"], event["message"]))
    if os.environ.get("RECORD"):
        RECORDED.write_text(json.dumps(sorted(found), indent=1) + "\n")
    assert sorted(found) == json.loads(RECORDED.read_text())
