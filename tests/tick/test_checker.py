"""Cases are folders under cases/check: script.tick, and expected.txt as ``bmtick check`` prints it.

``options.toml`` may give ``version``; ``vars.json`` the vars. ``kapacitor.txt`` is what a real
Kapacitor 1.5.7 said when the script was defined and enabled; where it accepts what bmtick calls an
error, ``stricter.txt`` gives the reason.
"""

import json
import os
import tomllib
from pathlib import Path

import pytest

from bmtick.engine.template_uses import read_template
from bmtick.errors import BmtickError
from bmtick.tick.checker import check, has_errors
from tests.tick.oracle import verdict

CASES = Path(__file__).parent / "cases" / "check"
FOLDERS = sorted(CASES.iterdir())
RECORD = "BMTICK_RECORD"  # set: write what bmtick and Kapacitor say now, for review by git diff


def variables_of(folder: Path):
    path = folder / "vars.json"
    return json.loads(path.read_text()) if path.exists() else None


def findings_of(folder: Path):
    options = folder / "options.toml"
    return check(
        (folder / "script.tick").read_text(),
        file="script.tick",
        variables=variables_of(folder),
        read_template=read_template,
        **(tomllib.loads(options.read_text()) if options.exists() else {}),
    )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_finds_what_the_case_expects(folder):
    found = "".join(f"{finding}\n" for finding in findings_of(folder))
    if os.environ.get(RECORD):
        (folder / "expected.txt").write_text(found)
    assert found == (folder / "expected.txt").read_text()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_agrees_with_kapacitor_or_says_why_not(folder):
    recorded = folder / "kapacitor.txt"
    assert recorded.exists(), "record what Kapacitor says: see cases/README.md"
    refused = recorded.read_text().startswith("refuses")
    reason = folder / "stricter.txt"
    if (folder / "options.toml").exists():
        return  # checked for another version than the one that was asked
    if refused:
        assert has_errors(findings_of(folder))
        assert not reason.exists(), "not stricter: Kapacitor refuses it too"
    elif has_errors(findings_of(folder)):
        assert reason.read_text().strip(), "Kapacitor accepts it: say why bmtick does not"
    else:
        assert not reason.exists(), "not stricter: bmtick has no error"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: p.name)
def test_kapacitor_still_says_what_was_recorded(folder, kapacitor):
    said = verdict(kapacitor, (folder / "script.tick").read_text(), variables_of(folder))
    recorded = folder / "kapacitor.txt"
    if os.environ.get(RECORD):
        recorded.write_text(said)
    assert said.partition("\n")[0] == recorded.read_text().partition("\n")[0]


def test_a_version_that_does_not_exist_is_refused():
    with pytest.raises(BmtickError, match="does not know Kapacitor 2"):
        check("stream|from()", version="2.0")


def test_the_parsers_refusal_is_a_finding():
    (finding,) = check("stream\n    |from(", file="x.tick")
    assert finding.severity == "error"
    assert (finding.location.line, finding.location.column) == (2, 11)
    assert finding.code == "syntax"
    assert has_errors([finding])


def test_long_sums_and_chains_are_checked_in_one_go():
    script = "var a = 1" + " + 1" * 5000 + "\nvar b = stream|from()" + "|log()" * 2000
    script += "\nb|where(lambda: " + " OR ".join(['"x" == a'] * 5000) + ")|log()"
    assert check(script) == []
