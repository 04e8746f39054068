"""The README's commands: each is one that bmtick takes, and each that can be run here is run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from bmtick.cli.root import cli

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = ("README.md", "CONTRIBUTING.md")
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands():
    """Every command line of every shell block, without its comment."""
    for document in DOCUMENTS:
        for block in BLOCK.findall((ROOT / document).read_text(encoding="utf-8")):
            for line in block.splitlines():
                words = shlex.split(line, comments=True)
                if words:
                    yield words


BMTICK = [words[1:] for words in commands() if words[0] == "bmtick"]


def test_there_are_commands():
    assert len(BMTICK) >= 12


@pytest.mark.parametrize("words", BMTICK, ids=" ".join)
def test_bmtick_takes_the_command(words):
    """Parsed to the last option, as when it is called, but not run."""
    context = click.Context(cli, info_name="bmtick")
    command = cli.get_command(context, words[0])
    assert command is not None
    arguments = ["30s" if word == "..." else word for word in words[1:]]
    command.make_context(words[0], arguments, parent=context)


@pytest.mark.parametrize("words", [w for w in commands() if w[0] == "make"], ids=" ".join)
def test_make_has_the_target(words):
    make = shutil.which("make")
    assert make
    result = subprocess.run(
        [make, "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


OFFLINE = [
    "render postfix_queue --set crit=200 --set recipients=admin@domain.net -o postfix_queue.tick",
    "check postfix_queue.tick",
    "alerts",
    "telegraf",
    "suspects --log mail.log --no-queue",
    "relays --log mail.log",
    "report -o incident.html --log mail.log",
    "backtest --log mail.log sender_outbreak",
]


def test_what_needs_no_server_is_run_on_the_shipped_log(tmp_path):
    (tmp_path / "mail.log").write_bytes((ROOT / "examples/outbreak/mail.log").read_bytes())
    for line in OFFLINE:
        result = subprocess.run(
            [sys.executable, "-m", "bmtick", *line.split()],
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, (line, result.stderr)
    assert (tmp_path / "incident.html").stat().st_size > 10_000
    assert "p.martin@example.org" in (tmp_path / "incident.html").read_text(encoding="utf-8")
