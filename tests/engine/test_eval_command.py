"""``bmtick eval``: the contract's output, both forms of points, and one clear line on errors."""

import gzip
import json

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli

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
