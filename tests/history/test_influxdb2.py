"""A real InfluxDB 2.x beside a real 1.x: written by bmtick, read back equal, by Flux and InfluxQL."""

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from bmtick.deploy.influx import connect_influx
from bmtick.history import Connection, Span, read_points
from bmtick.history.model import HistoryError
from bmtick.history.write import write_points
from bmtick.points import Point, parse_lines
from bmtick.settings import InfluxDB
from tests.history.stories import DAY, MIXED
from tests.history.test_influxdb import TEXT, VALUES
from tests.support.faults import faulty

ROOT = Path(__file__).parents[2]
ALL = Span(0, 2**62)


@pytest.fixture(scope="module")
def flux(influx2):
    bucket = influx2.create("history/autogen")
    token = influx2.token_for(bucket)
    return Connection(influx2.url, "history", "autogen", token=token, org="bm", timeout=120)


def by_influxql(flux):
    return replace(flux, token="", org="", username="any", password=flux.token)


def random_points(rolls, count):
    """Several series that report together, late or not at all, with fields missing."""
    found = {}
    for _ in range(count):
        tags = {k: rolls.choice("abc") for k in ("host", "queue", "user") if rolls.random() < 0.7}
        fields = {
            "i": rolls.randrange(-5, 500),
            "f": rolls.choice([0.5, 2.0, 1e-9]),
            "s": rolls.choice(["x", "two words", "ü"]),
            "b": rolls.random() < 0.5,
        }
        chosen = rolls.sample(sorted(fields), rolls.randrange(1, 5))
        at = rolls.randrange(0, 4) * DAY + rolls.randrange(0, 50) * 10**10
        point = Point("random", tags, {k: fields[k] for k in chosen}, at + 1)
        found[(at, *sorted(tags.items()))] = point
    return list(found.values())


def test_the_same_points_from_1_and_2(influx, flux):
    """Also in the same order: an alert judges points of a moment one after the other."""
    influx.execute("CREATE DATABASE both")
    old = Connection(influx.url, "both", "autogen")
    points = random_points(random.Random(5), 3000)
    for where in (old, flux):
        write_points(where, points)
    first = list(read_points(old, ["random"], ALL))
    assert len(first) == len(points)
    assert list(read_points(flux, ["random"], ALL)) == first
    assert list(read_points(by_influxql(flux), ["random"], ALL)) == first
    some = {"host": "a", "user": "b"}
    filtered = [p for p in first if some.items() <= p.tags.items()]
    assert filtered
    for where in (old, flux, by_influxql(flux)):
        assert list(read_points(where, ["random"], ALL, where=some)) == filtered


def test_types_that_change_with_time_are_all_read(flux):
    points = [replace_name(point, "changing") for point in MIXED]
    write_points(flux, points)
    assert list(read_points(flux, ["changing"], ALL)) == points


def replace_name(point, name):
    return Point(name, point.tags, point.fields, point.time)


def test_a_span_is_kept_to_the_nanosecond(flux):
    points = [Point("span", {}, {"v": i}, DAY - 2 + i) for i in range(5)]
    write_points(flux, points)
    for where in (flux, by_influxql(flux)):
        assert list(read_points(where, ["span"], Span(DAY - 1, DAY + 2))) == points[1:4]


@pytest.mark.skipif("CI_FAST" in os.environ, reason="asks a real server 40 times")
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(tag=TEXT, value=TEXT, key=TEXT, field=VALUES)
def test_hostile_names_and_values_survive(flux, tag, value, key, field):
    count = test_hostile_names_and_values_survive
    count.number += 1
    # 2.x keeps names that begin with an underscore to itself
    if "time" in (key, tag) or any("\\" in t for t in (tag, value, key)):
        return
    if tag in ("_field", "_measurement", "_value", "_time"):
        return
    point = Point(f"m{count.number} ,=\"'", {tag: value}, {key: field}, 1)
    write_points(flux, [point])
    for where in (flux, by_influxql(flux)):
        if key == tag and where.token == "":
            continue  # InfluxQL renames one of them
        assert list(read_points(where, [point.name], Span(0, DAY))) == [point]


test_hostile_names_and_values_survive.number = 0


def test_all_measurements(flux):
    write_points(flux, [Point("every one", {}, {"v": 1}, 5), Point('every"two', {}, {"v": 2}, 6)])
    for where in (flux, by_influxql(flux)):
        found = [p.name for p in read_points(where, [""], Span(5, 7))]
        assert found == ["every one", 'every"two']


@pytest.mark.parametrize("fault", ["drop", "lose", "503"])
def test_a_query_that_fails_for_a_moment_is_sent_again(flux, fault):
    points = [Point(f"again {fault}", {}, {"v": i}, i * DAY) for i in range(3)]
    write_points(flux, points)
    with faulty(flux.url) as faults:
        there = replace(flux, url=faults.url)
        faults.plan(fault, 2, last=3)
        assert list(read_points(there, [f"again {fault}"], Span(0, 3 * DAY))) == points
        faults.plan(fault, 1, last=99)
        with pytest.raises(HistoryError, match="InfluxDB at http"):
            list(read_points(there, [f"again {fault}"], Span(0, DAY)))
        assert len(faults.requests) == 4


