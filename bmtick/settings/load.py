"""Find, read and check ``bmtick.toml``; every refusal names key, file, line and remedy."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import msgspec

from bmtick.documents import load_toml, read_text
from bmtick.errors import BmtickError, Location, nearest
from bmtick.settings.model import Kapacitor, Settings

SEARCH = ("bmtick.toml", "/etc/bmtick/bmtick.toml")
_UNKNOWN = re.compile(r"unknown field `(.*?)`(?: - at `\$\.?(.*)`)?$")
_AT = re.compile(r"^(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)


def find(config: str | None) -> Path | None:
    """Return the settings file: ``config``, ``$BMTICK_CONFIG`` or the first one found, or None.

    Raises:
        BmtickError: a file that was named does not exist.
    """
    named = config or os.environ.get("BMTICK_CONFIG")
    if named:
        if not Path(named).is_file():
            raise BmtickError(
                f"there is no settings file '{named}'", remedy="'bmtick init' writes one"
            )
        return Path(named)
    return next((Path(p) for p in SEARCH if Path(p).is_file()), None)


def load(config: str | None = None) -> Settings:
    """Load the settings by the contract's search order; defaults where there is no file."""
    path = find(config)
    if path is None:
        return Settings()
    return parse(read_text(path), file=str(path))


def gives(settings: Settings, section: str) -> bool:
    """Whether the settings file itself has a section, rather than its defaults being in force."""
    if not settings.path:
        return False
    return section in load_toml(read_text(settings.path), file=settings.path)


def parse(text: str, *, file: str) -> Settings:
    """Check the text of a settings file.

    Raises:
        BmtickError: no TOML, an unknown key or a value of a wrong type; says where.
    """
    raw = load_toml(text, file=file)
    if "path" in raw:
        raise _unknown("path", "", text, file)
    raw["path"] = file
    raw["kapacitor"] = _servers(raw.get("kapacitor", {}))
    try:
        return msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), text, file) from None


def _servers(section: Any) -> Any:
    """Turn ``[kapacitor]`` into ``{"default": ...}``; keep ``[kapacitor.NAME]`` sections."""
    if not isinstance(section, dict):
        return section
    plain = {k: v for k, v in section.items() if not isinstance(v, dict)}
    named = {k: v for k, v in section.items() if isinstance(v, dict)}
    return {"default": plain, **named} if plain or not named else named


def _invalid(message: str, text: str, file: str) -> BmtickError:
    if match := _UNKNOWN.search(message):
        return _unknown(match[1], match[2] or "", text, file)
    match = _AT.match(message)
    cause, at = (match[1], match[2] or "") if match else (message, "")
    at = at.replace("kapacitor.default.", "kapacitor.")
    key = re.sub(r"\[.*", "", at.rsplit(".", 1)[-1])
    location, excerpt = locate(key, at, text, file)
    return BmtickError(
        f"'{at}': {cause[:1].lower()}{cause[1:]}", location=location, excerpt=excerpt
    )


def _unknown(key: str, section: str, text: str, file: str) -> BmtickError:
    section = "kapacitor" if section == "kapacitor[...]" else section
    names = _fields(section)
    hint = nearest(key, names) or f"one of: {', '.join(sorted(names))}"
    where = f" in [{section}]" if section else ""
    location, excerpt = locate(key, f"{section}.{key}" if section else key, text, file)
    return BmtickError(
        f"unknown key '{key}'{where}", location=location, excerpt=excerpt, remedy=hint
    )


def _fields(section: str) -> list[str]:
    kinds = {f.encode_name: f.type for f in msgspec.structs.fields(Settings)}
    top = section.split(".")[0]
    chosen = Kapacitor if top == "kapacitor" else kinds.get(top, Settings) if top else Settings
    return [f.encode_name for f in msgspec.structs.fields(chosen) if f.encode_name != "path"]


def locate(key: str, path: str, text: str, file: str) -> tuple[Location, str]:
    """Find the line that sets a key: TOML readers give no positions after parsing."""
    section = ""
    wanted = path.rsplit(".", 1)[0] if "." in path else ""
    near: tuple[Location, str] | None = None  # in a section of the same kind
    fallback: tuple[Location, str] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            section = header[1]
            if section == path or section.endswith(f".{key}"):
                fallback = fallback or (Location(file, number, line.index("[") + 1), line)
        elif setting := re.match(rf"""\s*(["']?){re.escape(key)}\1\s*=""", line):
            here = (Location(file, number, len(setting[0]) - len(setting[0].lstrip()) + 1), line)
            if section.replace('"', "").replace("'", "") == wanted:
                return here
            if section.split(".")[0] == wanted.split(".")[0].split("[")[0]:
                near = near or here
            fallback = fallback or here
    return near or fallback or (Location(file), "")
