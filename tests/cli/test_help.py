"""What every command owes: help, one clear line for wrong use, exit status 2."""

import runpy
import shlex
import shutil
import subprocess

import click
import pytest
from click.testing import CliRunner

from bmtick.cli._examples import EXAMPLES
from bmtick.cli.root import cli
from bmtick.guard.holds import Journal, hold_record
from bmtick.guard.subject import Subject

CONTEXT = click.Context(cli, info_name="bmtick")
COMMANDS = cli.list_commands(CONTEXT)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_there_and_clean(name):
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Usage: ")
    assert "\\b" not in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_wrong_use_is_one_message_and_exit_2(name):
    result = CliRunner().invoke(cli, [name, "--no-such-option"])
    assert result.exit_code == 2
    assert "no-such-option" in result.stderr
    assert "Traceback" not in result.output


def test_an_unknown_command_names_the_nearest():
    result = CliRunner().invoke(cli, ["aplly"])
    assert result.exit_code == 2
    assert "did you mean 'apply'?" in result.stderr


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_examples_are_valid_use(name):
    command = cli.get_command(CONTEXT, name)
    for line, text in EXAMPLES[name]:
        arguments = shlex.split(line.partition(" >")[0])
        assert arguments[:2] == ["bmtick", name]
        command.make_context(name, arguments[2:])
        assert text


def _completions(line, monkeypatch):
    words = line.split(" ")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    monkeypatch.setenv("_BMTICK_COMPLETE", "bash_complete")
    result = CliRunner().invoke(cli, prog_name="bmtick")
    return [one.partition(",")[2] for one in result.stdout.split()]


def test_the_shell_completes_alerts_and_users(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hostile = "sasl_username=ev\x1bil@example.org"
    log = f"a sasl_username=eve@example.org, x\nb {hostile}\nc sasl_username=bob@example.org\n"
    (tmp_path / "mail.log").write_text(log)
    (tmp_path / "bmtick.toml").write_text(
        '[collect]\nlogs = ["mail.log", "none.log"]\n[alerts.postfix_edge]\nuse = "postfix_queue"\n'
    )
    wanted = ["postfix_edge", "postfix_queue", "postfix_queue_growth"]
    assert _completions("bmtick backtest postfix_", monkeypatch) == wanted
    assert _completions("bmtick silence --alert postfix_e", monkeypatch) == ["postfix_edge"]
    assert _completions("bmtick respond e", monkeypatch) == ["eve@example.org"]


def test_the_shell_completes_who_is_held(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bmtick.toml").write_text('[guard]\nstate = "guard"\n')
    who = [Subject("user", name) for name in ("eve@example.org", "bob@example.org")]
    records = [hold_record(one, 1e9, "so", until=None, by="hand", mode="hold") for one in who]
    Journal("guard").append(records)
    assert _completions("bmtick release e", monkeypatch) == ["eve@example.org"]


@pytest.mark.parametrize(
    "text", ["x = [", '[guard]\nstate = "/"\n[collect]\nlogs = ["/proc/1/mem"]']
)
def test_what_cannot_be_read_completes_nothing_and_says_nothing(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bmtick.toml").write_text(text)
    for command in ("release", "respond"):
        assert _completions(f"bmtick {command} e", monkeypatch) == []
    if text.startswith("x"):
        assert _completions("bmtick backtest postfix_", monkeypatch) == []


def test_man_pages_are_whole(tmp_path):
    runpy.run_path("packaging/man.py")["main"](str(tmp_path))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"bmtick.1", "bmtick.toml.5", *(f"bmtick-{name}.1" for name in COMMANDS)}
    for name in names - {"bmtick.toml.5"}:
        text = (tmp_path / name).read_text()
        for part in ("SYNOPSIS", "OPTIONS", "EXAMPLES", "EXIT STATUS", "FILES"):
            assert f".SH {part}\n" in text, name
    page = (tmp_path / "bmtick-queue.1").read_text()
    assert "bmtick queue \\-\\-list" in page
    settings = (tmp_path / "bmtick.toml.5").read_text()
    assert ".SH [collect]" in settings
    assert "\\fBmax_series\\fR" in settings
    if shutil.which("man") is None:
        pytest.skip("man is not installed: the pages are not formatted")
    for name in names:
        command = ["man", "--warnings", "--local-file", str(tmp_path / name)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), name
