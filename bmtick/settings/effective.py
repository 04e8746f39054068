"""The effective settings, each with its origin; and their JSON schema."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bmtick.collector_options import ALIASES
from bmtick.settings.load import RENAMED, locate
from bmtick.settings.model import Kapacitor, Settings


class Effective(NamedTuple):
    """One setting: its dotted key, its value, and ``FILE:LINE`` or ``default``."""

    key: str
    value: Any
    origin: str


def effective(settings: Settings) -> list[Effective]:
    """List every setting with its origin, in the order of the sections."""
    text = Path(settings.path).read_text(encoding="utf-8") if settings.path else ""
    given = _flat(tomllib.loads(text))
    former = {
        f"{s}.{new}": f"{s}.{old}"
        for s, names in (*RENAMED.items(), ("collect", ALIASES))
        for old, new in names.items()
    }
    values = _flat(_as_written(msgspec.to_builtins(settings)))
    return [
        Effective(
            key,
            value,
            _origin(former[key] if former.get(key) in given else key, given, text, settings.path),
        )
        for key, value in values.items()
        if key not in ("path", "hints")
    ]


def _as_written(raw: dict[str, Any]) -> dict[str, Any]:
    """Remove the name ``default`` that a plain ``[kapacitor]`` section gets when it is read."""
    servers = raw["kapacitor"]
    raw["kapacitor"] = {**servers.pop("default", {}), **servers}
    return raw


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def _origin(key: str, given: dict[str, Any], text: str, file: str) -> str:
    if key not in given:
        return "default"
    return str(locate(key.rsplit(".", 1)[-1], key, text, file)[0])


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of ``bmtick.toml``, for editors.

    ``[kapacitor]`` may contain one server's keys or one table per server.
    """
    schema = msgspec.json.schema(Settings)
    definitions = schema["$defs"]
    top = definitions["Settings"]
    for own in ("path", "hints"):
        top["properties"].pop(own)
    server = {"$ref": "#/$defs/Kapacitor"}
    top["properties"]["kapacitor"] = {
        "description": (Kapacitor.__doc__ or "").strip(),
        "anyOf": [server, {"type": "object", "additionalProperties": server}],
    }
    for name, definition in definitions.items():
        definition["title"] = name
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bmtick.toml",
        **top,
        "$defs": {name: d for name, d in definitions.items() if name != "Settings"},
    }


def schema_text() -> str:
    """Return the content of a schema file."""
    return json.dumps(json_schema(), indent=2) + "\n"
