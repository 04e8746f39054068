"""docs/settings.md: made from the program's own types, so fresh and complete."""

import runpy
from pathlib import Path

import msgspec
import pytest

from bmtick.alerts.handlers import all_handlers
from bmtick.settings import Settings
from bmtick.settings.effective import json_schema

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
SECTIONS = {part.split("`", 2)[0]: part for part in PAGE.replace("## `[", "\0").split("\0")[1:]}


def test_the_page_is_fresh():
    made = runpy.run_path(str(ROOT / "docs" / "make_settings.py"))["page"]()
    assert made == PAGE, "run: make docs"


def every_setting():
    """The keys as the reader of bmtick.toml knows them."""
    for field in msgspec.structs.fields(Settings):
        section = field.default
        if isinstance(section, msgspec.Struct):
            yield from ((f"{field.name}]", key) for key in section.__struct_fields__)
    kapacitor = Settings().kapacitor["default"]
    yield from (("kapacitor]", key) for key in kapacitor.__struct_fields__)


@pytest.mark.parametrize(("section", "key"), list(every_setting()))
def test_every_setting_has_its_line(section, key):
    [line] = [x for x in SECTIONS[section].splitlines() if x.startswith(f"| `{key}` |")]
    cells = [cell.strip() for cell in line.strip("|").split(" | ")]
    assert all(cells)


def test_every_setting_tells_editors_what_it_means():
    for name, definition in json_schema()["$defs"].items():
        keys = definition["properties"].items()
        silent = {key for key, spec in keys if not spec.get("description")}
        assert silent == (set(all_handlers()) if name == "Notify" else set())
