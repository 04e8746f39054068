"""Cases that cannot be run: one message with the file, exit status 2, and nothing is run."""

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli

HEAD = 'script = "x.tick"\nexpect = []\n'


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (
            HEAD + '[[series]]\nmeasurement = "m"\nfields = { v = "1x9999999" }',
            "more than a million",
        ),
        (
            HEAD + '[[series]]\nmeasurement = "m"\nfields = { v = "9223372036854775807+1x2" }',
            "64 bits",
        ),
        (
            HEAD + '[[series]]\nmeasurement = "m"\nfields = { v = "' + "9" * 60 + '" }',
            "too many digits",
        ),
        (
            HEAD + '[[series]]\nmeasurement = "m"\nevery = "0s"\nfields = { v = "1" }',
            "'every' is 0s",
        ),
        (
            HEAD + '[[series]]\nmeasurement = "m"\nevery = "x"\nfields = { v = "1" }',
            "not a duration",
        ),
        (
            HEAD + '[[series]]\nmeasurement = "postfix_queue"\nfields = { length = "1.5" }',
            "integers",
        ),
        (HEAD + 'points = ["nowhere.lp"]', "No such file"),
        (HEAD + 'points = ["binary.lp"]', "UTF-8"),
        (HEAD + 'points = ["wrong.lp"]', "wrong.lp:1:5: error: "),
        (HEAD + 'logs = ["nowhere.log"]', "nowhere.log"),
        (HEAD + 'points = ["x.lp"]\nvars = "nowhere.json"', "No such file"),
        (HEAD + 'points = ["x.lp"]\nvars = "cut.json"', "not JSON"),
        (HEAD + 'points = ["x.lp"]\nbegin = 2026-01-01T00:00:00', "no time zone"),
        ("expect = []\npoints = ['x.lp']", "either 'alert' or 'script'"),
        (HEAD, "no input"),
        ('script = "x.tick"\npoints = ["x.lp"]', "expects nothing"),
        ("case = 5", "not a list of tables"),
        ('file = "x"\n' + HEAD, "unknown key 'file'"),
    ],
)
def test_refused_with_the_file(tmp_path, case, said):
    (tmp_path / "x.tick").write_text("stream|from().measurement('m')|log()\n")
    (tmp_path / "x.lp").write_text("m v=1 1\n")
    (tmp_path / "wrong.lp").write_text("m v= 1\n")
    (tmp_path / "binary.lp").write_bytes(b"m v=\xff\n")
    (tmp_path / "cut.json").write_text('{"crit": {"type": "int",\n')
    path = tmp_path / "x.toml"
    path.write_text(case)
    result = CliRunner().invoke(cli, ["test", str(path)])
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert str(tmp_path) in result.stderr
    assert "Traceback" not in result.output


def test_all_series_of_a_case_together_are_limited(tmp_path, monkeypatch):
    monkeypatch.setattr("bmtick.testing.inputs.MAX_VALUES", 5)
    (tmp_path / "x.tick").write_text("stream|from().measurement('m')|log()\n")
    path = tmp_path / "x.toml"
    series = '[[series]]\nmeasurement = "m"\nfields = { v = "1x3" }\n'
    path.write_text(HEAD + series)
    assert CliRunner().invoke(cli, ["test", str(path)]).exit_code == 0
    path.write_text(HEAD + series * 2)
    result = CliRunner().invoke(cli, ["test", str(path)])
    assert result.exit_code == 2, result.output
    assert f"{path}: error: the series of a case have more than 5 points" in result.stderr
