"""Cases are folders under cases/check: script.tick, and expected.txt as ``bmtick check`` prints it.

``options.toml`` may give ``version``; ``vars.json`` the vars.
"""

import json
import tomllib
from pathlib import Path

import pytest

from bmtick.errors import BmtickError
from bmtick.tick.checker import check, has_errors

CASES = Path(__file__).parent / "cases" / "check"


def findings_of(folder: Path):
    options = folder / "options.toml"
    variables = folder / "vars.json"
    return check(
        (folder / "script.tick").read_text(),
        file="script.tick",
        variables=json.loads(variables.read_text()) if variables.exists() else None,
        **(tomllib.loads(options.read_text()) if options.exists() else {}),
    )


@pytest.mark.parametrize("folder", sorted(CASES.iterdir()), ids=lambda p: p.name)
def test_finds_what_the_case_expects(folder):
    found = "".join(f"{finding}\n" for finding in findings_of(folder))
    assert found == (folder / "expected.txt").read_text()


def test_a_version_that_does_not_exist_is_refused():
    with pytest.raises(BmtickError, match="does not know Kapacitor 2"):
        check("stream|from()", version="2.0")


def test_the_parsers_refusal_is_a_finding():
    (finding,) = check("stream\n    |from(", file="x.tick")
    assert finding.severity == "error"
    assert (finding.location.line, finding.location.column) == (2, 11)
    assert finding.code == "syntax"
    assert has_errors([finding])
