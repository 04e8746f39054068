"""The alert that asks InfluxDB: rendered, backtested, watched and deployed to a real Kapacitor."""

import json
import time
from contextlib import suppress

import pytest

from bmtick.alerts import find, render
from bmtick.durations import SECOND
from bmtick.engine import load_task
from bmtick.engine.batches import read_recording
from bmtick.errors import BmtickError
from bmtick.settings import Settings
from bmtick.settings.model import InfluxDB
from bmtick.testing.backtest import Subject, ask_queries
from bmtick.watch.tasks import Tasks
from tests.alerts.on_kapacitor import define
from tests.engine.live import batches_here, batches_on_kapacitor, plain, replayed_here
from tests.support.servers import wait_for

ALERT = find("sender_growth")
HOUR = 3600
NOW = 1_767_600_000 // HOUR * HOUR
VALUES = {"window": "1h", "every": "5m", "crit": 100, "recipients": []}


def lines(end):
    """Nine hours of two users on two servers; in the last one anna writes to many through both."""
    for minute in range(0, 9 * 60, 5):
        for host in ("edge1", "edge2"):
            at = end - 9 * HOUR + minute * 60
            anna = 8 if minute >= 8 * 60 else 1
            yield f"postfix_sender,host={host},user=anna recipients={anna}i {at * SECOND}"
            yield f"postfix_sender,host={host},user=news recipients=50i {at * SECOND}"
            yield f"postfix_sender,host={host},user=_other recipients=900i {at * SECOND}"


def rendered(database, form="script", **values):
    settings = Settings(influxdb=InfluxDB(database=database))
    return render(ALERT, {**VALUES, **values}, settings=settings, form=form)


@pytest.fixture
def database(influx, request):
    name = request.node.name
    influx.execute(f'CREATE DATABASE "{name}"')
    yield name
    influx.execute(f'DROP DATABASE "{name}"')


def answer(last):
    """An answer of InfluxDB for one user: eight windows, the last of so many recipients."""
    begin = NOW - 8 * HOUR
    values = [[(begin + n * HOUR) * SECOND, 20] for n in range(7)] + [[(NOW - HOUR) * SECOND, last]]
    columns = ["time", "value"]
    return [
        {"name": "postfix_sender", "tags": {"user": "anna"}, "columns": columns, "values": values}
    ]


def test_names_cannot_leave_their_quotes():
    hostile = """a' OR "x" = 'b\\"""
    task = load_task(rendered('d"b', where={"host": hostile}).script, file="x", name="x", now=None)
    (query,) = task.queries
    assert query.databases == {('d"b', "autogen")}
    statement = query.statement(NOW * SECOND)
    assert r"""("host" = 'a\' OR "x" = \'b\\') AND ("user" != '_other') AND time >=""" in statement


def test_the_watch_asks_when_a_query_is_due_and_goes_on_after_a_failure():
    said, asked, answers = [], [], [answer(700), BmtickError("it is down"), answer(10), answer(10)]

    def ask(_cluster, query):
        asked.append(query)
        given = answers.pop(0)
        if isinstance(given, BmtickError):
            raise given
        return given

    tasks = Tasks([rendered("telegraf")], "host", said.append, ask=ask)
    levels = []
    for seconds in (0, 299, 300, 301, 610, 900, 5000):
        levels += [(seconds, e.level) for e in tasks.advance((NOW + seconds) * SECOND)]
        again = Tasks([rendered("telegraf")], "host", said.append, ask=ask)
        again.restore(json.loads(json.dumps(tasks.dump())))
        assert again.firing == tasks.firing
    assert levels == [(300, "CRITICAL"), (900, "OK")]
    # what was due several times since is asked once, as a server does
    assert len(asked) == 4
    assert len(said) == 1
    assert "it is down" in said[0]


def test_the_watch_asks_at_once_where_it_runs_once():
    tasks = Tasks([rendered("d")], "host", print, ask=lambda *_: answer(700), at_once=True)
    assert [event.level for event in tasks.advance(NOW * SECOND)] == ["CRITICAL"]


def test_the_past_asks_for_each_interval():
    from bmtick.engine.queries import run_queries
    from bmtick.zones import local_zone

    given = iter([answer(10), answer(700), answer(700), answer(10)])

    def steps(task):
        begin, end = NOW * SECOND, (NOW + 20 * 60) * SECOND
        return run_queries(task, lambda *_: next(given), begin, end, local_zone())

    result = ask_queries(Subject("x", ALERT, VALUES), None, steps)
    assert [(e.begin, e.peak, dict(e.group)["user"]) for e in result.episodes] == [
        (NOW * SECOND, 700, "anna")
    ]
    assert result.points == 4
    assert {row.threshold: row.episodes for row in result.rows}[1000] == 0


def test_a_real_kapacitor_asks_and_says_the_same(kapacitor, influx, tmp_path, database):
    influx.write("\n".join(lines(NOW)), db=database)
    # A recording of 1.5.7 forgets .alignGroup(): whole hours need none.
    script = rendered(database, every="1h").script
    span = {"begin": NOW - 2 * HOUR, "end": NOW}
    data, real = batches_on_kapacitor(
        kapacitor, script, name=database, folder=tmp_path, db=database, **span
    )
    asked = batches_here(script, influx, name=database, **span)
    recorded = read_recording(data, file="r")
    assert [plain(b) for b in asked] == [plain(b) for b in recorded]
    found = replayed_here(script, recorded, name=database)
    assert found.by_id() == real.by_id()
    assert [e["level"] for e in real.by_id()["postfix_sender-growth-anna_all"]] == ["CRITICAL"]
    assert len(real.events) == 1


@pytest.mark.parametrize("form", ["script", "template"])
def test_it_fires_on_a_real_kapacitor(kapacitor, influx, tmp_path, database, form):
    influx.write("\n".join(lines(int(time.time()))), db=database)
    log = tmp_path / "log"
    task = f"growth-{form}"
    define(kapacitor, task, rendered(database, form, every="10s", crit=150, log=str(log)))
    try:
        with suppress(FileNotFoundError):
            wait_for(log.exists, "the alert")
        event = json.loads(log.read_text().splitlines()[0])
    finally:
        kapacitor.delete(task)
    assert event["id"] == "postfix_sender-growth-anna_all"
    assert "anna wrote to" in event["message"]
