"""Where in ``bmtick.toml`` a value of an alert stands, for error messages."""

from __future__ import annotations

import re

from bmtick.documents import read_text
from bmtick.errors import BmtickError, Location
from bmtick.settings import Settings


def in_section(settings: Settings, name: str, error: BmtickError) -> BmtickError:
    """Return the error with the section, file, line and column that caused it."""
    if name not in settings.alerts or error.key[:1] in (("alerts",), ("notify",)):
        return error
    key = error.key or ("use",)
    location, excerpt = _find(settings.path, f"alerts.{name}", key[0])
    return BmtickError(
        f"[alerts.{name}]: {error.message}",
        location=location,
        remedy=error.remedy,
        excerpt=excerpt,
        key=("alerts", name, *key),
    )


def in_notify(settings: Settings, key: str, error: BmtickError) -> BmtickError:
    """Return an error of a value that ``[notify]`` gives to all alerts."""
    location, excerpt = _find(settings.path, "notify", key)
    return BmtickError(
        f"[notify]: {error.message}",
        location=location,
        remedy=error.remedy,
        excerpt=excerpt,
        key=("notify", key),
    )


def _find(path: str, section: str, key: str) -> tuple[Location | None, str]:
    """Find the key's line in the section, else the section's own, else only the file."""
    if not path:
        return None, ""
    found = Location(path), ""
    inside = False
    parts = (rf"([\"']?){re.escape(part)}([\"']?)" for part in section.split(".", 1))
    header = re.compile(r"\s*\[+\s*" + r"\s*\.\s*".join(parts) + r"\s*[.\]]")
    setting = re.compile(rf"\s*([\"']?){re.escape(key)}\1\s*[.=]")
    for number, line in enumerate(_lines(path), 1):
        if line.lstrip().startswith("["):
            inside = bool(header.match(line))
            if inside:
                found = Location(path, number, len(line) - len(line.lstrip()) + 1), line
        elif inside and setting.match(line):
            return Location(path, number, len(line) - len(line.lstrip()) + 1), line
    return found


def _lines(path: str) -> list[str]:
    try:
        return read_text(path).split("\n")
    except BmtickError:
        return []  # it was read before; the message then names only the file
