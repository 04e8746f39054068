"""The examples for Python in ``docs/engine.md`` do what the page says."""

import doctest
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "engine.md"


def test_the_examples_run():
    found = doctest.testfile(str(PAGE), module_relative=False, verbose=False)
    assert found.failed == 0
    assert found.attempted > 10
