"""``sender_outbreak`` at its defaults: names every abused account, accuses no innocent one."""

import json
import time
from datetime import datetime
from pathlib import Path
from random import Random

import pytest

from benchmarks.simulator.simulate import Options
from benchmarks.thresholds.signals import SIGNALS, episodes
from benchmarks.thresholds.worlds import world
from bmtick.alerts import catalogue, render
from bmtick.collect.options import Options as Counting
from bmtick.collect.whole import points_of_logs
from bmtick.durations import SECOND
from bmtick.engine import load_task
from tests.outbreak.innocents import INNOCENTS, points
from tests.support import servers

EXAMPLE = Path(__file__).parents[2] / "examples" / "outbreak"
RECORDED = Path(__file__).parent / "recorded" / "sender_outbreak.json"
OUTBREAK = next(s for s in SIGNALS if s.alert == "sender_outbreak")
# A style of the simulator and a seed. Below 60 recipients in ten minutes the signals do not show.
OUTBREAKS = (("botnet", 21), ("single", 21), ("bulk", 21), ("few", 21), ("slow", 22), ("slow", 27))


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


@pytest.fixture(scope="module", params=OUTBREAKS, ids=str)
def abused(request):
    """A busy quarter of a day with one outbreak."""
    style, seed = request.param
    return world(Options(seed=seed, days=0.4, per_day=2000, users=60, outbreaks=(style,)))


def test_names_the_abused_account_and_nobody_else(abused):
    critical = [e for e in run(script(), of_users(abused.points)) if e[1] == "CRITICAL"]
    assert {user for _, _, user, _ in critical} == {abused.user}


def test_says_so_within_two_intervals_of_the_signals(abused):
    """The moment is taken from a calculation of its own, in ``benchmarks.thresholds``."""
    rows = OUTBREAK.series(abused.points)[abused.user]
    moment = next(episodes(rows, 100))
    first = next(e for e in run(script(), of_users(abused.points)) if e[1] == "CRITICAL")
    assert 0 <= first[0] - moment <= 20


@pytest.mark.parametrize("innocent", INNOCENTS, ids=lambda f: f.__name__)
def test_accuses_no_innocent(innocent):
    random = Random(3)
    data = [p for n in range(40) for p in points(f"user{n}", innocent(random))]
    assert run(script(), sorted(data, key=lambda p: p.time)) == []


def test_is_quiet_in_a_quiet_week():
    quiet = world(Options(seed=5, days=7, per_day=600, users=80))
    assert run(script(), of_users(quiet.points)) == []


def test_the_script_computes_what_the_figures_in_its_readme_come_from():
    random = Random(9)
    data = [p for n, f in enumerate(INNOCENTS) for p in points(f"user{n}", f(random))]
    data.sort(key=lambda p: p.time)
    series = OUTBREAK.series(data)
    for threshold in (5, 20, 40):
        wanted = [(t, user) for user, rows in series.items() for t in episodes(rows, threshold)]
        events = run(script(crit=threshold), data)
        assert sorted((t, u) for t, level, u, _ in events if level == "CRITICAL") == sorted(wanted)


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
        deadline = time.monotonic() + 20
        while not log.exists() and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(1)
        events = [json.loads(line) for line in log.read_text().splitlines()]
    finally:
        kapacitor.delete(task)
    found = [(_seconds(e["time"]), e["level"], e["message"]) for e in events]
    assert found == [tuple(event) for event in json.loads(RECORDED.read_text())]


def test_recovers_on_a_real_kapacitor_when_the_user_falls_silent(kapacitor, tmp_path):
    log = tmp_path / "alerts.json"
    task = "bmtick-sender_outbreak_short"
    text = script(recipients=[], window="10s", log={"path": str(log)})
    reply = kapacitor.define(task, text)
    assert reply.status_code == 200, reply.text
    line = (
        "postfix_sender,host=mail,datalocation=bm-master,user=a@b "
        "messages=50i,recipients=200i,bytes=1i,clients=30i,refused=0i "
    )
    try:
        for _ in range(2):
            kapacitor.write(line + str(int(time.time()) * SECOND))
            time.sleep(14)
        levels = [json.loads(x)["level"] for x in log.read_text().splitlines()]
    finally:
        kapacitor.delete(task)
    assert levels == ["CRITICAL", "OK", "CRITICAL", "OK"]


def test_a_kapacitor_that_starts_again_says_nothing_new(influx, tmp_path):
    """Its windows are empty then; without a guard a standing alert would say OK meanwhile."""
    log, now = tmp_path / "alerts.json", int(time.time()) - 1000

    def point(number):
        tags = "host=mail,datalocation=bm-master,user=a@b"
        fields = f"messages=4i,recipients=12i,bytes=1i,clients={4 * number + 1}i,refused=1i"
        return f"postfix_sender,{tags} {fields} {(now + 10 * number) * SECOND}"

    def play(server, numbers):
        for number in numbers:
            server.write(point(number))
            time.sleep(0.02)
        time.sleep(1)
        return [json.loads(line)["level"] for line in log.read_text().splitlines()]

    with servers.kapacitor(tmp_path / "kapacitor", influx, subscriptions=False) as server:
        text = script(recipients=[], log={"path": str(log)})
        assert server.define("bmtick-sender_outbreak", text).status_code == 200
        assert play(server, range(30)) == ["CRITICAL"]
    with servers.kapacitor(tmp_path / "kapacitor", influx, subscriptions=False) as server:
        assert play(server, range(30, 60)) == ["CRITICAL"]


def _seconds(text):
    return int(datetime.fromisoformat(text).timestamp())
