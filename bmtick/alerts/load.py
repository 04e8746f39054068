"""Read the catalogue: each folder of ``templates/`` is an alert, ``_shared`` is for all alerts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec

import bmtick
from bmtick.alerts.model import Alert
from bmtick.documents import load_toml, read_text
from bmtick.durations import parse_duration
from bmtick.errors import BmtickError, Location, nearest

SHARED = "_shared"


def templates_folder() -> Path:
    """Return the folder of the templates: in the installed package, or beside it."""
    package = Path(bmtick.__file__).parent
    installed = package / "_templates"
    return installed if installed.is_dir() else package.parent / "templates"


class Catalogue(Mapping[str, Alert]):
    """Every alert by name, sorted; a folder is read when its alert is used.

    Raises:
        BmtickError: on use of an alert whose ``params.toml`` is invalid.
    """

    def __init__(self, root: Path) -> None:
        folders = sorted(path.parent for path in root.glob("*/params.toml"))
        self._folders = {folder.name: folder for folder in folders if folder.name != SHARED}
        self._read: dict[str, Alert] = {}

    def __getitem__(self, name: str) -> Alert:
        if name not in self._read:
            self._read[name] = _alert(self._folders[name])
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._folders

    def __iter__(self) -> Iterator[str]:
        return iter(self._folders)

    def __len__(self) -> int:
        return len(self._folders)


@cache
def catalogue() -> Catalogue:
    """Return the catalogue that is installed with the program."""
    return Catalogue(templates_folder())


def find(name: str) -> Alert:
    """Return one alert.

    Raises:
        BmtickError: there is no alert of this name; names the nearest.
    """
    alerts = catalogue()
    if name not in alerts:
        raise BmtickError(
            f"there is no alert '{name}'",
            remedy=nearest(name, alerts) or "'bmtick alerts' lists them",
        )
    return alerts[name]


_T = TypeVar("_T")


def as_type(kind: type[_T], raw: Mapping[str, Any], file: Path) -> _T:
    """Convert a table of the catalogue to its type.

    Raises:
        BmtickError: a key is unknown or missing, or a value has a wrong type; says which.
    """
    try:
        return msgspec.convert(raw, kind, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise BmtickError(str(error), location=Location(str(file))) from None


def _path(kind: type, value: object) -> object:
    if kind is Path:
        return value
    raise NotImplementedError(kind)


def parameter(name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of one parameter with its name, and its durations in nanoseconds."""
    found = {"name": name, **spec}
    if spec.get("type") == "duration":
        found |= {k: parse_duration(spec[k]) for k in ("default", "min", "max") if k in spec}
    return found


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of the catalogue."""
    return load_toml(read_text(path), file=str(path))


@cache
def _shared(root: Path, name: str) -> Mapping[str, Any]:
    return read_toml(root / SHARED / f"{name}.toml")


def _alert(folder: Path) -> Alert:
    file = folder / "params.toml"
    raw = read_toml(file)
    common = dict(_shared(folder.parent, "params"))
    for name in raw.get("also", ()):
        more = _shared(folder.parent, name)
        common |= {key: {**common.get(key, {}), **more[key]} for key in more}
    own = raw.get("parameters", {})
    merged = {name: {**common.get(name, {}), **own[name]} for name in own}
    merged |= {name: spec for name, spec in common.items() if name not in own}
    left_out = raw.get("without", ())
    parameters = {n: parameter(n, spec) for n, spec in merged.items() if n not in left_out}
    attributes = {"name": folder.name, "folder": folder, "parameters": parameters}
    return as_type(Alert, raw | attributes, file)
