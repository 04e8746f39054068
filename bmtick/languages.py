"""The language of what people read in an incident: messages, evidence, steps, page, report.

English is in the code, French and German are in ``locale/LANGUAGE.po``::

    from bmtick.languages import _, _n

    _("{user} sends to {count} recipients", user=user, count=number(count))
    _n("{n} address", "{n} addresses", count)

To add a text, write it like that, with whole sentences and named placeholders; never glue two
translated pieces together. Then ``make catalogues`` writes the new text into every catalogue; fill
in its ``msgstr``. ``tests/languages`` fails while one is missing, superfluous, or has other
placeholders. A translated text is made when it is shown, so ``_`` is called in a function, never
where a module is loaded. Help texts, settings errors and logs for developers stay English.

The catalogues are read as they are: a translation is in force once it is saved, without a build
step that a package, an editable installation or a checkout could miss. The largest takes a few
milliseconds, once, and none is read in English. The standard library reads only ``.mo``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

LANGUAGES = ("en", "fr", "de")

_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")  # as gettext looks for them
_LINE = re.compile(r'(?:(msgctxt|msgid|msgid_plural|msgstr(?:\[[01]\])?)\s+)?("(?:[^"\\]|\\.)*")$')
_SEPARATORS = {"en": ",.", "fr": "\N{NARROW NO-BREAK SPACE},", "de": ".,"}  # thousands, decimals

_chosen = "en"


def choose(language: str | None, environment: Mapping[str, str]) -> str:
    """Return the language to speak.

    Args:
        language: as the settings file says; None or "" where it says nothing.
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


def use(language: str) -> None:
    """Speak this language from now on, in all of the process."""
    global _chosen  # noqa: PLW0603 -- one process speaks to one person
    _chosen = language


def language() -> str:
    """Return the language in use."""
    return _chosen


def _(text: str, /, **values: object) -> str:
    """Return a text in the language in use, its placeholders filled in."""
    return _catalogue(_chosen).get(text, (text,))[0].format(**values)


def _n(one: str, many: str, count: int, /, **values: object) -> str:
    """Return the form of a text that fits a number; ``{n}`` is the number, written as usual."""
    # French says "0 message", English and German say "0 messages".
    plural = count > 1 if _chosen == "fr" else count != 1
    forms = _catalogue(_chosen).get(one, (one, many))
    return forms[min(plural, len(forms) - 1)].format(n=number(count), **values)


def number(value: float, digits: int = 0) -> str:
    """Write a number with the separators of the language in use."""
    separators = _SEPARATORS[_chosen]
    written = f"{value:,.{digits}f}"
    return written.translate({ord(","): separators[0], ord("."): separators[1]})


def percent(share: float) -> str:
    """Write a share, 0 to 1, in percent."""
    return f"{share:.0%}" if _chosen == "en" else f"{share * 100:.0f}\N{NO-BREAK SPACE}%"


@cache
def _catalogue(name: str) -> Mapping[str, tuple[str, ...]]:
    """Return the translations by their English text; empty for English."""
    if name == "en":
        return {}
    return read_catalogue(
        resources.files("bmtick").joinpath(f"locale/{name}.po").read_text("utf-8")
    )


def read_catalogue(text: str) -> dict[str, tuple[str, ...]]:
    """Return the forms of each text that a catalogue translates; fuzzy ones are left out.

    Args:
        text: a ``.po`` file, as msgfmt takes it.
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
