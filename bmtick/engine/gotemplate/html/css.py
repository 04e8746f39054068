"""CSS, as far as values are put into it. Source: Go ``html/template/css.go``."""

from __future__ import annotations

import re
from typing import Final

_ESCAPE: Final = re.compile(r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[\t\n\f\r ])?|(.)|$)", re.DOTALL)
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_SPACES: Final = frozenset("\t\n\f\r ")


def is_name_char(char: str) -> bool:
    """Say whether a character may stand in a CSS name."""
    return (
        char in "-_"
        or (char.isascii() and char.isalnum())
        or "\x80" <= char <= "\ufffd"
        or char > "\uffff"
    )


def ends_with_keyword(text: str, keyword: str) -> bool:
    """Say whether text ends with a keyword that is a whole name."""
    if not text.lower().endswith(keyword):
        return False
    before = text[: -len(keyword)]
    return not before or not is_name_char(before[-1])


def decode_css(text: str) -> str:
    """Undo CSS escapes."""

    def decode(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[2] or ""
        code = int(match[1], 16)
        if code > 0x10FFFF:
            return chr(code // 16) + match[1][-1]
        return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)

    return _ESCAPE.sub(decode, text)


_REPLACEMENTS: Final = {
    "\0": "\\0",
    "\t": "\\9",
    "\n": "\\a",
    "\f": "\\c",
    "\r": "\\d",
    '"': "\\22",
    "&": "\\26",
    "'": "\\27",
    "(": "\\28",
    ")": "\\29",
    "+": "\\2b",
    "/": "\\2f",
    ":": "\\3a",
    ";": "\\3b",
    "<": "\\3c",
    ">": "\\3e",
    "\\": "\\\\",
    "{": "\\7b",
    "}": "\\7d",
}


def escape_css(text: str) -> str:
    """Escape for a CSS string."""
    out: list[str] = []
    for index, char in enumerate(text):
        replacement = _REPLACEMENTS.get(char)
        out.append(replacement or char)
        if replacement and replacement != "\\\\":
            following = text[index + 1 : index + 2]
            if not following or following in _HEX or following in _SPACES:
                out.append(" ")
    return "".join(out)


def filter_css(text: str, failed: str) -> str:
    """Let through what is a harmless CSS value, else return failed."""
    value = decode_css(text)
    if re.search(r"[\0\"'()/;@\[\\\]`{}<>]|--", value):
        return failed
    name = "".join(c for c in value if c.isascii() and is_name_char(c)).lower()
    return failed if "expression" in name or "mozbinding" in name else value
