"""One table makes the collector's command line, its settings, their pages and ``watch``."""

import json

import msgspec
import pytest

from bmtick.collect.arguments import parse
from bmtick.collector_options import FLAGS, KEYS, OPTIONS, help_text
from bmtick.errors import BmtickError
from bmtick.settings import load
from bmtick.settings.effective import json_schema
from bmtick.settings.model import Collect

WRONG = [
    ("queue", '"sometimes"', "--queue=sometimes"),
    ("max_series", "0", "--max-series=0"),
    ("max_series", "1000001", "--max-series=1000001"),
    ("interval", '"soon"', "--interval=soon"),
]


def test_every_key_is_a_setting_with_the_same_default():
    assert msgspec.to_builtins(Collect()) == {key: KEYS[key].default for key in KEYS}


def test_every_key_is_described_alike():
    section = json_schema()["$defs"]["Collect"]["properties"]
    assert {key: entry["description"] for key, entry in section.items()} == {
        key: option.text for key, option in KEYS.items()
    }
    choices = {key: set(entry["enum"]) for key, entry in section.items() if "enum" in entry}
    assert choices == {key: set(option.choices) for key, option in KEYS.items() if option.choices}


def test_the_help_has_every_flag():
    text = help_text()
    assert all(f"  {option.flag}" in text for option in OPTIONS if option.flag)


@pytest.mark.parametrize(("key", "value", "argument"), WRONG)
def test_what_one_refuses_all_refuse(key, value, argument, tmp_path):
    file = tmp_path / "bmtick.toml"
    file.write_text(f"[collect]\n{key} = {value}\n")
    for attempt in (
        lambda: load(str(file)),
        lambda: parse(["--config", str(file)]),
        lambda: parse([argument, "--config", str(tmp_path / "empty.toml")]),
    ):
        (tmp_path / "empty.toml").write_text("")
        with pytest.raises(BmtickError):
            attempt()


def test_the_fields_word_is_read_as_the_contracts(tmp_path):
    file = tmp_path / "bmtick.toml"
    file.write_text('[collect]\ntrusted_networks = ["10.0.0.0/8"]\n')
    loaded = load(str(file))
    assert loaded.collect.known_clients == ["10.0.0.0/8"]
    assert loaded.hints == []
    assert parse(["--config", str(file)]).options.known == ["10.0.0.0/8"]
    assert parse(["--trusted-network", "192.0.2.1", "--no-state"]).options.known == ["192.0.2.1"]
    assert FLAGS["--trusted-network"] is FLAGS["--known"]


def test_both_names_at_once_are_refused(tmp_path):
    file = tmp_path / "bmtick.toml"
    file.write_text(
        f"[collect]\ntrusted_networks = {json.dumps(['10.0.0.0/8'])}\nknown_clients = []\n"
    )
    for attempt in (lambda: load(str(file)), lambda: parse(["--config", str(file)])):
        with pytest.raises(BmtickError, match="trusted_networks"):
            attempt()


def test_an_empty_list_is_meant_by_both(tmp_path):
    file = tmp_path / "bmtick.toml"
    file.write_text("[collect]\nknown_clients = []\n")
    assert parse(["--config", str(file)]).options.known == []
    assert load(str(file)).collect.known_clients == []
