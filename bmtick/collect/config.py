"""Section ``[collect]`` of ``bmtick.toml``, read without the libraries that check the rest."""

from __future__ import annotations

import os

from bmtick.collector_options import ALIASES, KEYS
from bmtick.errors import BmtickError, Location, nearest

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import Any

SEARCH = ("bmtick.toml", "/etc/bmtick/bmtick.toml")


def load(config: str | None) -> dict[str, Any]:
    """Return the keys that ``[collect]`` sets, and as ``guard`` what ``[guard]`` sets ``points`` to.

    Raises:
        BmtickError: there is no such file, it is no TOML, or a key or type is unknown.
    """
    named = config or os.environ.get("BMTICK_CONFIG")
    path = named or next((p for p in SEARCH if os.path.isfile(p)), None)
    if path is None:
        return {}
    from bmtick.documents import load_toml, read_text

    if not os.path.isfile(path):
        raise BmtickError(f"there is no settings file '{path}'", remedy="'bmtick init' writes one")
    document = load_toml(read_text(path), file=path)
    section = _checked(document.get("collect", {}), path)
    guard = document.get("guard")
    if isinstance(guard, dict) and isinstance(guard.get("points"), str):
        return {**section, "guard": guard["points"]}
    return section


def _checked(section: Any, path: str) -> dict[str, Any]:
    if not isinstance(section, dict):
        raise BmtickError("'collect' is not a section", location=Location(path))
    checked: dict[str, Any] = {}
    for name, value in section.items():
        key = ALIASES.get(name) or str(name)
        option = KEYS.get(key)
        if option is None:
            raise BmtickError(
                f"unknown key '{name}' in [collect]",
                location=Location(path),
                remedy=nearest(name, KEYS) or f"one of: {', '.join(sorted(KEYS))}",
            )
        if key in checked:
            raise BmtickError(
                f"[collect] has both {' and '.join(k for k in section if ALIASES.get(k, k) == key)}",
                location=Location(path),
            )
        if fault := option.fault(value):
            raise BmtickError(
                f"'{name}' in [collect] {fault[0]}", location=Location(path), remedy=fault[1]
            )
        checked[key] = value
    return checked
