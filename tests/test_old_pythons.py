"""What Debian 12's Python (3.11.2) gets wrong must not be in the source."""

import re
from pathlib import Path

import pytest

SOURCES = sorted((Path(__file__).parents[1] / "bmtick").rglob("*.py"))
# gh-106052: "(...)*+" forgets matches before 3.11.5; "(?>(?:...)*)" says the same and is right.
POSSESSIVE_GROUP = re.compile(r"\)[*+?]\+")


def pieces(path):
    """Lines without comments and prose."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.lstrip().startswith("#") and ('rb"' in line or 'r"' in line):
            yield number, line


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.name)
def test_no_possessive_repeat_of_a_group(path):
    found = [f"{path}:{n}" for n, line in pieces(path) if POSSESSIVE_GROUP.search(line)]
    assert not found
