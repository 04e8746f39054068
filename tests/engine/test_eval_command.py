"""``bmtick eval``: the contract's output, both forms of points, and one clear line on errors."""

import gzip
import json

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from tests.support.servers import find_program

SCRIPT = """
var limit = 10
stream
    |from().database('db').retentionPolicy('rp').measurement('m')
    |alert().id('{{ .TaskName }}').crit(lambda: "v" > limit).stateChangesOnly()
    |httpOut('out')
"""
LINES = ["m,host=a v=1i,f=10.0 1767600000000000000", "m,host=a v=11i,f=1e21 1767600001500000000"]


@pytest.fixture
def run(tmp_path):
    def runner(*options, script=SCRIPT, points=LINES, **files):
        (tmp_path / "rule.tick").write_text(script)
        (tmp_path / "points.lp").write_text("\n".join(points) + "\n")
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        arguments = ["eval", str(tmp_path / "rule.tick"), "--points", str(tmp_path / "points.lp")]
        extra = [str(tmp_path / o[1:]) if o.startswith("@") else o for o in options]
        return CliRunner().invoke(cli, [*arguments, *extra])

    return runner


def test_events_are_json_lines_as_the_contract_says(run):
    done = run()
    assert done.exit_code == 0
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {
            "time": "2026-01-05T08:00:01.5Z",
            "id": "rule",
            "level": "CRITICAL",
            "previousLevel": "OK",
            "message": "rule is CRITICAL",
            "tags": {"host": "a"},
            "fields": {"f": 1e21, "v": 11},
        }
    ]


def test_http_out_has_go_numbers(run):
    done = run("--http-out")
    assert done.stdout == (
        '{"out":{"series":[{"name":"m","tags":{"host":"a"},"columns":["time","f","v"],'
        '"values":[["2026-01-05T08:00:01.5Z",1e+21,11]]}]}}\n'
    )


def test_more_than_one_space_may_part_a_point_as_in_influxdb(run):
    loose = [line.replace(" ", "   ") for line in LINES]
    assert run(points=loose).stdout == run().stdout != ""


def test_vars_override(run):
    given = json.dumps({"limit": {"type": "int", "value": 0}})
    assert len(run("--vars", "@vars.json", **{"vars.json": given}).stdout.splitlines()) == 1
    wrong = json.dumps({"limit": {"type": "float", "value": 0}})
    done = run("--vars", "@vars.json", **{"vars.json": wrong})
    assert done.exit_code == 2
    assert "invalid type supplied for limit: float, expected int" in done.output


def test_a_recording_names_the_database(run):
    here = [text for line in LINES for text in ("db", "rp", line)]
    assert len(run(points=here).stdout.splitlines()) == 1
    elsewhere = [text for line in LINES for text in ("other", "rp", line)]
    assert run(points=elsewhere).stdout == ""


def test_a_recording_in_seconds(run):
    lines = [text for t in (1, 2) for text in ("db", "rp", f"m v={t * 10}i 000000000{t}")]
    assert json.loads(run(points=lines).stdout)["time"] == "1970-01-01T00:00:02Z"


def test_a_compressed_recording(run, tmp_path):
    packed = gzip.compress("\n".join(t for line in LINES for t in ("db", "rp", line)).encode())
    (tmp_path / "real.srpl").write_bytes(packed)
    done = run("--points", "@real.srpl")
    assert json.loads(done.stdout)["time"] == "2026-01-05T08:00:01.5Z"
    (tmp_path / "cut.srpl").write_bytes(packed[:-9])
    done = run("--points", "@cut.srpl")
    assert done.exit_code == 2
    assert "cut.srpl: error: cannot read on" in done.output


def test_other_databases_do_not_match(run):
    assert run("--database", "x", "--retention-policy", "rp").stdout == ""


@pytest.mark.parametrize(
    ("points", "place"),
    [
        (["m v=1 1", "m v= 2"], "points.lp:2:5"),
        (["m v=99999999999999999999i 1"], "points.lp:1:5"),
        (["m v=1 99999999999999999999"], "points.lp:1:6"),
        (["db", "rp", "m v=1 1", "db"], "points.lp:4"),
    ],
)
def test_wrong_points_are_placed(run, points, place):
    done = run(points=points)
    assert done.exit_code == 2
    assert place in done.output


