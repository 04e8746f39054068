"""The language of texts in an incident: messages, evidence, steps, page, report.

English is in the code, French and German are in ``locale/LANGUAGE.po``::

    from bmtick.languages import _, _n

    _("{user} sends to {count} recipients", user=user, count=number(count))
    _n("{n} address", "{n} addresses", count)

To add a text, write it like that, with whole sentences and named placeholders; never concatenate
translated pieces. Then ``make catalogues`` adds the text to every catalogue; fill in its
``msgstr``. ``tests/languages`` fails while one is missing, superfluous, or has other placeholders.
Texts are translated when they are shown, so call ``_`` in a function, never at import. Help texts,
settings errors and logs for developers stay English.

The ``.po`` files are read directly: a saved translation is in effect without a build step that a
package, an editable installation or a checkout could lack. The largest takes a few milliseconds,
once; English reads none. The standard library reads only ``.mo``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

LANGUAGES = ("en", "fr", "de")

_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")  # gettext's variables
_LINE = re.compile(r'(?:(msgctxt|msgid|msgid_plural|msgstr(?:\[[01]\])?)\s+)?("(?:[^"\\]|\\.)*")$')
_SEPARATORS = {"en": ",.", "fr": "\N{NARROW NO-BREAK SPACE},", "de": ".,"}  # thousands, decimals

_current = "en"


def choose(language: str | None, environment: Mapping[str, str]) -> str:
    """Return the language to use.

    Args:
        language: from the settings file; None or "" if it sets none.
        environment: LANGUAGE, LC_ALL, LC_MESSAGES and LANG, in gettext's order.
    """
    if language:
        return language
    given = next((environment[name] for name in _VARIABLES if environment.get(name)), "")
    for locale in given.split(":"):
        known = re.split(r"[_.@-]", locale)[0].lower()
        if known in LANGUAGES:
            return known
    return "en"


def set_language(language: str) -> None:
    """Set the language of the whole process."""
    global _current  # noqa: PLW0603 -- one process has one user
    _current = language


def language() -> str:
    """Return the current language."""
    return _current


def _(text: str, /, **values: object) -> str:
    """Return a text in the current language, with its placeholders filled in."""
    return _catalogue(_current).get(text, (text,))[0].format(**values)


def _n(one: str, many: str, count: int, /, **values: object) -> str:
    """Return the form of a text for a number; ``{n}`` is the formatted number."""
    # French says "0 message", English and German say "0 messages".
    plural = count > 1 if _current == "fr" else count != 1
    forms = _catalogue(_current).get(one, (one, many))
    return forms[min(plural, len(forms) - 1)].format(n=number(count), **values)


def number(value: float, digits: int = 0) -> str:
    """Format a number with the separators of the current language."""
    separators = _SEPARATORS[_current]
    written = f"{value:,.{digits}f}"
    return written.translate({ord(","): separators[0], ord("."): separators[1]})


def percent(share: float) -> str:
    """Format a share, 0 to 1, as percent."""
    return f"{share:.0%}" if _current == "en" else f"{share * 100:.0f}\N{NO-BREAK SPACE}%"


@cache
def _catalogue(name: str) -> Mapping[str, tuple[str, ...]]:
    """Return the translations by their English text; empty for English."""
    if name == "en":
        return {}
    return read_catalogue(
        resources.files("bmtick").joinpath(f"locale/{name}.po").read_text("utf-8")
    )


def read_catalogue(text: str) -> dict[str, tuple[str, ...]]:
    """Return the translated forms of each text of a catalogue, without fuzzy ones.

    Args:
        text: a ``.po`` file in msgfmt's format.
    """
    found: dict[str, tuple[str, ...]] = {}
    for block in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if line.startswith("#,") and "fuzzy" in line:
                break
            if match := _LINE.match(line.strip()):
                key = match[1] or key
                fields[key] = fields.get(key, "") + str(ast.literal_eval(match[2]))
        forms = tuple(v for k, v in fields.items() if k.startswith("msgstr"))
        if fields.get("msgid") and forms and all(forms):
            found[fields["msgid"]] = forms
    return found
