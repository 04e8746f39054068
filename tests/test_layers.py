"""Imports go one way: the rules are in pyproject.toml, import-linter reads them."""

import os
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
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


def test_no_import_goes_in_a_circle():
    """Not even one that is for types only: two files that need each other are one."""
    graph = grimp.build_graph("bmtick", cache_dir=None, exclude_type_checking_imports=False)
    order = TopologicalSorter(
        {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    )
    order.prepare()  # raises CycleError, with the circle
