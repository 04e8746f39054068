"""tick-scripts/ is what the catalogue renders, for every alert, with defaults."""

import tomllib
from pathlib import Path

import pytest

from bmtick.alerts import catalogue, desired, find, render
from bmtick.engine.template_uses import read_template
from bmtick.settings import parse
from bmtick.tick.checker import check

FOLDER = Path(__file__).parents[2] / "tick-scripts"
HOW = "run: bmtick render --config tick-scripts/bmtick.toml -o tick-scripts/"


def test_its_settings_enable_every_alert():
    settings = tomllib.loads((FOLDER / "bmtick.toml").read_text())
    assert sorted(settings["alerts"]) == sorted(catalogue())


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_script_is_fresh(name):
    assert (FOLDER / f"{name}.tick").read_text() == render(find(name), {}).script, HOW


def test_no_script_is_left_over():
    assert {path.stem for path in FOLDER.glob("*.tick")} == set(catalogue())


def test_settings_give_the_same_scripts():
    settings = parse((FOLDER / "bmtick.toml").read_text(), file="bmtick.toml")
    for rendered in desired(settings):
        assert rendered.script == (FOLDER / f"{rendered.name}.tick").read_text()


def test_no_script_of_the_catalogue_has_a_finding():
    for name in catalogue():
        assert not check(render(find(name), {}).script, read_template=read_template), name
