"""Finds and reads case files; every error names the file and the key."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from bmtick.documents import load_toml, read_text
from bmtick.errors import BmtickError, Location, nearest
from bmtick.testing.model import BatchTable, Case, Expectation, Series, Silence

_UNKNOWN: Final = re.compile(r"contains unknown field `(.*?)`")
_UNIT: Final = re.compile(r"^tests\s*:", re.MULTILINE)
_KEYS: Final = sorted(
    {
        name
        for part in (Case, Series, BatchTable, Expectation, Silence)
        for name in part.__struct_fields__
    }
    - {"file"}
)


def case_files(paths: Iterable[Path]) -> list[Path]:
    """Return the case files of paths: files, and folders with all files below them.

    In a folder of the catalogue, only files in folders named ``cases`` are cases.

    Raises:
        BmtickError: a path does not exist, or there are no cases.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_file():
            found.append(path)
        elif path.is_dir():
            below = sorted([*path.rglob("*.toml"), *unit_files(path)])
            in_cases = [file for file in below if "cases" in file.relative_to(path).parts[:-1]]
            found += in_cases or ([] if (path / "params.toml").exists() else below)
        else:
            raise BmtickError(f"there is no file or folder '{path}'")
    if not found:
        names = ", ".join(str(path) for path in paths)
        raise BmtickError(f"no case files (*.toml, or kapacitor-unit's *.yaml) in {names}")
    return found


def unit_files(folder: Path) -> list[Path]:
    """Return the kapacitor-unit files in a folder: YAML files that begin with ``tests:``."""
    found = [file for suffix in ("*.yaml", "*.yml") for file in folder.rglob(suffix)]
    return [file for file in found if _UNIT.search(read_text(file))]


def load_cases(path: Path) -> list[Case]:
    """Return the cases of a file: one, or one for each ``[[case]]``.

    Raises:
        BmtickError: the file is not a case file; with the location.
    """
    raw = load_toml(read_text(path), file=str(path))
    each = raw.pop("case", None)
    if each is None:
        return [_case({"name": path.stem, **raw}, path)]
    if not isinstance(each, list) or not each:
        raise BmtickError("'case' is not a list of tables", location=Location(str(path)))
    return [
        _case({"name": f"{path.stem}-{number}", **raw, **one}, path)
        for number, one in enumerate(each, 1)
    ]


def _case(raw: dict[str, Any], path: Path) -> Case:
    if "file" in raw:
        raise _refused("unknown key 'file'", path)
    try:
        case = msgspec.convert({**raw, "file": str(path)}, Case)
    except msgspec.ValidationError as error:
        raise _refused(_explain(str(error)), path) from None
    if bool(case.alert) == bool(case.script):
        raise _refused("give either 'alert' or 'script'", path)
    if not (case.series or case.points or case.logs or case.batch or case.recordings):
        raise _refused("no input: give 'series', 'points', 'logs', 'batch' or 'recordings'", path)
    if case.expect is None and not case.silence and not case.snapshot:
        raise _refused(
            "the case expects nothing",
            path,
            "'expect = []' expects that nothing comes, 'snapshot = true' what --update wrote",
        )
    if case.begin and case.begin.tzinfo is None:
        raise _refused("'begin' has no time zone", path, "write it with Z at its end")
    return case


def _explain(text: str) -> str:
    unknown = _UNKNOWN.search(text)
    if not unknown:
        return text
    hint = nearest(unknown[1], _KEYS)
    return f"unknown key '{unknown[1]}'" + (f", {hint}" if hint else "")


def _refused(message: str, path: Path, remedy: str = "") -> BmtickError:
    return BmtickError(message, location=Location(str(path)), remedy=remedy)
