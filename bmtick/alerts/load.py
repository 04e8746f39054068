"""Read the catalogue: a folder of ``templates/`` is an alert, ``_shared`` is for all."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import bmtick
from bmtick.alerts.model import Alert, Limits, Parameter
from bmtick.documents import load_toml, read_text
from bmtick.durations import parse_duration
from bmtick.errors import BmtickError, Location, nearest

SHARED = "_shared"


def templates_folder() -> Path:
    """Return the folder of the templates: inside the installed package, or beside it."""
    package = Path(bmtick.__file__).parent
    installed = package / "_templates"
    return installed if installed.is_dir() else package.parent / "templates"


@cache
def catalogue() -> dict[str, Alert]:
    """Return every alert by name, sorted.

    Raises:
        BmtickError: a folder's ``params.toml`` is wrong.
    """
    root = templates_folder()
    folders = sorted(p.parent for p in root.glob("*/params.toml") if p.parent.name != SHARED)
    return {folder.name: _alert(folder) for folder in folders}


def find(name: str) -> Alert:
    """Return one alert.

    Raises:
        BmtickError: there is none of that name; names the nearest.
    """
    alerts = catalogue()
    if name not in alerts:
        raise BmtickError(
            f"there is no alert '{name}'",
            remedy=nearest(name, alerts) or "'bmtick alerts' lists them",
        )
    return alerts[name]


def parameter(name: str, raw: dict[str, Any], file: Path) -> Parameter:
    """Return one parameter from its TOML table."""
    known = {"type", "unit", "default", "meaning", "variable", "fact", "filter", "optional"}
    limits = {"min", "max", "choices", "min_items", "format"}
    for key in raw:
        if key not in known | limits:
            raise BmtickError(
                f"unknown key '{key}' of parameter '{name}'",
                location=Location(str(file)),
                remedy=nearest(key, known | limits),
            )
    values = {k: v for k, v in raw.items() if k in known}
    if values["type"] == "duration":
        for key in ("default", "min", "max"):
            if key in raw:
                raw[key] = parse_duration(raw[key])
        values["default"] = raw.get("default")
    return Parameter(
        name,
        **values,
        limits=Limits(
            raw.get("min"),
            raw.get("max"),
            tuple(raw.get("choices", ())),
            raw.get("min_items", 0),
            raw.get("format", ""),
        ),
    )


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of the catalogue."""
    return load_toml(read_text(path), file=str(path))


def _alert(folder: Path) -> Alert:
    file = folder / "params.toml"
    raw = read_toml(file)
    common = read_toml(folder.parent / SHARED / "params.toml")
    for name in raw.get("also", ()):
        more = read_toml(folder.parent / SHARED / f"{name}.toml")
        common |= {key: {**common.get(key, {}), **more[key]} for key in more}
    own = raw.get("parameters", {})
    left_out = set(raw.get("without", ()))
    merged = {name: {**common.get(name, {}), **own[name]} for name in own}
    merged |= {name: spec for name, spec in common.items() if name not in own}
    parameters = {
        name: parameter(name, spec, file) for name, spec in merged.items() if name not in left_out
    }
    return Alert(
        name=folder.name,
        title=raw["title"],
        summary=raw["summary"],
        measurement=raw["measurement"],
        product=raw["product"],
        group=tuple(raw["group"]),
        parameters=parameters,
        folder=folder,
        id_tag=raw.get("id_tag", ""),
        recommended=raw.get("recommended", False),
        culprit=raw.get("culprit", ""),
        batch=raw.get("batch", False),
        rule_refused=raw.get("rule_refused", ""),
        raw=raw,
    )
