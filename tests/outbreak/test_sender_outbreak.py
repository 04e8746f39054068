"""``sender_outbreak`` on the recorded log, in the engine and on a real Kapacitor."""

import json
import time
from datetime import datetime
from pathlib import Path

from bmtick.alerts import catalogue, render
from bmtick.collect.batch import points_of_logs
from bmtick.collect.options import Options as Counting
from bmtick.durations import SECOND
from bmtick.engine import load_task
from bmtick.names import FIELDS
from bmtick.points import Point
from tests.support import servers

EXAMPLE = Path(__file__).parents[2] / "examples" / "outbreak"
RECORDED = Path(__file__).parent / "recorded" / "sender_outbreak.json"


def script(**values):
    return render(catalogue()["sender_outbreak"], values).script


def run(text, data):
    """(second, level, user, message) of each event."""
    task = load_task(text, file="sender_outbreak.tick", name="bmtick-sender_outbreak", now=None)
    found = []
    for point in data:
        task.advance(point.time)
        task.feed(point)
        found += task.take_events()
    assert not task.stopped
    assert not task.diagnostics()
    return [(e.time // SECOND, e.level, e.tags["user"], e.message) for e in found]


def of_users(data):
    """The senders' points as Telegraf tags them."""
    found = [p for p in data if p.name == "postfix_sender"]
    for point in found:
        point.tags |= {"host": "mail", "datalocation": "bm-master"}
    return found


# -- the recorded log, on a real Kapacitor and here -----------------------------------------------


def example_points():
    truth = json.loads((EXAMPLE / "truth.json").read_text())
    options = Counting(now=float(truth["end"]))
    found = of_users(points_of_logs([str(EXAMPLE / "mail.log")], options=options))
    # Recorded in UTC; the machine that tests may live in another zone.
    shift = round((found[0].time / SECOND - truth["start"]) / 900) * 900 * SECOND
    for point in found:
        point.time -= shift
    return sorted(found, key=lambda p: p.time)


def test_says_on_the_recorded_log_what_a_real_kapacitor_said():
    wanted = [tuple(event) for event in json.loads(RECORDED.read_text())]
    assert [(t, level, m) for t, level, _, m in run(script(), example_points())] == wanted


def test_a_real_kapacitor_says_it_still(kapacitor, tmp_path):
    log = tmp_path / "alerts.json"
    text = script(recipients=[], log={"path": str(log)})
    task = "bmtick-sender_outbreak"
    reply = kapacitor.define(task, text)
    assert reply.status_code == 200, reply.text
    try:
        lines = [p.to_line() for p in example_points()]
        for start in range(0, len(lines), 100):
            kapacitor.write(lines[start : start + 100])
        deadline = time.monotonic() + 120
        while not log.exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(1)
        events = [json.loads(line) for line in log.read_text().splitlines()]
    finally:
        kapacitor.delete(task)
    found = [(_seconds(e["time"]), e["level"], e["message"]) for e in events]
    assert found == [tuple(event) for event in json.loads(RECORDED.read_text())]


def test_a_kapacitor_that_starts_again_says_nothing_new(influx, tmp_path):
    """It remembers who is firing; the facts of the next point say the rest."""
    log, now = tmp_path / "alerts.json", int(time.time()) - 1000
    facts = dict.fromkeys(FIELDS["postfix_sender"], 0)

    def point(number, recipients):
        tags = {"host": "mail", "datalocation": "bm-master", "user": "a@b"}
        said = {"messages": 1, "hour_messages": recipients, "hour_recipients": recipients}
        strange = {"new_clients": 9, "hour_strange": recipients, "days": 4}
        return Point("postfix_sender", tags, {**facts, **said, **strange}, (now + number) * SECOND)

    def play(server, *rows):
        for row in rows:
            server.write(point(*row).to_line())
            time.sleep(0.05)
        time.sleep(1)
        return [json.loads(line)["level"] for line in log.read_text().splitlines()]

    with servers.kapacitor(tmp_path / "kapacitor", influx, subscriptions=False) as server:
        text = script(recipients=[], log={"path": str(log)})
        assert server.define("bmtick-sender_outbreak", text).status_code == 200
        assert play(server, (0, 20), (10, 60)) == ["CRITICAL"]
    with servers.kapacitor(tmp_path / "kapacitor", influx, subscriptions=False) as server:
        assert play(server, (20, 80), (30, 90)) == ["CRITICAL"]
        assert play(server, (600, 13)) == ["CRITICAL", "OK"]


def _seconds(text):
    return int(datetime.fromisoformat(text).timestamp())
