"""From what ``--log`` names to the logs that are read: globs are re-expanded on each run.

A file that is the rotated copy of another one is not a log of its own: whoever follows the other
one finds it there. A log that a glob found is remembered for an hour after it went away, since a
rotation may take the file away a moment before it makes the new one.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

JOURNAL = "journal"  # systemd's; "journal:PATH" is a folder or file of journal files

_PACKED = r"(?:\.(?:gz|xz|zst|bz2))"
_ROTATED = rf"(.+?)(?:[.-]([0-9][0-9._-]*|old){_PACKED}?|{_PACKED})"
_DATED = rf"(.+?)[.-]([0-9]{{4}}[0-9._-]{{2,}})(\.[^./0-9]+){_PACKED}?"
_LEAST = 64  # bytes of a beginning that two logs do not share by chance: a time is in it


def is_journal(path: str) -> bool:
    """Whether ``--log`` names the journal."""
    return path == JOURNAL or path.startswith(JOURNAL + ":")


def is_glob(name: str) -> bool:
    """Whether a name stands for all files that match it."""
    return not is_journal(name) and any(c in name for c in "*?[")


def origin_of(path: str, others: Iterable[str]) -> str:
    """Return the one of the others whose rotated copy a path is, by its name; else ``""``."""
    import re

    candidates = []
    if match := re.fullmatch(_ROTATED, path):
        candidates.append(match[1])
    if match := re.fullmatch(_DATED, path):
        candidates.append(match[1] + match[3])
    return next((c for c in candidates if c in others), "")


def followed(names: Sequence[str], known: Iterable[str] = ()) -> list[str]:
    """Return the logs to follow now: those that are named, that globs match, that are known.

    Args:
        names: paths, globs, ``journal``.
        known: logs that a glob found before, and that may be gone for a moment.
    """
    found: dict[str, None] = {}
    for name in names:
        found.update(dict.fromkeys(_matching(name) if is_glob(name) else [name]))
    if any(map(is_glob, names)):
        found.update(dict.fromkeys(path for path in known if is_named(path, names)))
    if len(found) < 2:  # the usual case, without compiling patterns
        return list(found)
    return [path for path in found if not origin_of(path, found)]


def is_named(path: str, names: Iterable[str]) -> bool:
    """Whether a path is one of the names, or matches one that is a glob."""
    return any(path == name or (is_glob(name) and _matches(path, name)) for name in names)


def whole(names: Sequence[str], warn: Callable[[str], None]) -> list[str]:
    """Return the logs to read whole, each once; those that a glob matches the oldest first."""
    found: dict[str, None] = {}
    for name in names:
        if not is_glob(name):
            found[name] = None
            continue
        matching = _matching(name)
        for path in _without_copies(_oldest_first(matching), warn) or [name]:
            found[path] = None
    return list(found)


def _matching(pattern: str) -> list[str]:
    import glob

    return sorted(path for path in glob.glob(pattern) if os.path.isfile(path))


def _matches(path: str, pattern: str) -> bool:
    import fnmatch

    parts, patterns = path.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatch.fnmatchcase, parts, patterns))


def _oldest_first(paths: list[str]) -> list[str]:
    """Sort logs by what they are rotated from, and these by number or date."""
    import re

    def key(path: str) -> tuple[str, int, int, str]:
        origin = origin_of(path, paths)
        if not origin:
            return path, 1, 0, ""
        match = re.fullmatch(_ROTATED, path)
        which = (match[2] if match and match[1] == origin else None) or ""
        if not which.isdigit() or len(which) > 5:  # a date: as it stands
            return origin, 0, -1 if which == "old" else 0, path
        return origin, 0, -int(which), path

    return sorted(paths, key=key)


def _without_copies(paths: list[str], warn: Callable[[str], None]) -> list[str]:
    """Leave out what begins as another log does: a copy that is being compressed or truncated."""
    from bmtick.collect.logfile import beginning

    best: dict[bytes, str] = {}
    kept: list[str] = []
    for path in paths:
        try:
            with open(path, "rb", buffering=0) as log:
                start = beginning(log, path)
        except OSError:
            start = b""
        if len(start) < _LEAST:
            kept.append(path)
        elif start not in best:
            best[start] = path
            kept.append(path)
        else:
            other = best[start]
            longer, shorter = sorted((other, path), key=_plain_size, reverse=True)
            best[start] = kept[kept.index(other)] = longer
            warn(f"{shorter} begins as {longer} does: taken for a copy of it, and not read")
    return kept


def _plain_size(path: str) -> int:
    """Return the size of a plain file; 0 where it is compressed: the plain one is preferred."""
    import re

    packed = re.search(rf"{_PACKED}$", path)
    try:
        return 0 if packed else os.stat(path).st_size
    except OSError:
        return 0