def test_errors_of_nodes_are_told_on_stderr(run):
    script = "stream|from()|where(lambda: \"gone\" > 1)|httpOut('out')"
    done = run("--http-out", script=script)
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"out": {"series": None}}
    assert "where2: error while evaluating expression" in done.stderr
    assert "(2 times)" in done.stderr


def test_a_task_that_kapacitor_stops_is_told(run):
    script = "stream|from()|alert().info(lambda: TRUE).message('{{ index .Tags 3 }}')"
    done = run(script=script)
    assert done.stdout == ""
    assert "the task stopped, as in Kapacitor: alert2" in done.stderr


BATCH = """
batch
    |query('''SELECT mean(v) AS v FROM "db"."rp"."m" WHERE "host" != 'x' ''')
        .period(10s).every(10s).align().groupBy(time(5s), 'host').fill(0)
    |alert().id('{{ index .Tags "host" }}').crit(lambda: "v" > 5).stateChangesOnly()
    |httpOut('out')
"""
SPREAD = [
    "m,host=a v=1 1767600000000000000",
    "m,host=a v=10 1767600007000000000",
    "m,host=a v=12 1767600008000000000",
    "m,host=x v=99 1767600008000000000",
    "m,host=b v=3i,w=1 1767600011000000000",
    "m,host=a v=2 1767600012000000000",
]
EPISODE = [("a", "CRITICAL", "2026-01-05T08:00:05Z"), ("a", "OK", "2026-01-05T08:00:15Z")]


def episode(done):
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return [(event["id"], event["level"], event["time"]) for event in events]


def test_a_batch_task_queries_the_points_in_a_throwaway_influxdb(run):
    find_program("influxd")
    points = [line for line in SPREAD if "b v=3i" not in line]
    done = run(script=BATCH, points=points)
    assert done.exit_code == 0, done.output
    assert episode(done) == EPISODE
    everywhere = [text for line in points for text in ("other", "rp", line)]
    assert episode(run(script=BATCH, points=everywhere)) == []
    done = run(script=BATCH.replace("mean(v)", "nonsense(v)"), points=points)
    assert done.exit_code == 2
    assert "rule.tick:3:6: error: InfluxDB at http://127.0.0.1" in done.output
    assert "undefined function nonsense()" in done.output


def test_a_batch_task_without_influxd_says_what_to_do(run, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    done = run(script=BATCH, points=SPREAD)
    assert done.exit_code == 2
    assert "influxd is not on PATH" in done.output
    assert "--from 6h" in done.output


def test_a_batch_task_takes_a_recording(run):
    def batch(*values):
        points = [{"fields": {"v": v}, "time": f"2026-01-05T08:00:{t}Z"} for t, v in values]
        return json.dumps({"name": "m", "tags": {"host": "a"}, "points": points})

    done = run(script=BATCH, points=[batch(("00", 1), ("05", 11)), batch(("10", 2), ("15", 0))])
    assert episode(done) == [EPISODE[0], ("a", "OK", "2026-01-05T08:00:15Z")]
    two = BATCH + BATCH.replace("'out'", "'more'")
    done = run(script=two, points=[batch(("00", 1))])
    assert done.exit_code == 2
    assert "2 queries, the recording those of 1" in done.output


def test_points_are_in_a_file_or_in_influxdb(run):
    assert "say where the points are" in run("--from", "6h").output


def test_the_settings_influxdb_is_asked(run, influx, tmp_path):
    influx.write(SPREAD[:4] + SPREAD[5:])
    (tmp_path / "bmtick.toml").write_text(f'[influxdb]\nurl = "{influx.url}"\n')
    script = tmp_path / "rule.tick"

    def over_history(text):
        script.write_text(text)
        span = ["--from", "2026-01-05T08:00:00Z", "--to", "2026-01-05T08:00:20Z"]
        config = ["--config", str(tmp_path / "bmtick.toml")]
        return CliRunner().invoke(cli, ["eval", str(script), *span, *config])

    asked = BATCH.replace('"db"."rp"', '"telegraf"."autogen"')
    assert episode(over_history(asked)) == EPISODE
    done = over_history(asked.replace(".align()", ".align().cluster('other')"))
    assert episode(done) == EPISODE
    assert ".cluster('other') is taken for [influxdb] url" in done.output
    found = episode(over_history(SCRIPT.replace("database('db').retentionPolicy('rp').", "")))
    assert found == [
        ("rule", "CRITICAL", "2026-01-05T08:00:08Z"),
        ("rule", "OK", "2026-01-05T08:00:12Z"),
    ]