def test_a_bucket_without_a_slash_is_named_by_an_empty_policy(influx2):
    bucket = influx2.create("plain", mapped=False)
    there = Connection(influx2.url, "plain", "", token=influx2.token_for(bucket), org="bm")
    point = Point("m", {}, {"v": 1}, 1)
    write_points(there, [point])
    for where in (there, by_influxql(there)):
        assert list(read_points(where, ["m"], ALL)) == [point]
    assert write_points(by_influxql(there), [Point("m", {}, {"v": 2}, 2)]) == 1


def test_doctor_and_plan_are_let_in_by_the_token(influx2, flux):
    section = InfluxDB(url=influx2.url, database="history")
    reader = connect_influx(section, {"BMTICK_INFLUXDB_TOKEN": flux.token})
    assert reader.databases() == {"history"}
    assert reader.retention_policies("history") == {"autogen"}


def bmtick(folder, *arguments, token="", **environment):
    secret = {"BMTICK_INFLUXDB_TOKEN": token} if token else {}
    return subprocess.run(
        [sys.executable, "-m", "bmtick", *arguments],
        cwd=folder,
        env={**os.environ, "TZ": "UTC", "PYTHONPATH": str(ROOT), **secret, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def settings_of(url, extra=""):
    return f"""
[influxdb]
url = "{url}"
database = "outbreak"
org = "bm"
timeout = "5s"
[collect]
logs = ["{ROOT}/examples/outbreak/mail.log"]
queue = "off"
state = "state"
[watch]
host = "mx1"
datalocation = "bm-master"
{extra}
"""


def test_collected_into_2_and_backtested_from_it_as_from_1(influx, influx2, tmp_path):
    """The recorded outbreak: --write to both servers, then all alerts, three ways to read."""
    influx.execute("CREATE DATABASE outbreak")
    bucket = influx2.create("outbreak/autogen")
    token = influx2.token_for(bucket)
    places = {
        "1.x": (influx.url, {}),
        "Flux": (influx2.url, {"BMTICK_INFLUXDB_TOKEN": token}),
        "InfluxQL": (
            influx2.url,
            {"BMTICK_INFLUXDB_USERNAME": "any", "BMTICK_INFLUXDB_PASSWORD": token},
        ),
    }
    results = {}
    for name, (url, secret) in places.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "bmtick.toml").write_text(settings_of(url))
        done = bmtick(folder, "collect", "--write", "--from-start", **secret)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        asked = bmtick(folder, "backtest", "--from", "2000-01-01", "--format", "json", **secret)
        assert asked.returncode == 0, asked.stderr
        assert "without collector_silent" in asked.stderr
        results[name] = json.loads(asked.stdout)
    assert sum(r["points"] for r in results["1.x"]) > 100
    assert any(r["episodes"] for r in results["1.x"])
    assert results["Flux"] == results["1.x"]
    assert results["InfluxQL"] == results["1.x"]
    flux = Connection(influx2.url, "outbreak", "autogen", token=token, org="bm")
    told = bmtick(tmp_path / "Flux", "collect", "--from-start", "--no-state")
    expected = [
        p for p in parse_lines(told.stdout.splitlines()) if p.name != "bmtick_collector"
    ]  # which tells of the run itself
    stored = list(read_points(flux, sorted({p.name for p in expected}), ALL))
    tags = {"host": "mx1", "datalocation": "bm-master"}
    key = lambda p: (p.time, p.name, sorted(p.tags.items()))  # noqa: E731 -- a key of two sorts
    wanted = [Point(p.name, {**p.tags, **tags}, p.fields, p.time) for p in expected]
    assert sorted(stored, key=key) == sorted(wanted, key=key)


def test_a_server_that_was_away_gets_all_once(influx2, tmp_path):
    """What could not be written stays in the state; a refused token says so and loses nothing."""
    bucket = influx2.create("away/autogen")
    token = influx2.token_for(bucket)
    for url, secret in [
        ("http://127.0.0.1:1", token),
        (influx2.url, "wrong"),
        (influx2.url, token),
        (influx2.url, token),
    ]:
        text = settings_of(url).replace('"outbreak"', '"away"')
        (tmp_path / "bmtick.toml").write_text(text.replace('"5s"', '"1s"'))
        done = bmtick(tmp_path, "collect", "--write", token=secret)
        good = secret == token and url == influx2.url
        assert done.returncode == (0 if good else 2), done.stderr
        assert "Traceback" not in done.stderr
        if secret == "wrong":
            assert "check the token" in done.stderr
    flux = Connection(influx2.url, "away", "autogen", token=token, org="bm")
    told = bmtick(tmp_path, "collect", "--from-start", "--no-state")
    sent = [p for p in parse_lines(told.stdout.splitlines()) if p.name == "postfix_sender"]
    stored = list(read_points(flux, ["postfix_sender"], Span(0, time.time_ns())))
    assert len(stored) > 5
    assert sum(p.fields["recipients"] for p in stored) <= sum(p.fields["recipients"] for p in sent)
