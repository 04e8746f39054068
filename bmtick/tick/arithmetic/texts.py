"""Strings as Go has them: bytes, mostly UTF-8; bytes that are not are surrogate escapes here."""

from __future__ import annotations


def to_bytes(text: str) -> bytes:
    """Return Go's bytes of a string."""
    return text.encode("utf-8", "surrogateescape")


def from_bytes(data: bytes) -> str:
    """Return the string of Go's bytes."""
    return data.decode("utf-8", "surrogateescape")


def go_runes(text: str) -> str:
    """Return what Go's ``range`` over the string sees: U+FFFD for each byte that is not UTF-8."""
    if text.isascii():
        return text
    return "".join("\ufffd" if "\udc80" <= c <= "\udcff" else c for c in text)


def quote(text: str) -> str:
    r"""Return Go's ``strconv.Quote``: double quotes, ``\n``, ``\x00``, ``\u00a0``."""
    return '"' + "".join(_ESCAPES.get(c) or _quoted(c) for c in text) + '"'


_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def _quoted(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if char.isprintable():
        return char
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    return _escaped(char)


def quote_to_ascii(text: str) -> str:
    r"""Return Go's ``strconv.QuoteToASCII``: as quote, with ``\u`` for all that is not ASCII."""
    return "".join(c if c.isascii() else _escaped(c) for c in quote(text))


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
