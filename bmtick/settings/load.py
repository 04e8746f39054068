"""Find, read and validate ``bmtick.toml``; each error names key, file, line and remedy."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from bmtick import collector_options
from bmtick.documents import load_toml, read_text
from bmtick.durations import SECOND, parse_duration
from bmtick.errors import BmtickError, Location, nearest
from bmtick.settings.model import PORT as _PORT
from bmtick.settings.model import Kapacitor, Settings

SEARCH = ("bmtick.toml", "/etc/bmtick/bmtick.toml")
# Old names of keys: accepted, with a hint.
RENAMED = {
    "watch": {"most_waiting": "max_queue_length", "give_up": "max_retry_age"},
}
_UNKNOWN = re.compile(r"unknown field `(.*?)`(?: - at `\$\.?(.*)`)?$")
_SECRETS: Final = frozenset(("password", "passwd", "pass", "token", "secret", "api_key", "apikey"))
_LANGUAGES: Final = {
    **dict.fromkeys(("english", "englisch", "anglais"), "en"),
    **dict.fromkeys(("french", "français", "francais", "französisch"), "fr"),
    **dict.fromkeys(("german", "deutsch", "allemand"), "de"),
}
_LAST_PORT: Final = 65535
_LONGEST: Final = 60  # characters of a value in a message
_KINDS: Final = {
    "array": ("a list", '["one", "two"]'),
    "int": ("a whole number", "it without quotes, like 25"),
    "float": ("a number", "it without quotes, like 1.5"),
    "bool": ("true or false", "true or false, without quotes"),
    "str": ("a text", 'it in quotes, like "text"'),
    "object": ("a section", ""),
}
_AT = re.compile(r"^(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)


def find(config: str | None) -> Path | None:
    """Return the settings file: ``config``, ``$BMTICK_CONFIG`` or the first one found, or None.

    Raises:
        BmtickError: a given file does not exist.
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
    """Load the settings in the contract's search order; defaults if there is no file."""
    path = find(config)
    if path is None:
        return Settings()
    return parse(read_text(path), file=str(path))


def has_section(settings: Settings, section: str) -> bool:
    """Whether the settings file itself has a section."""
    if not settings.path:
        return False
    return section in load_toml(read_text(settings.path), file=settings.path)


def parse(text: str, *, file: str) -> Settings:
    """Validate the text of a settings file.

    Raises:
        BmtickError: not TOML, an unknown key or a value of a wrong type; with its place.
    """
    raw = load_toml(text, file=file)
    for own in ("path", "hints"):
        if own in raw:
            raise _unknown(own, "", text, file)
    raw["path"] = file
    raw["hints"] = _rename(raw, text, file)
    raw["kapacitor"] = _servers(raw.get("kapacitor", {}))
    try:
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise _invalid(str(error), raw, text, file) from None
    _check_networks(settings.collect.known_clients, text, file)
    interval = parse_duration(settings.collect.interval)
    if interval <= 0 or interval % SECOND:
        location, excerpt = locate("interval", "collect.interval", text, file)
        raise BmtickError(
            f"'collect.interval' is whole seconds, not {_toml(settings.collect.interval)}",
            location=location,
            excerpt=excerpt,
            remedy='write interval = "1s" or more',
        )
    return settings


def _check_networks(networks: Sequence[str], text: str, file: str) -> None:
    """Reject invalid addresses and networks here: the collector's error would have no line."""
    for network in networks:
        address, slash, length = network.strip().partition("/")
        try:
            bits = int(ipaddress.ip_address(address).max_prefixlen)
        except ValueError:
            bits = -1
        if bits < 0 or (slash and not (length.isdecimal() and int(length) <= bits)):
            key = "known_clients"
            location, excerpt = locate(key, f"collect.{key}", text, file)
            for other in (name for name, same in collector_options.ALIASES.items() if same == key):
                if not location.line:
                    location, excerpt = locate(other, f"collect.{other}", text, file)
                    key = other if location.line else key
            raise BmtickError(
                f"'{network}' in 'collect.{key}' is not an address or a network",
                location=location,
                excerpt=excerpt,
                remedy="write them like 192.0.2.7, 10.0.0.0/8, ::1 or fd00::/8",
            )


def setting_error(settings: Settings, at: str, error: BmtickError) -> BmtickError:
    """Return an error about the value at ``SECTION.KEY`` with the line that sets it."""
    if not settings.path or error.location:
        return error
    location, excerpt = locate(at.rpartition(".")[2], at, read_text(settings.path), settings.path)
    return BmtickError(error.message, location=location, excerpt=excerpt, remedy=error.remedy)


