r"""Convert text to literals, quoted for each target language.

TICKscript strings (Kapacitor's ``tick/ast/lex.go`` and ``node.go``): in ``'...'`` only ``\'`` is an
escape, in ``'''...'''`` nothing is. Go templates: ``{{`` opens an action, so it is written as one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from bmtick.errors import BmtickError

_TAG_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def tick_string(text: str) -> str:
    r"""Return a TICKscript string literal, with three quotes if they are clearer or required.

    Raises:
        BmtickError: TICKscript has no literal for it: it ends with ``\`` and contains ``'''``.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BmtickError(f"{text!r} is not Unicode text", remedy="write it in UTF-8") from None
    raw_fits = "'''" not in text and not text.endswith("'")
    if text.endswith("\\") and not raw_fits:
        raise BmtickError(
            f"{text!r} has no TICKscript literal: it holds three quotes and ends with a backslash",
            remedy="leave out one of them",
        )
    if raw_fits and (text.endswith("\\") or ("\n" in text and "'" in text)):
        return f"'''{text}'''"
    return "'" + text.replace("'", "\\'") + "'"


def tick_strings(items: Iterable[str]) -> str:
    """Return string literals separated by commas, for arguments and lists."""
    return ", ".join(tick_string(item) for item in items)


def tick_reference(name: str) -> str:
    """Return a reference to a field or tag, ``"name"``.

    Raises:
        BmtickError: the name contains characters other than letters, digits, ``_``, ``.``, ``-``.
    """
    if not _TAG_NAME.fullmatch(name):
        raise BmtickError(
            f"'{name}' is no name of a tag", remedy="letters, digits, '_', '.' and '-'"
        )
    return f'"{name}"'


def go_text(text: str) -> str:
    """Return text that a Go text/template prints unchanged."""
    return text.replace("{{", '{{"{{"}}')


def go_html(text: str) -> str:
    """Return text that a Go html/template shows unchanged."""
    return go_text(html.escape(text, quote=True))
