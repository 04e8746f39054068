import json

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.errors import BmtickError
from bmtick.tick.schemas import load_schema

GOOD = "stream\n    |from()\n        .measurement('cpu')\n    |where(lambda: \"idle\" > 5.0)\n    |log()\n"
BAD = GOOD.replace("5.0", "'x'")


def run(*args, **options):
    return CliRunner().invoke(cli, ["check", *(str(a) for a in args)], **options)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "good.tick").write_text(GOOD)
    (tmp_path / "warned.tick").write_text("var x = 1\n" + GOOD)
    (tmp_path / "broken.tick").write_text("stream|")
    (tmp_path / "odd.tick").write_text(BAD)
    (tmp_path / "cpu.toml").write_text('[cpu]\nfields = { idle = "float" }\ntags = ["host"]\n')
    return tmp_path


@pytest.mark.parametrize(
    ("names", "options", "status"),
    [
        (["good.tick"], [], 0),
        (["warned.tick"], [], 0),
        (["warned.tick"], ["--strict"], 1),
        (["good.tick", "broken.tick"], [], 1),
        (["good.tick", "missing.tick"], [], 2),
        (["broken.tick", "missing.tick"], [], 2),
        (["good.tick"], ["--kapacitor-version", "0.9"], 2),
        (["good.tick"], ["--kapacitor-version", "latest"], 2),
        (["good.tick"], ["--vars", "/nonexistent"], 2),
        ([], [], 2),
    ],
)
def test_exit_status(files, names, options, status):
    assert run(*(files / name for name in names), *options).exit_code == status


def test_findings_are_on_stdout_with_line_and_caret(files):
    result = run(files / "broken.tick")
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        (
            f"{files}/broken.tick:1:8: error: the script ends where a name is expected "
            "(write a name: letters, digits and _, a letter first)"
        ),
        "    stream|",
        "           ^",
    ]


def test_json(files):
    (finding,) = json.loads(run(files / "broken.tick", "--format", "json").stdout)
    assert finding == {
        "file": f"{files}/broken.tick",
        "line": 1,
        "column": 8,
        "severity": "error",
        "code": "syntax",
        "message": "the script ends where a name is expected",
        "remedy": "write a name: letters, digits and _, a letter first",
    }


def test_a_schema_makes_types_known(files):
    assert run(files / "odd.tick").exit_code == 0
    result = run(files / "odd.tick", "--schema", files / "cpu.toml")
    assert result.exit_code == 1
    assert "'>' cannot take a float and a string" in result.stdout
    assert run(files / "good.tick", "--schema", files / "cpu.toml").stdout == ""


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "x = 1",
        "[m]\nfield = {}",
        '[m]\nfields = {a = "integer"}',
        "[m]\ntags = [1]",
        "[m]\nfields=1",
    ],
)
def test_a_wrong_schema_is_refused(text):
    with pytest.raises(BmtickError) as caught:
        load_schema(text, file="s.toml")
    assert caught.value.location.file == "s.toml"


def test_wrong_vars_are_refused_before_any_script_is_read(files):
    (files / "v.json").write_text('{"x": {"type": "int", "value": "five"}}')
    result = run(files / "good.tick", "--vars", files / "v.json")
    assert result.exit_code == 2
    assert "the var 'x' is an int, and \"five\" is none" in result.stderr


def test_reads_stdin():
    assert run("-", input=GOOD).exit_code == 0
