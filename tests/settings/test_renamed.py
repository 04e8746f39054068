"""Keys that had other names are read, with a hint."""

import json

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.errors import BmtickError
from bmtick.settings import parse

OLD = '[watch]\nmost_waiting = 7\ngive_up = "2d"\n'


def test_the_old_names_are_read_and_said(tmp_path):
    settings = parse(OLD, file="bmtick.toml")
    assert (settings.watch.max_queue_length, settings.watch.max_retry_age) == (7, "2d")
    assert settings.hints == [
        "bmtick.toml:2:1: hint: [watch] most_waiting is called max_queue_length now",
        "bmtick.toml:3:1: hint: [watch] give_up is called max_retry_age now",
    ]
    path = tmp_path / "bmtick.toml"
    path.write_text(OLD)
    result = CliRunner().invoke(cli, ["settings", "--format", "json", "--config", str(path)])
    assert result.exit_code == 0
    assert "most_waiting is called max_queue_length now" in result.stderr
    row = next(r for r in json.loads(result.stdout) if r["key"] == "watch.max_queue_length")
    assert (row["value"], row["origin"]) == (7, f"{path}:2:1")


def test_both_names_at_once_are_refused():
    with pytest.raises(BmtickError, match="unknown key 'give_up'"):
        parse('[watch]\ngive_up = "2d"\nmax_retry_age = "3d"\n', file="f")


@pytest.mark.parametrize("key", ["path", "hints"])
def test_what_is_no_key_of_the_file(key):
    with pytest.raises(BmtickError, match="unknown key"):
        parse(f"{key} = []\n", file="f")
