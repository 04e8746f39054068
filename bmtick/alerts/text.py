"""Message and details: words from ``text.toml``, in Kapacitor's Go templates.

A text says ``{host}``, ``{value}``, ...; each becomes a template action that shows the tag or
field when the alert fires. The message is a text/template, the details an html/template, which
escapes what it shows for its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bmtick.alerts.load import SHARED, read_toml, templates_folder
from bmtick.alerts.quoting import go_html, go_text
from bmtick.alerts.resolve import Resolved
from bmtick.errors import BmtickError, Location

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def texts(resolved: Resolved) -> dict[str, Any]:
    """Return the alert's texts in its language, the shared words among them.

    Raises:
        BmtickError: the catalogue has no texts in that language.
    """
    language = resolved.values["language"]
    shared = read_toml(templates_folder() / SHARED / "text.toml")[language]
    file = resolved.alert.folder / "text.toml"
    own = read_toml(file)
    if language not in own:
        raise BmtickError(f"no texts in '{language}'", location=Location(str(file)))
    return {**shared, **own[language]}


def placeholders(resolved: Resolved, words: Mapping[str, Any]) -> dict[str, str]:
    """Return the Go template action of each ``{name}``."""
    found = {tag: tag_action(tag) for tag in resolved.alert.group}
    found |= {
        "value": number_action("value", resolved),
        "threshold": _threshold(resolved, words),
        "level": "{{ .Level }}",
        "time": '{{ .Time.UTC.Format "2006-01-02 15:04:05 MST" }}',
    }
    for name, parameter in resolved.alert.parameters.items():
        if parameter.fact and resolved.values[name] is not None:
            found[name] = field_action(name)
    if resolved.alert.raw.get("shell_quote"):
        found["who"] = field_action("who")
    found |= resolved.alert.raw.get("placeholders", {})
    return found


def tag_action(tag: str) -> str:
    """Return the action that shows a tag."""
    return f'{{{{ index .Tags "{tag}" }}}}'


def field_action(field: str) -> str:
    """Return the action that shows a field."""
    return f'{{{{ index .Fields "{field}" }}}}'


def number_action(field: str, resolved: Resolved) -> str:
    """Return the action that shows a number in the alert's own format."""
    layout = resolved.alert.raw.get("format")
    return (
        f'{{{{ index .Fields "{field}" | printf "{layout}" }}}}' if layout else field_action(field)
    )


def _threshold(resolved: Resolved, words: Mapping[str, Any]) -> str:
    """The threshold of the level that stands; in an OK the one of crit."""
    values = resolved.values
    if "crit" not in values:
        return field_action("window")
    crit = number_action("crit", resolved)
    if values.get("sigma") is not None:
        crit += f" {words['or']} {field_action('sigma')} {words['deviations']}"
    if values.get("warn") is None:
        return crit
    warn = number_action("warn", resolved)
    return f'{{{{ if eq .Level "WARNING" }}}}{warn}{{{{ else }}}}{crit}{{{{ end }}}}'


def fill(text: str, actions: Mapping[str, str], plain: Mapping[str, str]) -> str:
    """Replace each ``{name}`` by its action, or by plain text that is known now."""

    def one(match: re.Match[str]) -> str:
        name = match[1]
        return actions[name] if name in actions else plain[name]

    return _PLACEHOLDER.sub(one, text)


def message(resolved: Resolved, words: Mapping[str, Any]) -> str:
    """Return the subject: level, host, value, threshold."""
    actions = placeholders(resolved, words)
    plain = {name: go_text(text) for name, text in _plain(resolved).items()}
    alarm = fill(words["subject"], actions, plain)
    over = fill(words["ok"], actions, plain)
    return f'[{{{{ .Level }}}}] {{{{ if eq .Level "OK" }}}}{over}{{{{ else }}}}{alarm}{{{{ end }}}}'


def details(resolved: Resolved, words: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``_shared/details.html.j2`` lays out: rows, explanation, steps."""
    actions = placeholders(resolved, words)
    plain = {name: go_html(text) for name, text in _plain(resolved).items()}

    def filled(text: str) -> str:
        return fill(text, actions, plain)

    since = f"{{{{ if .Duration }}}}{{{{ .Duration }}}}{{{{ else }}}}{words['new']}{{{{ end }}}}"
    rows = [
        (words["host"], tag_action("host")),
        *((label, filled(value)) for label, value in words.get("rows", ())),
        (words["value"], actions["value"] + " " + words.get("unit", "")),
        (words["threshold"], actions["threshold"] + " " + words.get("unit", "")),
        *_history(resolved, words),
        (words["since"], since),
        (words["time"], actions["time"]),
    ]
    return {
        "rows": [(label, value.strip()) for label, value in rows],
        "explanation": filled(words.get("explanation", "")),
        "heading": words["heading"],
        "over": words["over"],
        "steps": [filled(step) for step in words["steps"]],
    }


def _history(resolved: Resolved, words: Mapping[str, Any]) -> list[tuple[str, str]]:
    if resolved.values.get("sigma") is None:
        return []
    action = '{{ index .Fields "deviation" | printf "%.1f" }}'
    return [(words["history"], f"{action} {words['deviations']}")]


def _plain(resolved: Resolved) -> dict[str, str]:
    """Values that are known when the script is made: lists, in words."""
    return {
        name: ", ".join(value) for name, value in resolved.values.items() if isinstance(value, list)
    }
