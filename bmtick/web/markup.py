"""Safe HTML: every text is escaped unless it is HTML already."""

from __future__ import annotations

import html

from bmtick.errors import printable

_VOID = frozenset(("meta", "link", "input", "br"))


class Html(str):
    """A piece of HTML."""

    __slots__ = ()


def text(value: object) -> Html:
    """Escape a value, unless it is HTML; control characters become visible."""
    return value if isinstance(value, Html) else Html(html.escape(printable(str(value))))


def join(*parts: object) -> Html:
    """Concatenate pieces."""
    return Html("".join(map(text, parts)))


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Return an element; ``class_`` is ``class``, ``data_x`` is ``data-x``; None omits it."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(*children)}</{name}>")