def _rename(raw: dict[str, Any], text: str, file: str) -> list[str]:
    """Rename old keys to their present names; return a hint for each."""
    hints = []
    collect = raw.get("collect")
    for other, key in collector_options.ALIASES.items():
        if isinstance(collect, dict) and other in collect and key not in collect:
            collect[key] = collect.pop(other)  # both names are allowed: no hint
    for section, names in RENAMED.items():
        table = raw.get(section)
        for old, new in names.items():
            if not isinstance(table, dict) or old not in table or new in table:
                continue  # with both, the old one is rejected as unknown
            table[new] = table.pop(old)
            location, _ = locate(old, f"{section}.{old}", text, file)
            hints.append(f"{location}: hint: [{section}] {old} is called {new} now")
    return hints


def _servers(section: Any) -> Any:
    """Turn ``[kapacitor]`` into ``{"default": ...}``; keep ``[kapacitor.NAME]`` sections."""
    if not isinstance(section, dict):
        return section
    plain = {k: v for k, v in section.items() if not isinstance(v, dict)}
    named = {k: v for k, v in section.items() if isinstance(v, dict)}
    return {"default": plain, **named} if plain or not named else named


def _invalid(message: str, raw: dict[str, Any], text: str, file: str) -> BmtickError:
    if match := _UNKNOWN.search(message):
        return _unknown(match[1], match[2] or "", text, file)
    match = _AT.match(message)
    cause, at = (match[1], match[2] or "") if match else (message, "")
    if at == "alerts[...]":
        at = next(f"alerts.{k}" for k, v in raw["alerts"].items() if not isinstance(v, dict))
    at = at.replace("kapacitor.default.", "kapacitor.").replace("kapacitor[...]", "kapacitor")
    key = re.sub(r"\[.*", "", at.rsplit(".", 1)[-1])
    location, excerpt = locate(key, at, text, file)
    value = _given(raw, at)
    if "Expected `object`" in cause:
        key = at
    said, remedy = _cause(cause, key, value, _kind(at))
    return BmtickError(f"'{at}' {said}", location=location, excerpt=excerpt, remedy=remedy)


def _cause(cause: str, key: str, value: Any, kind: _Kind) -> tuple[str, str]:
    """Return what is wrong with a value, in plain words, and what to write."""
    but = "" if value is None else f", not {_toml(value)}"
    if kind.choices and cause.startswith(("Invalid enum value", "Expected `str`")):
        known = [f'"{choice}"' for choice in kind.choices]
        one = f"{', '.join(known[:-1])} or {known[-1]}"
        return f"is one of {', '.join(known)}{but}", _likely(value, kind.choices) or f"write {one}"
    if kind.pattern and ("matching regex" in cause or cause.startswith("Expected `str`")):
        return _form(key, value, kind, but)
    wanted = re.match(r"Expected `(\w+)`(?: ([<>=]+ [0-9.]+))?", cause)
    if wanted is None:
        return f"is wrong: {cause[:1].lower()}{cause[1:]}", "see docs/settings.md"
    if wanted[2]:
        return f"is {wanted[2]}{but}", f"write a number that is {wanted[2]}"
    name, example = _KINDS.get(wanted[1], (wanted[1], ""))
    if wanted[1] == "array" and isinstance(value, str | int | float):
        parts = [part for part in re.split(r"[,;\s]+", str(value)) if part]
        example = f"{key} = [{', '.join(map(_toml, parts))}]"
    elif wanted[1] in ("int", "float") and isinstance(value, str) and value.strip().isdecimal():
        example = f"{key} = {value.strip()}"
    elif wanted[1] == "int" and isinstance(value, float) and value.is_integer():
        example = f"{key} = {int(value)}"
    elif wanted[1] == "object":
        name = f"{key}.NAME" if key == "alerts" else key
        example = f"[{name}] on a line of its own, its keys below it"
        return f"is {_KINDS['object'][0]}{but}", f"write {example}"
    return f"is {name}{but}", f"write {example}"


def _form(key: str, value: Any, kind: _Kind, but: str) -> tuple[str, str]:
    """Describe the required form of a text."""
    if "(ns|ms" in kind.pattern:
        like = f'{key} = "{value}s"' if type(value) is int else 'it like "30s", "10m" or "24h"'
        return f"is a stretch of time{but}", f"write {like}"
    if "https?" in kind.pattern:
        return f"is an address{but}", 'write it like "http://127.0.0.1:9092"'
    if _PORT in kind.pattern:
        digits = re.search(r":?([0-9]+)$", str(value))
        if digits and int(digits[1]) > _LAST_PORT:
            return f"cannot be {_toml(value)}", f"write a port from 1 to {_LAST_PORT}"
        if digits and digits[0] == str(value):  # only the port
            before = "inet:" if "inet:" in kind.pattern else ""
            return f"cannot be {_toml(value)}", f'write {key} = "{before}127.0.0.1:{digits[1]}"'
    return f"cannot be {_toml(value)}", kind.description


