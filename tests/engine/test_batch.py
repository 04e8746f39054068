"""Batch tasks: which query runs when, and what becomes of the answers and of recordings."""

import io
import json
import zipfile

import pytest

from bmtick.engine import load_task
from bmtick.engine.batches import from_answer, read_recording
from bmtick.engine.gotime import parse_rfc3339, rfc3339_nano
from bmtick.errors import BmtickError
from bmtick.tick.ast import task_type
from bmtick.tick.parser import parse

NOW = parse_rfc3339("2026-01-05T08:00:10Z")
SPAN = "time >= '2026-01-05T08:00:00Z' AND time < '2026-01-05T08:00:10Z'"
FROM = '"db"."rp"."m"'


def query_of(properties="", text=f"SELECT mean(v) FROM {FROM}"):
    script = f"batch|query('''{text}''').period(10s).every(10s){properties}|log()"
    return load_task(script, file="b.tick", name="b").queries[0]


@pytest.mark.parametrize(
    ("properties", "text", "statement"),
    [
        ("", f"SELECT mean(v) FROM {FROM}", f"SELECT mean(v) FROM {FROM} WHERE {SPAN}"),
        (
            ".groupBy(time(2s), 'host', *)",
            f"select v\n from {FROM} -- a comment\n where a = 'it\\'s -- x' limit 3",
            (f"SELECT v FROM {FROM} WHERE a = 'it\\'s -- x' AND {SPAN}"
            ' GROUP BY time(2s, 0s), "host", * limit 3'),
        ),
        # an OR reaches past its end, as Kapacitor prints it
        ("", f"SELECT v FROM {FROM} WHERE a = 1 OR b = 2", f"SELECT v FROM {FROM} WHERE a = 1 OR b = 2 AND {SPAN}"),
        # Kapacitor drops the text's own groups, not its fill
        (
            "",
            f"SELECT mean(v) FROM {FROM} GROUP BY host fill(0) ORDER BY time DESC tz('UTC')",
            f"SELECT mean(v) FROM {FROM} WHERE {SPAN} fill(0) ORDER BY time DESC tz('UTC')",
        ),
        (".fill('none').groupBy(time(1m, 5s))", f"SELECT mean(v) FROM {FROM} fill(0)", f"SELECT mean(v) FROM {FROM} WHERE {SPAN} GROUP BY time(1m, 5s) fill(none)"),
        (".fill(1.5)", f"SELECT mean(v) FROM {FROM}", f"SELECT mean(v) FROM {FROM} WHERE {SPAN} fill(1.5)"),
        (".fill('null')", f"SELECT mean(v) FROM {FROM} fill(3)", f"SELECT mean(v) FROM {FROM} WHERE {SPAN}"),
        (".groupBy(3s).alignGroup()", f"SELECT mean(v) FROM {FROM}", f"SELECT mean(v) FROM {FROM} WHERE {SPAN} GROUP BY time(3s, 0s)"),
        (".groupBy(7s).alignGroup()", f"SELECT mean(v) FROM {FROM}", f"SELECT mean(v) FROM {FROM} WHERE {SPAN} GROUP BY time(7s, 5s)"),
    ],
)  # fmt: skip
def test_the_statement_that_a_server_sends(properties, text, statement):
    assert query_of(properties, text).statement(NOW) == statement


def test_offset_moves_the_interval_and_not_the_run():
    query = query_of(".offset(1m)")
    assert "time < '2026-01-05T07:59:10Z'" in query.statement(NOW)
    assert query.next(NOW) == NOW + 10_000_000_000


