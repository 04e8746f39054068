"""Points written to a real InfluxDB come back as they were: hostile names and values too."""

import os
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmtick.history import Connection, Span, read_points
from bmtick.history.model import HistoryError
from bmtick.history.write import write_points
from bmtick.points import Point
from tests.support import servers

ALL = Span(0, 2**62)


@pytest.fixture(scope="module")
def connection(influx):
    influx.execute("CREATE DATABASE history")
    return Connection(influx.url, "history", "autogen")


def back(connection, *measurements, **options):
    return list(read_points(connection, measurements, ALL, **options))


def test_types_and_order(connection):
    points = [
        Point("m", {"host": "b"}, {"i": 1, "f": 2.0, "s": "x", "b": True}, 20),
        Point("m", {"host": "a"}, {"f": 3.0}, 10),
        Point("m", {}, {"i": 5}, 30),
    ]
    assert write_points(connection, points) == 3
    got = back(connection, "m")
    assert [p.time for p in got] == [10, 20, 30]
    assert got == sorted(points, key=lambda p: p.time)
    assert {k: type(v) for k, v in got[1].fields.items()} == {
        "i": int,
        "f": float,
        "s": str,
        "b": bool,
    }


def test_where_and_several_measurements(connection):
    write_points(
        connection,
        [
            Point("one", {"queue": 'it\'s "hold"'}, {"x": 1}, 1),
            Point("two", {"queue": "active"}, {"x": 2}, 2),
            Point("one", {"queue": "active"}, {"x": 3}, 3),
        ],
    )
    assert [p.fields["x"] for p in back(connection, "one", "two", "none")] == [1, 2, 3]
    found = back(connection, "one", where={"queue": 'it\'s "hold"'})
    assert [p.fields["x"] for p in found] == [1]


def test_a_field_that_changed_its_type(connection):
    """A shard keeps one type: another week may have another one, and InfluxDB gives only one."""
    week = 7 * 86400 * 10**9
    write_points(
        connection,
        [
            Point("numbers", {}, {"x": 1}, 1),
            Point("numbers", {}, {"x": 2.5}, 1 + 2 * week),
            Point("mixed", {}, {"x": True, "y": 1}, 1),
            Point("mixed", {}, {"x": "text", "y": 2}, 1 + 2 * week),
            Point("mixed", {}, {"x": 7, "y": 3}, 1 + 4 * week),
        ],
    )
    assert [repr(p.fields) for p in back(connection, "numbers")] == ["{'x': 1.0}", "{'x': 2.5}"]
    found = [repr(p.fields) for p in back(connection, "mixed")]
    assert found == ["{'y': 1}", "{'y': 2}", "{'x': 7, 'y': 3}"]


def test_a_tag_that_is_named_as_a_field(connection):
    point = Point("twice", {"x": "tag", "host": "a"}, {"x": 5}, 1)
    write_points(connection, [point])
    assert back(connection, "twice") == [point]


def test_more_than_one_chunk(connection):
    points = [Point("many", {"n": str(i % 7)}, {"x": i}, i + 1) for i in range(45_000)]
    write_points(connection, points)
    assert [p.fields["x"] for p in back(connection, "many")] == list(range(45_000))


# what line protocol can carry: no line breaks, and InfluxDB drops what is not printable text
TEXT = st.text(
    st.characters(
        blacklist_categories=("Cs", "Cc", "Cn", "Co"), blacklist_characters="\u2028\u2029"
    ),
    min_size=1,
    max_size=20,
)
VALUES = st.one_of(st.integers(-(2**63), 2**63 - 1), TEXT, st.booleans())


@pytest.mark.skipif("CI_FAST" in os.environ, reason="asks a real server 60 times")
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(tag=TEXT, value=TEXT, key=TEXT, field=VALUES)
def test_hostile_names_and_values_survive(connection, tag, value, key, field):
    test_hostile_names_and_values_survive.count += 1
    name = f"m{test_hostile_names_and_values_survive.count} ,=\"'"
    # what ends in a backslash, or is named time, cannot be kept by any client
    if key == tag or "time" in (key, tag) or any(t.endswith("\\") for t in (tag, value, key)):
        return
    if any("\\" in t for t in (tag, value, key)):
        return  # a backslash before a comma is one character to InfluxDB, whatever is written
    write_points(connection, [Point(name, {tag: value}, {key: field}, 1)])
    (got,) = back(connection, name)
    assert got.tags == {tag: value}
    assert got.fields == {key: field}


