"""Every command with every kind of file that is not what it wants: one message, exit status 2."""

import json
import os
import threading
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from tests.fuzz.harness import is_printable
from tests.support import program

_CONTEXT = click.Context(cli, info_name="bmtick")
_SERVERS = {"guard", "guard-queue"}  # they run until they are told to end: see tests/guard
_COMMANDS = {
    n: cli.get_command(_CONTEXT, n) for n in cli.list_commands(_CONTEXT) if n not in _SERVERS
}
_SETTINGS = """
[kapacitor]
url = "http://127.0.0.1:1"
timeout = "50ms"
[influxdb]
url = "http://127.0.0.1:1"
timeout = "50ms"
[notify]
recipients = ["admin@domain.net"]
[collect]
logs = ["mail.log"]
[guard]
state = "guard.state"
points = "guard.points"
[alerts.postfix_queue]
"""
_SCRIPT = "stream\n    |from()\n        .measurement('m')\n    |log()\n"
_LOG = (
    "Jun  1 10:00:00 mx postfix/smtpd[1]: 3F1A2B: client=h[192.0.2.1]\n"
    "Jun  1 10:00:01 mx postfix/qmgr[1]: 3F1A2B: from=<a@b>, size=9, nrcpt=2 (queue active)\n"
)
_CASE = """
script = "x.tick"
expect = []
[[series]]
measurement = "m"
fields = { value = "1x3" }
"""
# What a command needs beside the file under test; whatever else is required is refused below.
_NEEDED = {
    "name": "postfix_queue",
    "user": "a",
    "who": "a",
    "shell": "bash",
    "--for": "chronograf",
    "--reason": "why",
    "--points": "points.lp",
    "-o": "out",
    "script": "x.tick",
    "files": "x.tick",
    "paths": "case.toml",
    "--once": None,
    "--no-state": None,
    "--yes": None,
}
# Given though not required: without, it runs for ever, asks, or tests all that is installed.
_GIVEN = {"--once", "--no-state", "--yes", "paths"}
_READ = {"--config", "--log", "--points", "--vars", "--schema", "script", "files", "paths"}
_FOLDERS = {"--config-dir", "--root", "--state-dir", "--folder", "--mails"}
# These take no file of the kind: what stands in the settings or on the command line suffices.
_NAMED = {"--state", "--junit", "-o"}


def _name(parameter: click.Parameter) -> str:
    return parameter.opts[0]


def _takes_a_file(parameter: click.Parameter) -> bool:
    return isinstance(parameter.type, click.Path) or _name(parameter) in _READ | _NAMED | _FOLDERS


def _fifo(path: Path) -> None:
    """Make a pipe that holds one line; the test opens its other end."""
    os.mkfifo(path)


def _other_end(path: Path, *, read: bool) -> None:
    """Be the other end of a pipe, so that neither side waits for ever."""
    if not read:
        # Takes all that is written: a report is longer than what a pipe holds.
        threading.Thread(target=path.read_bytes, daemon=True).start()
        return

    def write() -> None:
        for _ in range(3000):
            try:
                end = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads yet
                time.sleep(0.01)
                continue
            os.write(end, b"\n")
            os.close(end)

    threading.Thread(target=write, daemon=True).start()


