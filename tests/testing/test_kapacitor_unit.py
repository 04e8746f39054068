"""Files of kapacitor-unit, coverage and snapshots."""

import shutil

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli

SCRIPT = """stream
    |from()
        .database('weather')
        .measurement('temperature')
    |where(lambda: "temperature" > 0)
    |alert()
        .id('t')
        .warn(lambda: "temperature" > 80)
        .crit(lambda: "temperature" > 100)
        .stateChangesOnly()
"""
BATCH = """batch
    |query('SELECT mean(temperature) FROM weather.autogen.temperature')
        .period(5m)
        .every(10m)
    |alert()
        .id('t')
        .crit(lambda: "mean" > 100)
        .stateChangesOnly()
"""
TESTS = """tests:
  - name: warns
    task_name: weather.tick
    db: weather
    rp: autogen
    type: stream
    data:
      - temperature,at=here temperature=70
      - temperature,at=here temperature=82
    expects: {ok: 0, warn: 1, crit: 0}
"""


def run(*args):
    return CliRunner().invoke(cli, ["test", *(str(a) for a in args)])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cases").mkdir()
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "weather.tick").write_text(SCRIPT)
    (tmp_path / "scripts" / "batch.tick").write_text(BATCH)
    (tmp_path / "cases" / "unit.yaml").write_text(TESTS)
    return tmp_path


def change(folder, old, new):
    path = folder / "cases" / "unit.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_runs_a_file_as_it_is(folder):
    result = run(folder / "cases")
    assert result.exit_code == 0, result.output
    assert "1 cases, 0 failed" in result.stdout


def test_other_counts_fail(folder):
    change(folder, "ok: 0, warn: 1, crit: 0", "ok: 2, warn: 1, crit: 1")
    result = run(folder / "cases")
    assert result.exit_code == 1
    assert "ok: 0 events, not 2" in result.stdout
    assert "crit: 0 events, not 1" in result.stdout


def test_points_of_another_database_do_not_come(folder):
    change(folder, "db: weather", "db: other")
    assert "warn: 0 events, not 1" in run(folder / "cases").stdout


def test_times_have_a_precision_or_count_from_the_begin(folder):
    change(folder, "temperature=70\n", "temperature=70 1767600000\n")
    change(folder, "temperature=82\n", "temperature=82 1767600060\n")
    change(folder, "    type: stream\n", "    type: stream\n    precision: s\n")
    assert "2026-01-05T08:01:00Z" in run(folder / "cases", "-v").stdout
    change(folder, "precision: s", "clock: offset")
    change(folder, "1767600000", "0")
    change(folder, "1767600060", "30")
    assert "2026-01-05T08:00:30Z" in run(folder / "cases", "-v").stdout


@pytest.mark.skipif(not shutil.which("influxd"), reason="no influxd on this machine")
def test_batch_scripts_query_every_second(folder):
    change(folder, "weather.tick", "batch.tick")
    change(folder, "type: stream", "type: batch")
    change(folder, "temperature=82", "temperature=182")
    change(folder, "warn: 1, crit: 0", "warn: 0, crit: 1")
    result = run(folder / "cases")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tests:", "tests: 5\nx:", "no file of kapacitor-unit"),
        ("    rp: autogen", "    retention: autogen", ":5:5: error: unknown key 'retention'"),
        ("type: stream", "type: steam", ":6:5: error: no type 'steam'"),
        ("type: stream", "type: batch", "its script is a stream script"),
        ("weather.tick", "other.tick", "the script 'other.tick' is not here"),
        ("task_name: weather.tick", "db: x", "names no script"),
        ("    data:", "    recording_id: 5\n    data:", "a recording is on the Kapacitor server"),
        ("crit: 0", "critical: 0", "no level 'critical'"),
        ("crit: 0", "crit: none", "'none' is no number"),
        ("temperature=82", "temperature=", "unit.yaml (warns)"),
        ("    type: stream", "    type: stream\n    precision: y", "no precision 'y'"),
        (
            "    type: stream",
            "    type: stream\n    data_path: nothing",
            "there is no file 'nothing'",
        ),
    ],
)
def test_what_is_wrong_is_one_message_with_its_place(folder, old, new, message):
    change(folder, old, new)
    result = run(folder / "cases" / "unit.yaml")
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_scripts_are_in_the_folder_that_is_named(folder):
    (folder / "scripts").rename(folder.parent / f"{folder.name}-elsewhere")
    assert run(folder / "cases").exit_code == 2
    elsewhere = folder.parent / f"{folder.name}-elsewhere"
    assert run(folder / "cases", "--scripts", elsewhere).exit_code == 0


def test_coverage_names_what_no_case_reached(folder):
    result = run(folder / "cases", "--coverage")
    script = (folder / "scripts" / "weather.tick").resolve()
    assert f"{script}:5:6: |where() never drops" in result.stdout
    assert f"{script}:6:6: |alert() never became CRITICAL or became OK" in result.stdout
    assert "coverage: 2 of 5 levels and branches (40 %)" in result.stdout
    more = (
        "      - temperature,at=here temperature=-1\n      - temperature,at=here temperature=101\n"
    )
    change(folder, "    expects", f"{more}      - temperature,at=here temperature=1\n    expects")
    assert "coverage: 5 of 5 levels and branches (100 %)" in run(folder, "--coverage").stdout


CASE = """script = "../scripts/weather.tick"
snapshot = true

[[series]]
measurement = "temperature"
fields = { temperature = "10 90 110 10" }
"""


def test_a_snapshot_is_written_compared_and_written_anew(folder):
    (folder / "cases" / "unit.yaml").unlink()
    (folder / "cases" / "a.toml").write_text(CASE)
    first = run(folder / "cases")
    assert (first.exit_code, "no snapshot of it yet" in first.stdout) == (1, True)
    assert run(folder / "cases", "--update").exit_code == 0
    assert (folder / "cases" / "a.snapshot.json").read_text().count('"level"') == 3
    assert run(folder / "cases").exit_code == 0
    (folder / "cases" / "a.toml").write_text(CASE.replace("110", "95"))
    changed = run(folder / "cases")
    assert changed.exit_code == 1
    assert "CRITICAL  t  t is CRITICAL  (in the snapshot only)" in changed.stdout
    assert run(folder / "cases", "--update").exit_code == 0


@pytest.mark.parametrize("text", ["", "[]", '{"a": 5}', '{"a": [5]}'])
def test_a_wrong_snapshot_is_refused(folder, text):
    (folder / "cases" / "a.toml").write_text(CASE)
    (folder / "cases" / "a.snapshot.json").write_text(text)
    assert run(folder / "cases" / "a.toml").exit_code == 2
