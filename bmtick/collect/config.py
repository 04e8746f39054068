"""Section ``[collect]`` of ``bmtick.toml``, read without the libraries that check the rest."""

from __future__ import annotations

import os

from bmtick.errors import BmtickError, Location, nearest

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import Any

SEARCH = ("bmtick.toml", "/etc/bmtick/bmtick.toml")
QUEUE_CHOICES = ("auto", "on", "off")
STATE = "/var/lib/bmtick/collect.state"
CORE_LOG = "/var/log/bm/core.log"  # BlueMind's
LOGS = ("/var/log/mail.log", "/var/log/maillog")

_KINDS: dict[str, type] = {
    "logs": list,
    "known_clients": list,
    "state": str,
    "queue": str,
    "spool": str,
    "interval": str,
    "max_series": int,
    "blocked_patterns": list,
}


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
    for key, value in section.items():
        kind = _KINDS.get(key)
        if kind is None:
            raise BmtickError(
                f"unknown key '{key}' in [collect]",
                location=Location(path),
                remedy=nearest(key, _KINDS) or f"one of: {', '.join(sorted(_KINDS))}",
            )
        good = type(value) is kind
        if isinstance(value, list):
            good = good and all(isinstance(v, str) for v in value)
        if not good:
            what = {list: "a list of texts", str: "a text", int: "a number"}[kind]
            raise BmtickError(f"'{key}' in [collect] must be {what}", location=Location(path))
        if key == "queue" and value not in QUEUE_CHOICES:
            raise BmtickError(
                f"'queue' in [collect] cannot be '{value}'",
                location=Location(path),
                remedy=f"one of: {', '.join(QUEUE_CHOICES)}",
            )
    return section
