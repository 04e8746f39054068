"""Where in ``bmtick.toml`` a value of an alert stands, for error messages."""

from __future__ import annotations

import re
from pathlib import Path

from bmtick.errors import BmtickError, Location
from bmtick.settings import Settings

_NAMED = re.compile(r"(?:parameter|handler) '([A-Za-z0-9_-]+)")


def in_section(settings: Settings, name: str, error: BmtickError) -> BmtickError:
    """Return the error with the section, file, line and column that caused it."""
    if name not in settings.alerts:
        return error
    named = _NAMED.search(error.message)
    location, excerpt = _find(settings.path, name, named[1] if named else "use")
    return BmtickError(
        f"[alerts.{name}]: {error.message}",
        location=location,
        remedy=error.remedy,
        excerpt=excerpt,
    )


def _find(path: str, name: str, key: str) -> tuple[Location | None, str]:
    """Find the key's line in the section, else the section's own, else only the file."""
    if not path:
        return None, ""
    found = Location(path), ""
    inside = False
    header = re.compile(rf"\s*\[\s*alerts\s*\.\s*([\"']?){re.escape(name)}\1\s*[.\]]")
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
        return Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []  # it was read before; the message then names only the file
