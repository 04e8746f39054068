"""Message and details: texts from ``text.toml``, converted to Kapacitor's Go templates.

A text contains ``{host}``, ``{value}``, ...; each becomes a template action that prints the tag or
field when the alert fires. The message is a text/template, the details an html/template, which
escapes its values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bmtick.alerts.load import SHARED, read_toml, templates_folder
from bmtick.alerts.quoting import go_html, go_text
from bmtick.alerts.resolve import Resolved
from bmtick.errors import BmtickError, Location

_TIME = '{{ .Time.Local.Format "2006-01-02 15:04:05 MST" }}'  # the evaluating machine's zone
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def texts(resolved: Resolved) -> dict[str, Any]:
    """Return the alert's texts in its language, including the shared texts.

    Raises:
        BmtickError: the catalogue has no texts in that language.
    """
    language = resolved.values["language"]
    shared = _file(templates_folder() / SHARED / "text.toml")[language]
    file = resolved.alert.folder / "text.toml"
    own = _file(file)
    if language not in own:
        raise BmtickError(f"no texts in '{language}'", location=Location(str(file)))
    words = {**shared, **own[language]}
    if resolved.values.get("together"):
        # A sum over hosts has no other fields.
        subject = shared["together"].replace("{culprit}", f"{{{resolved.alert.id_tag}}}")
        lost = set(resolved.alert.placeholders)
        rows = [row for row in words["rows"] if not lost & set(_PLACEHOLDER.findall(row[1]))]
        words |= {"subject": subject, "ok": subject, "rows": rows}
        words.pop("subject_day", None)
    return words


@cache
def _file(path: Path) -> Mapping[str, Any]:
    """Read a file of texts once: several instances of an alert use it."""
    return read_toml(path)


def placeholders(resolved: Resolved, words: Mapping[str, Any]) -> dict[str, str]:
    """Return the Go template action of each ``{name}``."""
    found = {tag: tag_action(tag) for tag in resolved.alert.group}
    found |= {
        "value": number_action("value", resolved),
        "threshold": _threshold(resolved, words),
        "level": "{{ .Level }}",
        "time": _TIME,
    }
    for name, parameter in resolved.alert.parameters.items():
        if parameter.fact and resolved.values[name] is not None:
            found[name] = field_action(name)
    if resolved.alert.shell_quote:
        found["who"] = field_action("who")
    if resolved.values.get("sigma") is not None:
        action = '{{ index .Fields "deviation" | printf "%.1f" }}'
        found["history"] = f"{action} {words['deviations']}"
    found |= resolved.alert.placeholders
    return found


def tag_action(tag: str) -> str:
    """Return the action that prints a tag."""
    return f'{{{{ index .Tags "{tag}" }}}}'


def field_action(field: str) -> str:
    """Return the action that prints a field."""
    return f'{{{{ index .Fields "{field}" }}}}'


def number_action(field: str, resolved: Resolved) -> str:
    """Return the action that prints a number in the alert's format."""
    layout = resolved.alert.format
    return (
        f'{{{{ index .Fields "{field}" | printf "{layout}" }}}}' if layout else field_action(field)
    )


def _threshold(resolved: Resolved, words: Mapping[str, Any]) -> str:
    """Return the threshold of the current level; for OK the one of crit."""
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
    """Replace each ``{name}`` by its action, or by plain text that is already known."""

    def one(match: re.Match[str]) -> str:
        name = match[1]
        return actions[name] if name in actions else plain[name]

    return _PLACEHOLDER.sub(one, text)


@dataclass(frozen=True)
class Source:
    """The values of the texts: template actions, and values that are already known."""

    actions: dict[str, str]
    plain: dict[str, str]


def script_source(resolved: Resolved, words: Mapping[str, Any]) -> Source:
    """Return the source for scripts and templates, whose points have the extra fields."""
    return Source(placeholders(resolved, words), _plain(resolved))


def rule_source(resolved: Resolved, values: Mapping[str, str]) -> Source:
    """Return the source for rules: only tags, the value and fixed text."""
    actions = {tag: tag_action(tag) for tag in resolved.alert.group}
    actions["value"] = field_action("value")
    actions["time"] = _TIME
    # A rule cannot quote a name for the shell, so its commands contain no name.
    plain = {"who": "USER"} if resolved.alert.shell_quote else {}
    if resolved.alert.rule and resolved.alert.rule.trigger == "deadman":
        plain["value"] = values["window"]
        del actions["value"]
    return Source(actions, {**_plain(resolved), **plain, **values})


def message(source: Source, words: Mapping[str, Any]) -> str:
    """Return the subject: level, host, value, threshold."""
    actions = source.actions
    plain = {name: go_text(text) for name, text in source.plain.items()}
    alarm = fill(words["subject"], actions, plain)
    if "subject_day" in words:  # an alert with the fact of_day: 1 where the day is the evidence
        of_day = fill(words["subject_day"], actions, plain)
        alarm = f'{{{{ if index .Fields "of_day" }}}}{of_day}{{{{ else }}}}{alarm}{{{{ end }}}}'
    over = fill(words["ok"], actions, plain)
    return f'[{{{{ .Level }}}}] {{{{ if eq .Level "OK" }}}}{over}{{{{ else }}}}{alarm}{{{{ end }}}}'


def details(source: Source, words: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input of ``_shared/details.html.j2``: rows, explanation, steps."""
    actions = source.actions
    plain = {name: go_html(text) for name, text in source.plain.items()}

    def filled(text: str) -> str:
        return fill(text, actions, plain)

    since = f"{{{{ if .Duration }}}}{{{{ .Duration }}}}{{{{ else }}}}{words['new']}{{{{ end }}}}"
    rows = [
        (words["host"], tag_action("host")),
        *((label, filled(value)) for label, value in words.get("rows", ())),
        (words["value"], filled("{value} ") + words["unit"]),
        (words["threshold"], filled("{threshold} ") + words["unit"]),
        *([(words["history"], filled("{history}"))] if "history" in actions else []),
        (words["since"], since),
        (words["time"], actions["time"]),
    ]
    return {
        "rows": rows,
        "explanation": filled(words.get("explanation", "")),
        "heading": words["heading"],
        "over": words["over"],
        "steps": [filled(step) for step in words["steps"]],
    }


def _plain(resolved: Resolved) -> dict[str, str]:
    """Return values that are known when the script is rendered: lists, as text."""
    return {
        name: ", ".join(value) for name, value in resolved.values.items() if isinstance(value, list)
    }
