"""Moves from one context to the next over text. Source: Go ``html/template/transition.go``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Final

from bmtick.engine.gotemplate.html import context as c
from bmtick.engine.gotemplate.html.context import Context, EscapeError
from bmtick.engine.gotemplate.html.css import ends_with_keyword

Step = tuple[Context, int]
_SPACES: Final = " \t\n\f\r"
_TAG: Final = re.compile(r"[a-zA-Z](?:[a-zA-Z0-9]|[:-][a-zA-Z0-9])*")
_ATTR_END: Final = re.compile(r"[ \t\n\f\r=>'\"<]")


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACES:
        at += 1
    return at


def _text(context: Context, text: str) -> Step:
    at = 0
    while True:
        found = text.find("<", at)
        if found < 0 or found + 1 == len(text):
            return context, len(text)
        if text.startswith("<!--", found):
            return Context(c.COMMENT), found + 4
        start = found + 1
        closes = text[start] == "/"
        if closes:
            start += 1
            if start == len(text):
                return context, len(text)
        match = _TAG.match(text, start)
        if match:
            name = match[0].lower()
            element = name if name in c.ELEMENTS and not closes else ""
            return Context(c.TAG, element=element), match.end()
        at = start


def _tag(context: Context, text: str) -> Step:
    at = _skip(text, 0)
    if at == len(text):
        return context, at
    if text[at] == ">":
        return Context(c.CONTENT.get(context.element, c.TEXT), element=context.element), at + 1
    end = _attribute_name(text, at)
    if end == at:
        raise EscapeError(
            f"expected space, attr name, or end of tag, but got {text[at : at + 20]!r}"
        )
    name = text[at:end].lower()
    attr = c.attribute_state(name)
    if context.element == "script" and name == "type":
        attr = ""
    state = c.ATTR_NAME if end == len(text) else c.AFTER_NAME
    return Context(state, attr=attr, element=context.element), end


def _attribute_name(text: str, at: int) -> int:
    match = _ATTR_END.search(text, at)
    if match is None:
        return len(text)
    if match[0] in "'\"<":
        raise EscapeError(f"{match[0]!r} in attribute name: {text[:32]!r}")
    return match.start()


def _attr_name(context: Context, text: str) -> Step:
    end = _attribute_name(text, 0)
    return (context if end == len(text) else replace(context, state=c.AFTER_NAME)), end


def _after_name(context: Context, text: str) -> Step:
    at = _skip(text, 0)
    if at == len(text):
        return context, at
    if text[at] != "=":
        return replace(context, state=c.TAG), at
    return replace(context, state=c.BEFORE_VALUE), at + 1


def _before_value(context: Context, text: str) -> Step:
    at = _skip(text, 0)
    if at == len(text):
        return context, at
    delim = text[at] if text[at] in "'\"" else c.SPACE_OR_END
    return replace(context, state=context.attr or c.ATTR, delim=delim), at + (len(delim) == 1)


def _comment(context: Context, text: str) -> Step:
    end = text.find("-->")
    return (context, len(text)) if end < 0 else (Context(), end + 3)


def _stay(context: Context, text: str) -> Step:
    return context, len(text)


def _url(context: Context, text: str) -> Step:
    if "#" in text or "?" in text:
        return replace(context, url_part=c.QUERY), len(text)
    if text.strip(_SPACES) and context.url_part == c.NO_PART:
        return replace(context, url_part=c.PRE_QUERY), len(text)
    return context, len(text)


_CSS_START: Final = re.compile(r"[(\"'/]")


def _css(context: Context, text: str) -> Step:
    at = 0
    while match := _CSS_START.search(text, at):
        found = match.start()
        following = text[found + 1 : found + 2]
        if match[0] == "(" and ends_with_keyword(text[:found].rstrip(_SPACES), "url"):
            start = _skip(text, found + 1)
            if text[start : start + 1] not in ('"', "'"):
                return replace(context, state=c.CSS_URL), start
        if match[0] == "/" and following == "/":
            return replace(context, state=c.CSS_LINE_COMMENT), found + 2
        if match[0] == "/" and following == "*":
            return replace(context, state=c.CSS_BLOCK_COMMENT), found + 2
        if match[0] in "\"'":
            state = c.CSS_DQ if match[0] == '"' else c.CSS_SQ
            return replace(context, state=state), found + 1
        at = found + 1
    return context, len(text)


_CSS_ENDS: Final = {
    c.CSS_DQ: re.compile(r'[\\"]'),
    c.CSS_SQ: re.compile(r"[\\']"),
    c.CSS_URL: re.compile(r"[\\\t\n\f\r )]"),
}


def _css_string(context: Context, text: str) -> Step:
    at = 0
    while match := _CSS_ENDS[context.state].search(text, at):
        found = match.start()
        if match[0] != "\\":
            return replace(context, state=c.CSS), found + 1
        found += 1
        if found == len(text):
            raise EscapeError(f"unfinished escape sequence in CSS string: {text!r}")
        at = found + 1
    return context, len(text)


def _block_comment(context: Context, text: str) -> Step:
    end = text.find("*/")
    return (context, len(text)) if end < 0 else (replace(context, state=c.CSS), end + 2)


def _line_comment(context: Context, text: str) -> Step:
    match = re.search(r"[\n\f\r]", text)
    return (replace(context, state=c.CSS), match.start()) if match else (context, len(text))


_TRANSITIONS: Final[dict[str, Callable[[Context, str], Step]]] = {
    c.TEXT: _text,
    c.TAG: _tag,
    c.ATTR_NAME: _attr_name,
    c.AFTER_NAME: _after_name,
    c.BEFORE_VALUE: _before_value,
    c.COMMENT: _comment,
    c.RCDATA: _stay,
    c.ATTR: _stay,
    c.URL: _url,
    c.SRCSET: _url,
    c.CSS: _css,
    c.CSS_DQ: _css_string,
    c.CSS_SQ: _css_string,
    c.CSS_URL: _css_string,
    c.CSS_BLOCK_COMMENT: _block_comment,
    c.CSS_LINE_COMMENT: _line_comment,
}


def _step(context: Context, text: str) -> Step:
    step = _TRANSITIONS[context.state](context, text)
    if step[0].state == c.SCRIPT or step[0].element == "script":
        raise EscapeError("JavaScript in HTML is not supported here")
    return step


def after_text(context: Context, text: str) -> Step:
    """Return the context after some of the text, and the length of that text."""
    if context.delim == c.NO_DELIM:
        limit = _element_end(context, text)
        if limit == 0:
            return Context(), 0
        if limit is None:
            return _step(context, text)
        return _step(context, text[:limit])
    end = next((i for i, char in enumerate(text) if char in context.delim), len(text))
    if context.delim == c.SPACE_OR_END:
        bad = re.search("[\"'<=`]", text[:end])
        if bad:
            raise EscapeError(f"{bad[0]!r} in unquoted attr: {text[:end]!r}")
    if end == len(text):
        rest = unescape(text)
        while rest:
            context, used = _step(context, rest)
            rest = rest[used:]
        return context, len(text)
    if context.delim != c.SPACE_OR_END:
        end += 1
    return Context(c.TAG, element=context.element), end


def _element_end(context: Context, text: str) -> int | None:
    """Return the offset of the closing tag of style, textarea or title."""
    if not context.element:
        return None
    match = re.search(f"</{context.element}(?=[> \\t\\n\\f/])", text, re.IGNORECASE)
    return match.start() if match else None
