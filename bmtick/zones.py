"""The machine's time zone by Go's rules: ``$TZ``, else ``/etc/localtime``, else UTC."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

_LOCALTIME = Path("/etc/localtime")


def local_zone(environ: Mapping[str, str] = os.environ) -> tzinfo:
    """Return the zone with its daylight saving times; UTC if none is set or it is unknown.

    Source: Go ``time/zoneinfo_unix.go``: an empty ``$TZ`` is UTC, ``:/path`` names a file.
    """
    name = environ.get("TZ")
    try:
        if name is None:
            return _from_file(_LOCALTIME)
        name = name.removeprefix(":")
        if not name or name == "UTC":
            return UTC
        return _from_file(Path(name)) if name.startswith("/") else ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        return UTC


def _from_file(path: Path) -> tzinfo:
    with path.open("rb") as file:
        return ZoneInfo.from_file(file, key="Local")
