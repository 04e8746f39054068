"""Constants of a template: strings, characters, numbers. Source: Go ``strconv.Unquote``."""

from __future__ import annotations

import re
from typing import Any, Final

from bmtick.engine.gotemplate.lexer import Item, LexError
from bmtick.engine.gotemplate.values import GoInt
from bmtick.tick.strconv import from_bytes, to_bytes

_ESCAPE: Final = re.compile(
    r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.?))"
)
_SIMPLE: Final = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))
_DECIMAL: Final = re.compile(r"[+-]?([0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)([eE][+-]?[0-9]+)?")
_MAX_INT: Final = (1 << 63) - 1


def unquote(item: Item) -> str:
    """Return the string of a quoted or raw string literal."""
    if item.kind == "raw":
        return item.text[1:-1].replace("\r", "")

    def replace(match: re.Match[str]) -> str:
        simple, byte, octal, short, long, _ = match.groups()
        if simple is not None:
            if simple == ("'" if item.kind == "string" else '"'):
                raise LexError("invalid syntax", item.at + match.start())
            return _SIMPLE[simple]
        code = int(byte or short or long or "0", 16) if octal is None else int(octal, 8)
        if (byte, octal, short, long) == (None,) * 4 or code > (0xFF if octal else 0x10FFFF):
            raise LexError("invalid syntax", item.at + match.start())
        if byte is not None or octal is not None:
            return chr(code) if code < 0x80 else chr(0xDC00 + code)
        if 0xD800 <= code < 0xE000:
            raise LexError("invalid syntax", item.at + match.start())
        return chr(code)

    # Bytes written one by one may form UTF-8.
    return from_bytes(to_bytes(_ESCAPE.sub(replace, item.text[1:-1])))


def constant(item: Item) -> Any:
    """Return the value of a constant: str, GoInt, float, bool or None."""
    match item.kind:
        case "string" | "raw":
            return unquote(item)
        case "bool":
            return item.text == "true"
        case "nil":
            return None
        case "char":
            char = unquote(item)
            if len(char) != 1:
                raise LexError("invalid syntax", item.at)
            return GoInt(ord(char))
    return _number(item)


def _number(item: Item) -> GoInt | float:
    text = item.text
    try:
        if _is_float(text):
            return _float(text)
        value = int(_octal(text), 0)
    except ValueError:
        raise LexError(f"illegal number syntax: {text!r}", item.at) from None
    if not -_MAX_INT - 1 <= value <= _MAX_INT:
        raise LexError(f"integer overflow: {text!r}", item.at)
    return GoInt(value)


def _is_float(text: str) -> bool:
    if "0x" in text.lower():
        return "p" in text.lower() or "." in text
    return any(c in text for c in ".eE")


def _float(text: str) -> float:
    if "0x" in text.lower():
        if "p" not in text.lower():
            raise ValueError(text)
        return float.fromhex(text.replace("_", ""))
    if not _DECIMAL.fullmatch(text):
        raise ValueError(text)
    return float(text)


def _octal(text: str) -> str:
    """Convert a leading 0 to Python's syntax."""
    sign = text[0] if text[0] in "+-" else ""
    digits = text[len(sign) :]
    if len(digits) > 1 and digits[0] == "0" and digits[1] in "01234567_":
        return f"{sign}0o{digits[1:]}"
    return text
