"""Make ``docs/settings.md``, the table of all settings, from their types: ``make docs``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bmtick.alerts.handlers import all_handlers
from bmtick.settings import Settings
from bmtick.settings.effective import json_schema

TARGET = Path(__file__).parent / "settings.md"
HEAD = """\
# Settings: bmtick.toml

<!-- Made by docs/make_settings.py from the program's own types. Change those, then: make docs -->

`bmtick init` writes a first file. It is looked for in this order: `--config FILE`,
`$BMTICK_CONFIG`, `./bmtick.toml`, `/etc/bmtick/bmtick.toml`. Everything has a default; an unknown
key or a wrong type is an error that names the line. `bmtick settings` prints what is in force, and
where each value comes from; `bmtick settings --schema` prints a JSON schema, with which editors
complete the file and check it.

Durations are written like `30s`, `10m`, `24h`, `7d`.

Passwords and tokens never stand in this file. They come from the environment,
`BMTICK_KAPACITOR_USERNAME`, `_PASSWORD` and `_TOKEN` (for `[kapacitor.edge]` also
`BMTICK_KAPACITOR_EDGE_PASSWORD`), likewise `BMTICK_INFLUXDB_...` and `BMTICK_SMTP_...`, or from a
`secret_file` that only its owner may read.
"""
DEFAULTS = msgspec.to_builtins(Settings())
# What the types do not tell.
NOTES = {
    "kapacitor": "Several servers have a section each: `[kapacitor.main]`, `[kapacitor.edge]`.",
    "notify": (
        "Beside mail, each of these ways; its options are written as "
        '`slack = { channel = "#mail" }`, several as a list of such tables. Kapacitor knows all of '
        "them; `bmtick watch` knows mail, `post`, `exec`, `log` and `tcp`. Secrets of a service "
        "(such as Slack's address) belong into `kapacitor.conf`."
    ),
    "alerts": (
        "One section for each alert that is on, such as `[alerts.postfix_queue]`, with its "
        "parameters: `bmtick alerts` lists the alerts, `bmtick alerts NAME` the parameters of one "
        "with unit, default and limits. A second instance has a name of its own and says which "
        'alert it uses: `[alerts.edge_queue]` with `use = "postfix_queue"`.'
    ),
}


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *_sections()])


def _sections() -> Iterator[str]:
    schema = json_schema()
    top = schema["properties"]
    plain = {name: s for name, s in top.items() if not _section(s) and name != "alerts"}
    yield "## At the top of the file, before the sections\n"
    yield from _table(plain, DEFAULTS)
    for name, described in top.items():
        section = _section(described)
        if section:
            definition = schema["$defs"][section]
            said = definition["description"].split(": ", 1)[1]
            yield f"\n## `[{name}]`\n\n{said[0].upper()}{said[1:]}".replace("``", "`")
            yield ""
            handlers = all_handlers() if name == "notify" else {}
            keys = definition["properties"]
            values = DEFAULTS[name].get("default", DEFAULTS[name])  # a plain [kapacitor]
            yield from _table({k: v for k, v in keys.items() if k not in handlers}, values)
            if name in NOTES:
                yield f"\n{NOTES[name]}"
            if handlers:
                yield from _handlers()
    yield f"\n## `[alerts.NAME]`\n\n{NOTES['alerts']}\n"


def _section(described: dict[str, Any]) -> str:
    choices = described.get("anyOf", [described])
    return str(choices[0].get("$ref", "")).rpartition("/")[2]


def _table(keys: dict[str, dict[str, Any]], defaults: dict[str, Any]) -> Iterator[str]:
    yield "| key | value | default | meaning |\n|---|---|---|---|"
    for name, spec in keys.items():
        default = f"`{json.dumps(defaults[name])}`"
        cells = (f"`{name}`", _kind(spec), default, spec["description"])
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _handlers() -> Iterator[str]:
    yield "\n| key | options | what it does |\n|---|---|---|"
    for name, handler in all_handlers().items():
        options = [
            f"**`{key}`**" if option.required else f"`{key}`"
            for key, option in handler.options.items()
        ]
        yield f"| `{name}` | {', '.join(options)} | {handler.meaning} |"
    yield "\nBold options must be given."


def _kind(spec: dict[str, Any]) -> str:
    if "anyOf" in spec:  # an address that may be empty
        return _kind(spec["anyOf"][-1])
    if "enum" in spec:
        return ", ".join(f"`{value}`" for value in spec["enum"])
    if spec["type"] == "array":
        return "list of texts"
    if spec["type"] == "integer":
        return f"{spec['minimum']} to {spec['maximum']:,}"
    if spec["type"] == "number":
        return f"from {spec['minimum']}"
    if "pattern" in spec:
        kinds = {"^http": "address", "^(inet:": "place", "^(.+:": "place"}
        return next(
            (k for start, k in kinds.items() if spec["pattern"].startswith(start)), "duration"
        )
    return {"boolean": "`true`, `false`", "string": "text"}[spec["type"]]


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