test_hostile_names_and_values_survive.count = 0


def test_a_field_that_influxdb_refuses_is_an_error_with_its_reason(connection):
    write_points(connection, [Point("typed", {}, {"x": 1}, 1)])
    with pytest.raises(HistoryError, match="field type conflict"):
        write_points(connection, [Point("typed", {}, {"x": "text"}, 2)], sleep=lambda _: None)


def test_a_server_that_is_not_there(connection):
    nowhere = replace(connection, url="http://127.0.0.1:9", timeout=1)
    with pytest.raises(HistoryError, match="cannot reach InfluxDB"):
        back(nowhere, "m")
    waits = []
    with pytest.raises(HistoryError, match="cannot reach InfluxDB"):
        write_points(nowhere, [Point("m", {}, {"x": 1}, 1)], sleep=waits.append)
    assert waits == sorted(waits)
    assert len(waits) == 4


def test_a_database_that_is_not_there(connection):
    with pytest.raises(HistoryError, match="database not found"):
        back(replace(connection, database="nope"), "m")


def test_a_server_that_wants_a_name_and_a_password(server_folder):
    """By 1.8's endpoint of 2.x they are the token; before 1.8 there is none."""
    with servers.influxdb(server_folder / "with-users", ("jo", "pa ss:w/rd")) as influx:
        there = Connection(
            influx.url, "telegraf", "autogen", username="jo", password="pa ss:w/rd", timeout=120
        )
        point = Point("m", {"host": "a"}, {"v": 1}, 1)
        write_points(there, [point])
        assert back(there, "m") == [point]
        for wrong in (replace(there, password="no"), replace(there, username="", password="")):
            with pytest.raises(HistoryError, match="name and password, or a token"):
                back(wrong, "m")
            with pytest.raises(HistoryError, match="refused POST /write: 401"):
                write_points(wrong, [point], sleep=lambda _: None)


def test_a_database_that_has_whole_ages_gets_whole_ages(connection):
    """As inputs.postfix of Telegraf 1.26 writes them; a float would lose length and size too."""
    said: list[str] = []
    now = time.time_ns()
    tags = {"queue": "active", "host": "mx"}
    write_points(connection, [Point("postfix_queue", tags, {"length": 1, "age": 7}, now)])
    points = [
        Point("postfix_queue", tags, {"length": 2, "size": 5, "age": 8.9}, now + 1),
        Point("bmtick_collector", {}, {"lag": 0.5}, now + 1),
    ]
    assert write_points(connection, points, tell=said.append) == 2
    (_, got) = back(connection, "postfix_queue")
    assert (got.fields["length"], got.fields["size"], got.fields["age"]) == (2, 5, 8)
    assert len(back(connection, "bmtick_collector")) == 1
    assert len(said) == 1
    assert "--integer-age" in said[0]


def test_another_conflict_of_types_is_an_error(connection):
    write_points(connection, [Point("clash", {}, {"x": 1}, 1)])
    with pytest.raises(HistoryError, match="field type conflict"):
        write_points(connection, [Point("clash", {}, {"x": 1.5}, 2)])


def test_points_that_are_too_old_to_be_kept_do_not_stop_the_others(influx):
    influx.execute("CREATE DATABASE month WITH DURATION 30d NAME m")
    there = Connection(influx.url, "month", "m")
    said: list[str] = []
    now = time.time_ns()
    points = [Point("old", {}, {"x": 1}, 10**18), Point("old", {}, {"x": 2}, now)]
    write_points(there, points, tell=said.append)
    assert [p.fields["x"] for p in back(there, "old")] == [2]
    assert "left points out" in said[0]
