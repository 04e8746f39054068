"""What every command owes: help, one clear line for wrong use, exit status 2."""

import click
import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli

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