@pytest.mark.parametrize(
    ("properties", "after", "first"),
    [
        ("", "08:00:03", "08:00:13Z"),
        (".align()", "08:00:03", "08:00:10Z"),
        (".align()", "08:00:10", "08:00:20Z"),
        (".every(0s).cron('*/15 * * * *')", "08:00:03", "08:15:00Z"),
    ],
)
def test_when_a_query_runs(properties, after, first):
    found = query_of(properties).next(parse_rfc3339(f"2026-01-05T{after}Z"))
    assert rfc3339_nano(found) == f"2026-01-05T{first}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batch|query('SELECT v FROM db.rp.m; DROP DATABASE x').every(1s)", "got 2 statements"),
        ("batch|query('DROP DATABASE x').every(1s)", 'not a select statement "DROP DATABASE x"'),
        ("batch|query('SELECT v FROM (SELECT v FROM db.rp.m)').every(1s)", "no subqueries"),
        ("batch|query('SELECT v FROM m').every(1s)", "names no database and retention policy"),
        ("batch|query('SELECT v FROM db..m').every(1s)", "names no database and retention policy"),
        ("batch|query('SELECT v').every(1s)", "no FROM"),
        ("batch|query('SELECT mean(v FROM db.rp.m').every(1s)", "parentheses"),
        ("batch|query('SELECT \"v FROM db.rp.m').every(1s)", "a quote is not closed"),
        ("batch|query('SELECT v FROM db.rp.m')", "must define one of 'every' or 'cron'"),
        ("batch|query('SELECT v FROM db.rp.m').every(1s).cron('* * * * *')", "must not set both"),
        ("batch|query('SELECT v FROM db.rp.m').cron('* * *')", "missing field(s)"),
        ("batch|query('SELECT v FROM db.rp.m').every(1s).fill('x')", "unexpected fill option x"),
        ("batch|query('SELECT v FROM db.rp.m').every(1s).groupBy(1s, time(2s))", "more than one"),
        ("batch|query('SELECT v FROM db.rp.m').every(1s).groupBy(time(1))", "must be a duration"),
        ("batch|query('SELECT v FROM db.rp.m').every(1s).groupBy(time())", "1 or 2 args, got 0"),
        ("batch|query('SELECT v FROM db.rp.m').every(1s)|window().period(1s)", "takes a stream"),
        ("var a = batch|query('SELECT v FROM db.rp.m').every(1s)\nstream|from()", "not both"),
        ("var a = nothing(1s)\nbatch|query('SELECT v FROM db.rp.m').every(1s)", "no global function"),
    ],
)  # fmt: skip
def test_what_a_server_would_not_take(text, message):
    with pytest.raises(BmtickError) as raised:
        load_task(text, file="b.tick", name="b")
    assert message in str(raised.value)
    assert raised.value.location.line


SERIES = [
    {
        "name": "m",
        "tags": {"host": "a"},
        "columns": ["time", "mean", "up"],
        "values": [
            ["2026-01-05T08:00:02Z", 3, True],
            ["2026-01-05T08:00:04.5Z", None, None],
            ["2026-01-05T08:00:04Z", 1.5, None],
        ],
    },
    {"name": "m", "tags": {"host": "b"}, "columns": ["time", "mean"], "values": []},
]


def test_an_answer_becomes_batches():
    first, second = from_answer(SERIES, by_name=True, stop=NOW, by_time=False)
    assert first.group == "m\nhost=a"
    assert [p.fields for p in first.points] == [{"mean": 3.0, "up": True}, {"mean": 1.5}]
    assert isinstance(first.points[0].fields["mean"], float)  # Kapacitor takes all for floats
    assert (first.time, second.time, second.points) == (NOW, NOW, [])
    by_time = from_answer(SERIES, by_name=False, stop=NOW, by_time=True)
    assert rfc3339_nano(by_time[0].time) == "2026-01-05T08:00:04Z"
    assert by_time[1].time == NOW  # none has a last point


LINE = {
    "name": "m",
    "tags": {"host": "a"},
    "points": [{"fields": {"v": 1}, "time": "2026-01-05T08:00:02Z"}],
}


def test_a_recording_of_kapacitor_is_read():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("0", json.dumps(LINE) + "\n" + json.dumps({**LINE, "points": []}))
        archive.writestr("1", json.dumps({**LINE, "byname": True, "tmax": "2026-01-05T08:00:10Z"}))
    first, second = read_recording(packed.getvalue(), file="r.brpl")
    assert [(b.group, rfc3339_nano(b.time)) for b in first] == [("host=a", "2026-01-05T08:00:02Z")]
    assert [(b.group, rfc3339_nano(b.time)) for b in second] == [
        ("m\nhost=a", "2026-01-05T08:00:10Z")
    ]
    assert type(first[0].points[0].fields["v"]) is float


@pytest.mark.parametrize(
    "data", [b'{"name": "m"}\n{"points": [{}]}', b'{"name": "m"}\n[1]', b'{"name": "m"}\n{"name"']
)
def test_a_wrong_recording_is_placed(data):
    with pytest.raises(BmtickError, match="no batch") as raised:
        read_recording(data, file="r.brpl")
    assert (raised.value.location.file, raised.value.location.line) == ("r.brpl", 2)


def test_a_broken_archive_is_one_clear_error():
    with pytest.raises(BmtickError, match="cannot unpack"):
        read_recording(b"PK\x03\x04 not really", file="r.brpl")


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ("// batch\nstream|from()|log()", "stream"),
        ("var q = 'batch'\nvar data = stream|from()\ndata|log()", "stream"),
        ("var x = 1\nvar data =\n    // why\n    batch|query('')", "batch"),
        ("var a = 'stream'\nbatch|query('SELECT v FROM db.rp.m')", "batch"),
        ("var a = 1", "stream"),
    ],
)
def test_the_first_source_decides_the_type_of_a_task(script, kind):
    assert task_type(parse(script)) == kind
