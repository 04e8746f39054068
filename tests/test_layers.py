"""Imports go one way: the rules are in pyproject.toml, import-linter reads them."""

import os
from pathlib import Path

from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent


def test_imports_go_one_way(capsys):
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    finally:
        os.chdir(before)
    assert status == 0, capsys.readouterr().out
