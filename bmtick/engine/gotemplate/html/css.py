"""CSS, as far as values are inserted into it. Source: Go ``html/template/css.go``."""

from __future__ import annotations

import re
from typing import Final

_ESCAPE: Final = re.compile(r"\\(?:([0-9a-fA-F]{1,6})(?:\r\n|[\t\n\f\r ])?|(.)|$)", re.DOTALL)


def is_name_char(char: str) -> bool:
    """Return whether a character is allowed in a CSS name."""
    return (
        char in "-_"
        or (char.isascii() and char.isalnum())
        or "\x80" <= char <= "\ufffd"
        or char > "\uffff"
    )


def ends_with_keyword(text: str, keyword: str) -> bool:
    """Return whether text ends with a keyword that is a whole name."""
    if not text.lower().endswith(keyword):
        return False
    before = text[: -len(keyword)]
    return not before or not is_name_char(before[-1])


def decode_css(text: str) -> str:
    """Decode CSS escapes."""

    def decode(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[2] or ""
        code = int(match[1], 16)
        if code > 0x10FFFF:
            return chr(code // 16) + match[1][-1]
        return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)

    return _ESCAPE.sub(decode, text)


def filter_css(text: str, failed: str) -> str:
    """Return a harmless CSS value unchanged, otherwise ``failed``."""
    value = decode_css(text)
    if re.search(r"[\0\"'()/;@\[\\\]`{}<>]|--", value):
        return failed
    name = "".join(c for c in value if c.isascii() and is_name_char(c)).lower()
    return failed if "expression" in name or "mozbinding" in name else value