_FILES = {
    "missing": lambda path: None,
    "directory": lambda path: path.mkdir(),
    "loop": lambda path: path.symlink_to(path),
    "below_a_file": lambda path: (path.write_bytes(b""), path / "below")[1],
    "fifo": _fifo,
    "null": lambda path: path.symlink_to("/dev/null"),
    "full": lambda path: path.symlink_to("/dev/full"),
    "empty": lambda path: path.write_bytes(b""),
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 16),
    "not_utf8": lambda path: path.write_bytes(b"caf\xe9 = 1\n"),
    "controls": lambda path: path.write_bytes(b"\x1b[2J\x1b]0;x\x07 = 1\n"),
    "deep_json": lambda path: path.write_bytes(b"[" * 100_000),
    "deep_toml": lambda path: path.write_bytes(b"a = " + b"[" * 100_000),
    "long_line": lambda path: path.write_bytes(b"a" * 1_200_000),
    "newline_in_name": lambda path: str(path) + "\n\x1b[2J",
    "surrogate_in_name": lambda path: str(path) + "\udcff",
}
# Where it is to write; what Telegraf is to read; what is not asked; what may come later.
_NOT_READ = {
    ("init", "--config"), ("telegraf", "--log"), ("suspects", "--config-dir"), ("watch", "--log"),
    ("check", "files"), ("fmt", "files"),  # a folder is all the scripts in it
    ("top", "--log"),  # waits for a log that is not there yet, as watch does
    ("hold", "--config-dir"), ("release", "--config-dir"),  # noted; the queue is told of on stderr
    ("incident", "--folder"),  # without a terminal it writes nothing
}  # fmt: skip
_NO_FILE = {"missing", "directory", "loop", "below_a_file", "newline_in_name"}
_NO_FOLDER = {"loop", "below_a_file", "empty"}
# All commands read settings by one function, and folders have no content.
_FEW = {
    "-o": [
        "directory",
        "loop",
        "below_a_file",
        "fifo",
        "full",
        "newline_in_name",
        "surrogate_in_name",
    ],
    "--junit": ["directory", "loop", "below_a_file", "full"],
    "--config": ["missing", "directory", "fifo", "not_utf8", "deep_toml"],
    **{name: ["missing", "loop", "below_a_file", "empty", "newline_in_name"] for name in _FOLDERS},
}
_PLACES = [
    (name, _name(parameter), kind)
    for name, command in _COMMANDS.items()
    for parameter in command.params
    if _takes_a_file(parameter)
    for kind in _FEW.get(_name(parameter), _FILES)
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    files = {
        "bmtick.toml": _SETTINGS,
        "x.tick": _SCRIPT,
        "mail.log": _LOG,
        "case.toml": _CASE,
        "points.lp": "m value=1 1\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("BMTICK_CONFIG", "KAPACITOR_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def _arguments(command: str, option: str, value: str) -> list[str]:
    options, plain = [], []
    for parameter in _COMMANDS[command].params:
        name = _name(parameter)
        if name == option:
            given = value
        elif parameter.required or name in _GIVEN:
            assert name in _NEEDED, f"say in _NEEDED what '{command}' takes as {name}"
            given = _NEEDED[name]
        else:
            continue
        if isinstance(parameter, click.Option):
            options += [name] if given is None else [name, given]
        else:
            plain.append(given)
    if option == "--state" and "--no-state" in options:
        options.remove("--no-state")
    if command == "silence":
        options[options.index("--for") + 1] = "1h"
    return [command, *options, "--", *plain]


def _judge(command: str, status: int, stderr: str, kind: str, option: str) -> None:
    assert status in (0, 1, 2), stderr
    assert "Traceback" not in stderr
    assert is_printable(stderr), repr(stderr)
    lines = stderr.splitlines()
    assert all(len(line) < 2_500 for line in lines), stderr[:3000]
    if status == 2:
        assert any("rror" in line or line.startswith("bmtick: ") for line in lines), stderr
    if (command, option) in _NOT_READ:
        return
    if (option in _READ and kind in _NO_FILE) or (option in _FOLDERS and kind in _NO_FOLDER):
        assert status == 2, stderr


def _listing(folder: Path) -> dict[str, object]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
        if not path.is_symlink() and not path.is_fifo() and path.suffix != ".lock"
    }


@pytest.mark.parametrize(("command", "option", "kind"), _PLACES)
def test_a_file_of_the_wrong_kind_is_refused_in_one_message(folder, command, option, kind):
    if kind == "full" and option in _READ:
        pytest.skip("it reads as zeros without end")
    path = folder / "under-test"
    made = _FILES[kind](path)
    value = str(made) if isinstance(made, str | Path) else str(path)
    if kind == "fifo":
        _other_end(path, read=option in _READ)
    before = _listing(folder)
    result = CliRunner().invoke(cli, _arguments(command, option, value), prog_name="bmtick")
    assert result.exception is None or isinstance(result.exception, SystemExit), (
        result.exc_info and repr(result.exception)
    )
    _judge(command, result.exit_code, result.stderr, kind, option)
    if result.exit_code == 2 and command != "report":
        assert _listing(folder) == before, "a half effect"


@pytest.mark.parametrize("kind", _FILES)
@pytest.mark.parametrize("option", ["--log", "--state", "--spool", "--config"])
def test_the_collector_refuses_it_too(folder, option, kind):
    path = folder / "under-test"
    made = _FILES[kind](path)
    value = str(made) if isinstance(made, str | Path) else str(path)
    if kind == "full" and option in _READ:
        pytest.skip("it reads as zeros without end")
    if kind == "fifo":
        _other_end(path, read=option in _READ)
    given = {"--log": "mail.log", "--state": "state", option: value}
    done = program.run("collect", *(w for pair in given.items() for w in pair), cwd=folder)
    stderr = done.stderr.decode("utf-8", "surrogateescape")
    _judge("collect", done.returncode, stderr, "", option)
    if option == "--config" and kind in _NO_FILE:
        assert done.returncode == 2, stderr
    for line in done.stdout.splitlines():
        assert b" " in line


def test_json_stays_json_when_a_command_refuses(folder):
    (folder / "x.tick").write_text("stream|nothing()")
    result = CliRunner().invoke(cli, ["check", "--format", "json", "x.tick"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)
