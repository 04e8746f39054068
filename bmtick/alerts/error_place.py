"""Find the line of ``bmtick.toml`` that sets a value of an alert, for error messages."""

from __future__ import annotations

import re
from typing import Final

from bmtick.documents import read_text
from bmtick.errors import BmtickError, Location
from bmtick.settings import Settings

_HEADER: Final = re.compile(r"\s*\[+([^\]]*)\]")
_SETTING: Final = re.compile(r"\s*((?:\"[^\"]*\"|'[^']*'|[^\s\"'=#])+(?:\s*\.\s*[^=\s]+)*)\s*=")
_PARTS: Final = re.compile(r"\"[^\"]*\"|'[^']*'|[^.\s]+")


def with_section_place(settings: Settings, name: str, error: BmtickError) -> BmtickError:
    """Return the error with the section, file, line and column that caused it."""
    if name not in settings.alerts or error.key[:1] in (("alerts",), ("notify",)):
        return error
    key = error.key or ("use",)
    location, excerpt = _find(settings.path, ("alerts", name), key)
    return BmtickError(
        f"[alerts.{name}]: {error.message}",
        location=location,
        remedy=error.remedy,
        excerpt=excerpt,
        key=("alerts", name, *key),
    )


def with_notify_place(settings: Settings, key: str, error: BmtickError) -> BmtickError:
    """Return an error about a value that ``[notify]`` sets for all alerts."""
    location, excerpt = _find(settings.path, ("notify",), (key, *error.key[1:]))
    return BmtickError(
        f"[notify]: {error.message}",
        location=location,
        remedy=error.remedy,
        excerpt=excerpt,
        key=("notify", key),
    )


def _find(
    path: str, section: tuple[str, ...], keys: tuple[str, ...]
) -> tuple[Location | None, str]:
    """Find the line of a key of the section, of a nested key, of the section, or the file."""
    if not path:
        return None, ""
    found = Location(path), ""
    best = 0  # number of path parts that match the found line
    wanted = (*section, *keys)
    inside: tuple[str, ...] = ()
    for number, line in enumerate(_lines(path), 1):
        match = _HEADER.match(line) or _SETTING.match(line)
        if match is None:
            continue
        named = tuple(part.strip(" \t\"'") for part in _PARTS.findall(match[1]))
        if match.re is _HEADER:
            inside, key_path = named, named
        else:
            key_path = (*inside, *named)
        shared = next(
            (n for n, (a, b) in enumerate(zip(key_path, wanted, strict=False)) if a != b),
            len(key_path),
        )
        if shared == len(key_path) and best < shared <= len(wanted):
            best = shared
            found = Location(path, number, len(line) - len(line.lstrip()) + 1), line
    return found


def _lines(path: str) -> list[str]:
    try:
        return read_text(path).split("\n")
    except BmtickError:
        return []  # it was readable before; then the message names only the file