def _likely(value: Any, choices: Sequence[str]) -> str:
    """Return the choice that is probably meant, or ""."""
    folded = str(value).casefold()
    folded = _LANGUAGES.get(folded, folded)
    same = next((choice for choice in choices if choice.casefold() == folded), "")
    return f'write "{same}"' if same else nearest(str(value), choices)


def _toml(value: Any) -> str:
    """Return a value as in TOML, shortened."""
    text = msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _given(raw: dict[str, Any], at: str) -> Any:
    """Return the value at a path such as ``collect.logs[0]``; None if there is none."""
    found: Any = raw
    for part in re.findall(r"[^.\[\]]+", at):
        if isinstance(found, list):
            found = found[int(part)]
            continue
        if not isinstance(found, dict):
            return None
        if part not in found and isinstance(found.get("default"), dict):
            found = found["default"]  # of a plain [kapacitor]
        found = found.get(part)
    return found


class _Kind(NamedTuple):
    """A key's description, form and allowed values."""

    choices: Sequence[str] = ()
    pattern: str = ""
    description: str = ""


def _kind(at: str) -> _Kind:
    """Return the description of the key at a path such as ``web.listen``."""
    struct: Any = Settings
    *sections, key = at.partition("[")[0].split(".")
    for section in sections:
        struct = Kapacitor if section == "kapacitor" else get_type_hints(struct).get(section)
        if not hasattr(struct, "__struct_fields__"):
            return _Kind()
    plain = get_type_hints(struct).get(key)
    extras = getattr(get_type_hints(struct, include_extras=True).get(key), "__metadata__", ())
    return _Kind(
        get_args(plain) if get_origin(plain) is Literal else (),
        next((m.pattern for m in extras if m.pattern), ""),
        next((m.description for m in extras if m.description), ""),
    )


def _unknown(key: str, section: str, text: str, file: str) -> BmtickError:
    section = "kapacitor" if section == "kapacitor[...]" else section
    where = f" in [{section}]" if section else ""
    location, excerpt = locate(key, f"{section}.{key}" if section else key, text, file)
    if key.lower() in _SECRETS:
        variable = f"BMTICK_{(section or 'SMTP').upper().replace('.', '_')}_{key.upper()}"
        return BmtickError(
            f"a secret, '{key}'{where}, does not stand in this file",
            location=location,
            excerpt=excerpt.partition("=")[0] + "= ...",  # not a secret into a log
            remedy=f"set {variable} in the environment, or secret_file to a file of mode 0600",
        )
    names = _fields(section)
    elsewhere = [name for name in _sections() if name != section and key in _fields(name)]
    hint = nearest(key, names) or f"one of: {', '.join(sorted(names))}"
    if section == "channels":
        hint = f"write it as a line {key} = URL into the file that file = names"
    elif key in ("host", "port") and "url" in names:
        hint = 'it is part of url, like url = "http://127.0.0.1:9092"'
    elif elsewhere:
        hint = f"'{key}' belongs under [{elsewhere[0]}]"
    return BmtickError(
        f"unknown key '{key}'{where}", location=location, excerpt=excerpt, remedy=hint
    )


def _sections() -> list[str]:
    return [name for name in _fields("") if _fields(name) != _fields("")]


def _fields(section: str) -> list[str]:
    kinds = {f.encode_name: f.type for f in msgspec.structs.fields(Settings)}
    top = section.split(".")[0]
    chosen = Kapacitor if top == "kapacitor" else kinds.get(top, Settings) if top else Settings
    if not hasattr(chosen, "__struct_fields__"):
        chosen = Settings
    return [
        f.encode_name
        for f in msgspec.structs.fields(chosen)
        if f.encode_name not in ("path", "hints")
    ]


def locate(key: str, path: str, text: str, file: str) -> tuple[Location, str]:
    """Find the line that sets a key: TOML readers do not keep positions."""
    section = ""
    wanted = path.rsplit(".", 1)[0] if "." in path else ""
    near: tuple[Location, str] | None = None  # in a similar section
    fallback: tuple[Location, str] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            section = header[1]
            if section == path or section.endswith(f".{key}") or section.startswith(f"{path}."):
                fallback = fallback or (Location(file, number, line.index("[") + 1), line)
        elif setting := re.match(rf"""\s*(["']?){re.escape(key)}\1\s*=""", line):
            found = (Location(file, number, len(setting[0]) - len(setting[0].lstrip()) + 1), line)
            if section.replace('"', "").replace("'", "") == wanted:
                return found
            if section.split(".")[0] == wanted.split(".")[0].split("[")[0]:
                near = near or found
            fallback = fallback or found
    return near or fallback or (Location(file), "")
