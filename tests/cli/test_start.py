"""Commands start without what they do not use; ``--help`` reads the commands' first sentences."""

import subprocess
import sys

import click
import pytest

from bmtick.cli.root import cli


def modules_after(*args):
    run = (
        "import contextlib, io; from bmtick.cli.root import cli\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    cli({list(args)!r}, standalone_mode=False)\nprint(*sys.modules)"
    )
    code = f"import sys\n{run}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("name", cli.list_commands(click.Context(cli)))
def test_help_shows_the_first_sentence_of_each_command_as_click_would(name):
    context = click.Context(cli)
    assert cli.summary(context, name) == cli.get_command(context, name).get_short_help_str(1000)


def test_help_imports_no_command_and_nothing_heavy():
    loaded = modules_after("--help")
    assert not {m for m in loaded if m.startswith("bmtick.cli.")} - {
        "bmtick.cli._examples",
        "bmtick.cli.root",
    }
    assert not loaded & {"msgspec", "rich", "requests", "jinja2", "re2", "bmtick.settings"}


def test_check_imports_the_language_and_no_engine():
    loaded = modules_after("check", "tick-scripts/postfix_queue.tick")
    assert not loaded & {"msgspec", "rich", "requests", "jinja2", "bmtick.settings"}
    assert not loaded & {"bmtick.engine.load", "bmtick.engine.script", "bmtick.engine.node"}
