import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick.cli.fmt import command
from bmtick.tick.formatter import format_program
from bmtick.tick.parser import parse

CASES = Path(__file__).parent / "cases" / "format"
UGLY = "stream|from()\n.measurement('a')"
PRETTY = "stream\n    |from()\n        .measurement('a')\n"


@pytest.mark.parametrize("folder", sorted(CASES.iterdir()), ids=lambda p: p.name)
def test_formats_as_kapacitor_recorded(folder):
    """Each folder: input.tick, and expected.tick as Kapacitor 1.5.7 formats it."""
    given = (folder / "input.tick").read_bytes().decode()
    expected = (folder / "expected.tick").read_bytes().decode()
    assert format_program(parse(given)) == expected


def test_check_lists_files_and_changes_nothing(tmp_path):
    ugly, pretty = tmp_path / "ugly.tick", tmp_path / "pretty.tick"
    ugly.write_text(UGLY)
    pretty.write_text(PRETTY)
    result = CliRunner().invoke(command, ["--check", str(ugly), str(pretty)])
    assert (result.exit_code, result.stdout) == (1, f"{ugly}\n")
    assert ugly.read_text() == UGLY


def test_write_keeps_the_mode_and_follows_links(tmp_path):
    script, link = tmp_path / "a.tick", tmp_path / "link.tick"
    script.write_text(UGLY)
    script.chmod(0o640)
    link.symlink_to(script)
    assert CliRunner().invoke(command, ["--write", str(link)]).exit_code == 0
    assert script.read_text() == PRETTY
    assert stat.S_IMODE(script.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [script, link]


JOINED = """stream|from().m('a
b' == g("f")==/r/)
"""


def test_one_write_makes_check_pass(tmp_path):
    script = tmp_path / "joined.tick"
    script.write_text(JOINED)
    first = format_program(parse(JOINED))
    assert CliRunner().invoke(command, [str(script)]).stdout == first
    assert format_program(parse(first)) != first  # as Kapacitor's: it changes once more
    assert CliRunner().invoke(command, ["--write", str(tmp_path)]).exit_code == 0
    assert CliRunner().invoke(command, ["--check", str(tmp_path)]).exit_code == 0


def test_reads_stdin():
    result = CliRunner().invoke(command, ["-"], input=UGLY)
    assert (result.exit_code, result.stdout) == (0, PRETTY)


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [(b"stream\n\xff", ":2:1:", "not UTF-8"), (b"stream|", ":1:8:", "the script ends")],
)
def test_bad_input_is_one_located_message(tmp_path, content, place, message):
    script = tmp_path / "bad.tick"
    script.write_bytes(content)
    for option in ([], ["--check"], ["--write"]):
        result = CliRunner().invoke(command, [*option, str(script)])
        assert result.exit_code == 2
        assert result.stderr.startswith(f"{script}{place} error: ")
        assert message in result.stderr
        assert script.read_bytes() == content


def test_never_saves_a_format_that_breaks_the_script(tmp_path):
    script = tmp_path / "odd.tick"
    script.write_text('dbrp "a\\"b"."c"\n')
    shown = CliRunner().invoke(command, [str(script)])
    assert (shown.exit_code, shown.stdout) == (0, 'dbrp "a"b"."c"\n')
    assert "changes what this script means" in shown.stderr
    assert CliRunner().invoke(command, ["--write", str(script)]).exit_code == 2
    assert script.read_text() == 'dbrp "a\\"b"."c"\n'


ACCEPTED = [
    verdict.parent / "script.tick"
    for verdict in (CASES.parent / "check").glob("*/kapacitor.txt")
    if verdict.read_text().startswith("accepts")
]
SCRIPTS = sorted([*ACCEPTED, *(Path(__file__).parents[2] / "tick-scripts").glob("*.tick")])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_formats_as_the_server_does(script, kapacitor):
    """A real Kapacitor's ``script-format=formatted`` of every script here that it takes."""
    text = script.read_text()
    reply = kapacitor.define("bmtick-format", text, enabled=False)
    assert reply.status_code == 200, reply.text
    try:
        task = kapacitor.get("/tasks/bmtick-format", **{"script-format": "formatted"})
        assert format_program(parse(text)) == task["script"]
    finally:
        kapacitor.delete("bmtick-format")
