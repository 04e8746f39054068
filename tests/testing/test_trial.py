"""``bmtick test``: cases pass, fail readably, and wrong files are refused with their place."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick.alerts import catalogue
from bmtick.cli.root import cli
from bmtick.errors import BmtickError
from bmtick.testing.load import case_files, load_cases
from bmtick.testing.notation import values
from bmtick.testing.run import run_case
from tests.support.servers import find_program

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("5", "", [5]),
        ("5x3", "", [5, 5, 5]),
        ("0+10x3", "", [0, 10, 20]),
        ("100-5x3 _x2 7", "", [100, 95, 90, None, None, 7]),
        ("1x2", "float", [1.0, 1.0]),
        ("0+0.5x3", "", [0.0, 0.5, 1.0]),
        ("-3", "", [-3]),
        ("'a b'x2 true", "", ["a b", "a b", True]),
    ],
)
def test_notation(text, kind, expected):
    got = values(text, kind)
    assert got == expected
    assert [type(v) for v in got] == [type(v) for v in expected]


@pytest.mark.parametrize("text", ["x", "5y", "1.5", "5x", "'a", "1x99999999"])
def test_wrong_notation_is_refused(text):
    with pytest.raises(BmtickError):
        values(text, "int")


def run(*args):
    return CliRunner().invoke(cli, ["test", *map(str, args)])


def test_the_cases_pass(tmp_path):
    result = run(CASES, "--junit", tmp_path / "out.xml")
    assert result.exit_code == 0, result.output
    assert "6 cases, 0 failed" in result.output
    suite = ET.parse(tmp_path / "out.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("6", "0")


FAILING = """
script = "threshold.tick"
tags = { host = "a" }
[[series]]
measurement = "postfix_queue"
fields = { length = "0 300 0" }
[[expect]]
at = "20s"
level = "CRITICAL"
id = "queue_a"
[[silence]]
begin = "20s"
"""


def test_a_failure_shows_the_difference(tmp_path):
    (tmp_path / "threshold.tick").write_text((CASES / "threshold.tick").read_text())
    (tmp_path / "late.toml").write_text(FAILING)
    result = run(tmp_path, "--junit", tmp_path / "out.xml")
    assert result.exit_code == 1
    assert "- 20s  CRITICAL  queue_a  (did not come)" in result.output
    assert "the nearest event is different: at 10s, not 20s" in result.output
    assert "+ 10s  CRITICAL  queue_a  CRITICAL: 300 messages  (nobody expects it)" in result.output
    assert "+ 20s  OK  queue_a  OK: 0 messages  (breaks the silence)" in result.output
    suite = ET.parse(tmp_path / "out.xml").getroot()
    assert suite.get("failures") == "1"
    assert "did not come" in suite.find("testcase/failure").text


def test_a_failing_node_fails_the_case(tmp_path):
    (tmp_path / "threshold.tick").write_text((CASES / "threshold.tick").read_text())
    (tmp_path / "t.toml").write_text(
        'script = "threshold.tick"\nexpect = []\n[[series]]\nmeasurement = "postfix_queue"\n'
        "fields = { length = \"'text'\" }\n"
    )
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "mismatched type" in result.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alert = ", "not TOML"),
        ('alert = "x"\nscripts = "y"', "unknown key 'scripts', did you mean 'script'?"),
        ('alert = "postfix_queue"\nexpect = []', "no input"),
        ('script = "a"\nalert = "b"', "either 'alert' or 'script'"),
        (
            'script = "a"\n[[series]]\nmeasurement = "m"\nfields = { x = "1" }',
            "the case expects nothing",
        ),
        (
            'alert = "postfix_qeue"\nexpect = []\n[[series]]\nmeasurement = "m"\nfields = { x = "1" }',
            "did you mean 'postfix_queue'?",
        ),
        (
            'script = "nope.tick"\nexpect = []\n[[series]]\nmeasurement = "m"\nfields = { x = "1" }',
            "cannot read it",
        ),
        (
            'script = "a"\nexpect = []\n[[series]]\nmeasurement = "m"\nfields = { x = "1z" }',
            "is not a series",
        ),
    ],
)
def test_wrong_files_are_refused_with_their_place(tmp_path, text, message):
    path = tmp_path / "c.toml"
    path.write_text(text)
    result = run(path)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "c.toml" in result.stderr or "nope.tick" in result.stderr
    assert "Traceback" not in result.output


def test_files_of_a_catalogue_folder(tmp_path):
    (tmp_path / "one" / "cases").mkdir(parents=True)
    (tmp_path / "one" / "params.toml").write_text("")
    (tmp_path / "one" / "cases" / "a.toml").write_text("")
    assert [p.name for p in case_files([tmp_path])] == ["a.toml"]
    with pytest.raises(BmtickError, match="no case files"):
        case_files([_empty(tmp_path)])


def _empty(folder):
    (folder / "empty").mkdir()
    return folder / "empty"


def test_a_missing_path_is_refused():
    assert run("/nonexistent/cases").exit_code == 2


def test_names_of_cases():
    assert load_cases(CASES / "several.toml")[0].name == "fires and recovers"


ASPECTS = ("does not fire", "reminds", "jitter", "two hosts apart")


@pytest.mark.parametrize("alert", sorted(catalogue()))
def test_the_catalogues_own_cases(alert):
    folder = catalogue()[alert].folder / "cases"
    outcomes = [run_case(case) for path in case_files([folder]) for case in load_cases(path)]
    assert {o.case.alert for o in outcomes} == {alert}
    for outcome in outcomes:
        assert outcome.passed, (outcome.case.name, outcome.failures)
    names = " ".join(outcome.case.name for outcome in outcomes)
    # answers of InfluxDB come in order, and some are of all hosts
    aspects = ASPECTS[:2] if catalogue()[alert].batch else ASPECTS
    assert all(aspect in names for aspect in aspects), names
    levels = {event.level for outcome in outcomes for event in outcome.events}
    assert {"CRITICAL", "OK"} <= levels, "the cases show that it fires and that it recovers"


BUSY = f'script = "{CASES}/busy.tick"\n'


def test_the_queries_of_a_batch_script_run_over_points(tmp_path):
    find_program("influxd")
    (tmp_path / "points.toml").write_text(
        BUSY
        + """
end = "80s"
[[series]]
measurement = "cpu"
tags = { host = "a" }
every = "5s"
fields = { busy = "50x4 95x4 10x4" }
[[expect]]
at = "20s"
level = "CRITICAL"
[[expect]]
at = "50s"
level = "OK"
"""
    )
    result = run(tmp_path)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BUSY + "[[batch]]\nmeasurement = 'm'\nquery = 3\nfields = {v = '1'}", "the script has 2"),
        (BUSY + "[[batch]]\nmeasurement = 'm'", "a batch without points has no time"),
        (BUSY + "[[batch]]\nmeasurement = 'm'\nfields = {v = '1y'}", "is not a series"),
        (BUSY + "recordings = ['case.toml']", "no recording of batches"),
        (BUSY + "recordings = ['gone.brpl']", "cannot read it"),
        (
            f'script = "{CASES}/threshold.tick"\n[[batch]]\nmeasurement = "m"\nat = "1s"',
            "reads the stream, not queries",
        ),
    ],
)
def test_wrong_batches_are_refused_with_their_file(tmp_path, text, message):
    (tmp_path / "case.toml").write_text(
        text.replace("[[batch]]", "expect = []\n[[batch]]").replace(
            "recordings", "expect = []\nrecordings"
        )
    )
    result = run(tmp_path / "case.toml")
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert str(tmp_path) in result.output.replace("\n", "")
