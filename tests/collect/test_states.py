"""States: told from those of another command, and touched by a run that had nothing to keep."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.collect.state import decode
from tests.support import program

ROOT = Path(__file__).parents[2]
LINE = "Jun  1 10:00:01 mx postfix/qmgr[1]: 3F1A2B: from=<a@b>, size=9, nrcpt=2 (queue active)\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv("BMTICK_CONFIG")  # here are the settings
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mail.log").write_text(LINE)
    (tmp_path / "bmtick.toml").write_text('[collect]\nlogs = ["mail.log"]\nqueue = "off"\n')
    return tmp_path


def collect(*arguments):
    what = ("collect", "--log", "mail.log", "--queue", "off", *arguments)
    return program.run_text(*what, cwd=Path.cwd())


def test_a_run_without_news_touches_the_state(folder):
    assert collect("--state", "state").returncode == 0
    assert collect("--state", "state").returncode == 0
    before = (folder / "state").read_bytes()
    os.utime(folder / "state", (1, 1))
    assert collect("--state", "state").returncode == 0
    assert (folder / "state").stat().st_mtime > 1
    assert (folder / "state").read_bytes() == before


def test_collect_leaves_the_state_of_a_watch_alone(folder):
    (folder / "bmtick.toml").write_text(
        '[collect]\nlogs = ["mail.log"]\nqueue = "off"\n[alerts.sender_messages]\n'
        '[notify]\nrecipients = ["a@example.org"]\n'
    )
    result = CliRunner().invoke(cli, ["watch", "--once", "--from-start", "--state", "state"])
    assert result.exit_code == 0, result.output
    before = (folder / "state").read_bytes()
    assert "source" in decode(before).state
    done = collect("--state", "state")
    assert done.returncode == 2
    assert "not a state of bmtick collect" in done.stderr
    assert "name another file with --state" in done.stderr
    assert (folder / "state").read_bytes() == before


def test_watch_leaves_the_state_of_a_collector_alone(folder):
    assert collect("--state", "state").returncode == 0
    before = (folder / "state").read_bytes()
    with (folder / "bmtick.toml").open("a") as settings:
        settings.write("[alerts.sender_messages]\n[notify]\nrecipients = ['a@example.org']\n")
    result = CliRunner().invoke(cli, ["watch", "--once", "--state", "state"])
    assert result.exit_code == 2
    assert "name another file with --state" in result.stderr
    assert (folder / "state").read_bytes() == before


def test_a_choice_that_is_none_is_refused_in_the_settings_too(folder):
    (folder / "bmtick.toml").write_text('[collect]\nqueue = "sometimes"\n')
    done = program.run_text("collect", "--log", "mail.log", "--state", "s", cwd=folder)
    assert done.returncode == 2
    assert "'queue' in [collect] cannot be 'sometimes'" in done.stderr
