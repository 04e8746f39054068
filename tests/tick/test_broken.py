"""Scripts with the mistakes that people make: ``cases/broken/NAME.tick`` and what is said of it.

``NAME.txt`` is what ``bmtick check`` prints. ``kapacitor.json`` holds what a real Kapacitor 1.5.7
does with each script; bmtick has an error if and only if the server refuses it, or the script would
surely fail when data comes (``STRICTER``).
"""

import json
import os
import re
from pathlib import Path

import pytest

from bmtick.engine.template_uses import read_template
from bmtick.tick.checker import check, has_errors
from tests.tick.oracle import verdict

CASES = Path(__file__).parent / "cases" / "broken"
NAMES = sorted(path.stem for path in CASES.glob("*.tick"))
RECORDED = CASES / "kapacitor.json"
STRICTER = {
    "contains-function",
    "if-of-two-types",
    "now-minus-duration",
    "regex-in-quotes",
    "regex-with-equals",
    "template-level-in-id",
    "template-method",
    "template-name",
    "template-tag-as-name",
    "unknown-function",
}
"""Accepted by the server, though they fail at every point or alert."""


def findings_of(name):
    text = (CASES / f"{name}.tick").read_text()
    return check(text, file=f"{name}.tick", read_template=read_template)


@pytest.mark.parametrize("name", NAMES)
def test_says_where_it_is_and_what_to_write(name):
    found = findings_of(name)
    said = "".join(f"{finding}\n" for finding in found)
    if os.environ.get("BMTICK_RECORD"):
        (CASES / f"{name}.txt").write_text(said)
    assert said == (CASES / f"{name}.txt").read_text()
    assert found
    for finding in found:
        assert finding.location.line
        assert finding.location.column
        assert finding.remedy


@pytest.mark.parametrize("name", NAMES)
def test_a_fix_that_is_offered_removes_its_finding(name):
    text = (CASES / f"{name}.tick").read_text()
    for finding in findings_of(name):
        if finding.fix is None:
            continue
        start, end, new = finding.fix
        left = check(text[:start] + new + text[end:], read_template=read_template)
        assert (finding.message, finding.location[1:]) not in {
            (f.message, f.location[1:]) for f in left
        }


@pytest.mark.parametrize("name", NAMES)
def test_an_error_is_what_kapacitor_refuses(name):
    refused = json.loads(RECORDED.read_text())[name]
    assert has_errors(findings_of(name)) == (refused or name in STRICTER)


def test_kapacitor_still_does_what_was_recorded(kapacitor):
    said = {
        name: verdict(kapacitor, (CASES / f"{name}.tick").read_text()).startswith("refuses")
        for name in NAMES
    }
    if os.environ.get("BMTICK_RECORD"):
        RECORDED.write_text(re.sub(r", ", ",\n  ", json.dumps(said)) + "\n")
    assert said == json.loads(RECORDED.read_text())
