"""Go's ``strconv``: converts and formats numbers (as on amd64) and quotes strings.

Go's strings are bytes, mostly UTF-8; other bytes are surrogate escapes here.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Final

_TWO_63: Final = 9223372036854775808.0
_MIN_INT: Final = -(1 << 63)
_INTEGER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_HEX: Final = re.compile(
    r"[+-]?0[xX]_?([0-9a-fA-F][0-9a-fA-F_]*\.?[0-9a-fA-F_]*|\.[0-9a-fA-F_]+)[pP][+-]?[0-9]+"
)
_INFINITY: Final = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_BOOLS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


def float_to_int(number: float) -> int:
    """Convert as on amd64: towards zero; a value out of range gives the smallest int64."""
    if -_TWO_63 <= number < _TWO_63:
        return int(number)
    return _MIN_INT


def float_to_uint(number: float) -> int:
    """Convert any number to uint64 as Go's amd64 compiler does."""
    if number < _TWO_63:
        return float_to_int(number) % (1 << 64)
    return (float_to_int(number - _TWO_63) | _MIN_INT) % (1 << 64)


def _failed(function: str, text: str, why: str) -> ValueError:
    return ValueError(f"strconv.{function}: parsing {quote(text)}: {why}")


def parse_bool(text: str) -> bool:
    """Return Go's ``strconv.ParseBool``; ValueError with its text."""
    if text not in _BOOLS:
        raise _failed("ParseBool", text, "invalid syntax")
    return _BOOLS[text]


def parse_int(text: str) -> int:
    """Return Go's ``strconv.ParseInt`` to base 10, 64 bits; ValueError with its text."""
    if not _INTEGER.fullmatch(text):
        raise _failed("ParseInt", text, "invalid syntax")
    if len(text) > 20 and len(text.lstrip("+-").lstrip("0")) > 20:
        raise _failed("ParseInt", text, "value out of range")
    number = int(text)
    if not _MIN_INT <= number < -_MIN_INT:
        raise _failed("ParseInt", text, "value out of range")
    return number


def parse_float(text: str) -> float:
    """Return Go's ``strconv.ParseFloat``, 64 bits; ValueError with its text."""
    if _INFINITY.fullmatch(text):
        return -math.inf if text[0] == "-" else math.inf
    if text.lower() == "nan":
        return math.nan
    if _HEX.fullmatch(text) and "__" not in text and "_p" not in text.lower():
        number = _parse_hex(text)
    elif _DECIMAL.fullmatch(text):
        number = float(text)
    else:
        raise _failed("ParseFloat", text, "invalid syntax")
    if math.isinf(number):
        raise _failed("ParseFloat", text, "value out of range")
    return number


def _parse_hex(text: str) -> float:
    try:
        return float.fromhex(text.replace("_", ""))
    except OverflowError:
        return math.inf


def format_float(number: float) -> str:
    """Return Go's ``strconv.FormatFloat(number, 'f', -1, 64)``: shortest, without exponent."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    text = format(Decimal(repr(number)), "f")
    return text.removesuffix(".0")


def format_float_g(number: float) -> str:
    """Return Go's ``%v`` of a float64: shortest, with an exponent from 1e-5 down and 1e+06 up."""
    if math.isnan(number) or math.isinf(number):
        return format_float(number)
    sign, digits, exponent = Decimal(repr(number)).as_tuple()
    mantissa = "".join(map(str, digits)).lstrip("0").rstrip("0") or "0"
    point = len(digits) + int(exponent) - 1 if number else 0
    if -4 <= point < 6:
        return format_float(number)
    tail = f".{mantissa[1:]}" if len(mantissa) > 1 else ""
    return f"{'-' if sign else ''}{mantissa[0]}{tail}e{'-' if point < 0 else '+'}{abs(point):02d}"


def to_bytes(text: str) -> bytes:
    """Return the bytes of Go's string."""
    return text.encode("utf-8", "surrogateescape")


def from_bytes(data: bytes) -> str:
    """Return the string of Go's bytes."""
    return data.decode("utf-8", "surrogateescape")


def go_runes(text: str) -> str:
    """Return the runes of Go's ``range``: U+FFFD for each byte that is not UTF-8."""
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
    r"""Return Go's ``strconv.QuoteToASCII``: like quote, with ``\u`` for non-ASCII characters."""
    return "".join(c if c.isascii() else _escaped(c) for c in quote(text))


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
