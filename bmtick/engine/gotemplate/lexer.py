"""Splits a template's text and actions into items. Source: Go ``text/template/parse/lex.go``."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

SPACES: Final = " \t\r\n"
KEYWORDS: Final = frozenset(
    (
        "block",
        "break",
        "continue",
        "define",
        "else",
        "end",
        "if",
        "nil",
        "range",
        "template",
        "with",
    )
)
_TOKENS: Final = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
  | (?P<declare>:=) | (?P<assign>=) | (?P<pipe>\|) | (?P<open>\() | (?P<close>\)) | (?P<comma>,)
  | (?P<string>"(?:\\[^\n]|[^"\\\n])*")
  | (?P<raw>`[^`]*`)
  | (?P<char>'(?:\\[^\n]|[^'\\\n])*')
  | (?P<number>[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?
        |0[oO][0-7_]*|0[bB][01_]*
        |(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]*)?))
  | (?P<variable>\$\w*)
  | (?P<field>\.\w+) | (?P<dot>\.)
  | (?P<word>\w+)
    """,
    re.VERBOSE,
)
_TERMINATORS: Final = SPACES + ".,|:)("


class Item(NamedTuple):
    """An item: its kind, its offset, its text."""

    kind: str
    at: int
    text: str


class LexError(Exception):
    """The text is not a template; ``at`` is the offset of the error."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message, self.at = message, at


def lex(source: str) -> list[Item]:
    """Return the items; ``text`` is outside of actions, ``left`` and ``right`` surround them."""
    items: list[Item] = []
    position = 0
    while (found := source.find("{{", position)) >= 0:
        trim = source[found + 2 : found + 3] == "-" and source[found + 3 : found + 4] in tuple(
            SPACES
        )
        text = source[position:found]
        if trim:
            text = text.rstrip(SPACES)
        if text:
            items.append(Item("text", position, text))
        position = found + (3 if trim else 2)
        if source.startswith("/*", position + trim):
            position = _comment(source, position + trim)
        else:
            items.append(Item("left", found, "{{"))
            position = _action(source, position, items)
    if position < len(source):
        items.append(Item("text", position, source[position:]))
    items.append(Item("eof", len(source), ""))
    return items


def _comment(source: str, position: int) -> int:
    end = source.find("*/", position + 2)
    if end < 0:
        raise LexError("unclosed comment", position)
    after, trim = _right(source, end + 2)
    if after is None:
        raise LexError("comment ends before closing delimiter", end)
    return _trimmed(source, after) if trim else after


def _right(source: str, position: int) -> tuple[int | None, bool]:
    """Return the end of the ``}}`` at position, if present, and whether it trims."""
    if source[position : position + 1] in tuple(SPACES) and source.startswith("-}}", position + 1):
        return position + 4, True
    if source.startswith("}}", position):
        return position + 2, False
    return None, False


def _trimmed(source: str, position: int) -> int:
    while position < len(source) and source[position] in SPACES:
        position += 1
    return position


def _action(source: str, position: int, items: list[Item]) -> int:
    depth = 0
    start = position
    while True:
        after, trim = _right(source, position)
        if after is not None:
            if depth:
                raise LexError("unclosed left paren", position)
            items.append(Item("right", after - 2, "}}"))
            return _trimmed(source, after) if trim else after
        match = _TOKENS.match(source, position)
        if match is None:
            raise _unlexable(source, position, start)
        kind = str(match.lastgroup)
        end = match.end()
        if kind == "space" and source.startswith("-}}", end):
            # The last space belongs to the trim marker.
            end -= 1
            if end == position:
                continue
        depth += (kind == "open") - (kind == "close")
        if depth < 0:
            raise LexError("unexpected right paren", position)
        _check_end(source, kind, end)
        items.append(_item(kind, position, source[position:end]))
        position = end


def _item(kind: str, at: int, text: str) -> Item:
    if kind == "word":
        if text in KEYWORDS:
            kind = text
        elif text in ("true", "false"):
            kind = "bool"
        else:
            kind = "identifier"
    return Item(kind, at, text)


def _check_end(source: str, kind: str, end: int) -> None:
    if kind not in ("word", "field", "variable", "number", "dot"):
        return
    following = source[end : end + 1]
    if kind == "number":
        if following and (following == "_" or following.isalnum()):
            raise LexError("bad number syntax", end)
        return
    if following and following not in _TERMINATORS and not source.startswith("}}", end):
        if kind == "dot" and following == "$":
            return
        raise LexError(f"bad character {following!r}", end)


def _unlexable(source: str, position: int, start: int) -> LexError:
    rest = source[position : position + 1]
    messages = {
        "": ("unclosed action", start),
        '"': ("unterminated quoted string", position),
        "`": ("unterminated raw quoted string", position),
        "'": ("unterminated character constant", position),
        ":": ("expected :=", position),
    }
    message, at = messages.get(rest, (f"unrecognized character in action: {rest!r}", position))
    return LexError(message, at)
