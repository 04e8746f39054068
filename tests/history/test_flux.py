"""Flux as a real InfluxDB 2.7.12 answers it: recorded, so that it runs without one."""

import pytest

from bmtick.history import Connection, Span, read_points
from bmtick.history.flux import nanoseconds, points_of_rows, quote
from bmtick.history.model import HistoryError
from bmtick.history.write import write_points
from bmtick.points import Point
from tests.history.stories import DAY, HOSTILE, MIXED, PLAIN, SAME
from tests.support.recorded import recorded, recording

BROKEN = [
    ["#datatype", "string", "long", "dateTime:RFC3339", "string", "long"],
    ["", "result", "table", "_time", "_tag.h", "v"],
    ["", "_result", "0", "1970-01-01T00:00:00.00000002Z", "a", "19"],
    [],
    ["#datatype", "string", "string"],
    ["", "error", "reference"],
    ["", "runtime error @3:9-3:84: map: failed to evaluate map function: broken", ""],
]


@pytest.fixture
def server(request):
    """Give a URL and two tokens: of a recording, or of the real server that is recorded."""
    from pathlib import Path

    name = request.node.name.removeprefix("test_")
    folder = Path(__file__).parent / "exchanges" / name
    if not recording():
        with recorded(folder) as url:
            yield url, "the-secret", "read-only"
        return
    influx = request.getfixturevalue("influx2")
    bucket = influx.create(f"{name}/autogen")
    reader = influx.token_for(bucket, actions=("read",))
    with recorded(folder, influx.url) as url:
        yield url, influx.token_for(bucket), reader


def connections(server, name):
    """Flux, and the same by InfluxQL."""
    url, token, _ = server
    flux = Connection(url, name, "autogen", token=token, org="bm", timeout=5)
    return flux, Connection(url, name, "autogen", username="any", password=token, timeout=5)


def test_types(server):
    flux, influxql = connections(server, "types")
    write_points(flux, PLAIN)
    for where in (flux, influxql):
        got = list(read_points(where, ["m"], Span(0, DAY)))
        assert got == PLAIN
        kinds = [[type(p.fields[k]) for k in sorted(p.fields)] for p in got]
        assert kinds == [[type(p.fields[k]) for k in sorted(p.fields)] for p in PLAIN]


def test_hostile(server):
    flux, influxql = connections(server, "hostile")
    write_points(flux, HOSTILE)
    for where in (flux, influxql):
        for point in HOSTILE:
            assert list(read_points(where, [point.name], Span(0, DAY), where=point.tags)) == [point]


def test_same(server):
    """A tag and a field of one name, and names that mean something in an answer."""
    flux, _ = connections(server, "same")
    write_points(flux, [SAME])
    assert list(read_points(flux, ["m"], Span(0, DAY))) == [SAME]


def test_mixed(server):
    """A field's type changes: a query over both shards would leave out one of them."""
    flux, _ = connections(server, "mixed")
    write_points(flux, MIXED)
    assert list(read_points(flux, ["m"], Span(0, 61 * DAY))) == MIXED


def test_refused(server):
    url, token, reader = server
    there = {"url": url, "retention_policy": "autogen", "timeout": 5}
    good = {"database": "refused", "token": token, "org": "bm"}
    for change, message in [
        ({"token": "wrong"}, "401 unauthorized access.*check the token"),
        ({"database": "none"}, 'could not find bucket "none/autogen".*retention_policy = ""'),
        ({"org": "none"}, 'organization name "none" not found.*set .influxdb. org'),
        ({"org": ""}, "either orgID or org.*set .influxdb. org"),
    ]:
        connection = Connection(**{**there, **good, **change})
        with pytest.raises(HistoryError, match=message) as raised:
            list(read_points(connection, ["m"], Span(0, DAY)))
        assert token not in str(raised.value)
    for change, message in [
        ({"token": "wrong"}, "/api/v2/write: 401 unauthorized access.*check the token"),
        ({"token": reader}, "insufficient permissions for write.*what it may do"),
        ({"database": "none"}, 'bucket "none/autogen" not found.*name the bucket'),
        ({"org": "none"}, 'organization name "none" not found.*set .influxdb. org'),
    ]:
        connection = Connection(**{**there, **good, **change})
        with pytest.raises(HistoryError, match=message):
            write_points(connection, [Point("m", {}, {"v": 1}, 1)], sleep=lambda _: None)
    connection = Connection(**there, **good)
    write_points(connection, [Point("m", {}, {"v": 1}, 1)])
    with pytest.raises(HistoryError, match='field type conflict: input field "v"'):
        write_points(connection, [Point("m", {}, {"v": "x"}, 2)], sleep=lambda _: None)


def test_an_answer_that_ends_in_an_error_is_one():
    """Recorded from a query whose second part failed: the status is 200 all the same."""
    points = points_of_rows(BROKEN, "m")
    assert next(points) == Point("m", {"h": "a"}, {"v": 19}, 20)
    with pytest.raises(HistoryError, match="broke off its answer: runtime error"):
        next(points)


def test_a_server_that_is_not_there():
    nowhere = Connection("http://127.0.0.1:9", "m", "autogen", token="t", org="bm", timeout=5)
    with pytest.raises(HistoryError, match="cannot reach"):
        list(read_points(nowhere, ["m"], Span(1, 2)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01T01:00:00.000000001+01:00", 1),
        ("2026-01-05T08:00:00.5Z", 1767600000500000000),
    ],
)
def test_times_keep_their_nanoseconds(text, expected):
    assert nanoseconds(text) == expected


def test_quoting():
    assert quote('a"b\\c${d}\n') == '"a\\"b\\\\c\\${d}\\n"'
