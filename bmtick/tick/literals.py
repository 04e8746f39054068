"""Literal texts to values, as Kapacitor's ``tick/ast/node.go`` reads them.

Sources: ``newNumber``, ``newDur`` (InfluxDB's ``influxql.ParseDuration``), ``newString``,
``newReference``, ``newRegex``.
"""

from __future__ import annotations

import re

from bmtick.durations import UNITS
from bmtick.errors import BmtickError

INT_MAX = 2**63 - 1
_DURATION = re.compile(r"([0-9]+)(ms|[uµsmhdw])")


def read_number(text: str) -> tuple[int | float, int]:
    """Return the value and the base of a number; a leading zero means octal.

    Raises:
        BmtickError: not a number to Kapacitor, or out of the range of its type.
    """
    if not text.isascii():
        raise BmtickError(f"'{text}' is no number", remedy="write it with the digits 0 to 9")
    if "." in text:
        value = float(text)
        if value == float("inf"):
            raise BmtickError(f"the number {text} is too large", remedy="at most about 1.8e308")
        return value, 10
    if text[0] == "0" and len(text) > 1:
        if "8" in text or "9" in text:
            raise BmtickError(
                f"{text} is no octal number, as its leading zero says",
                remedy=f"write {text.lstrip('0') or '0'}",
            )
        return _int64(text, 8), 8
    return _int64(text, 10), 10


def _int64(text: str, base: int) -> int:
    # Python refuses to convert thousands of digits; no int64 has more than 22.
    digits = text.lstrip("0") or "0"
    value = int(digits, base) if len(digits) <= 22 else INT_MAX + 1
    if value > INT_MAX:
        raise BmtickError(
            f"the integer {text[:40]} is too large",
            remedy=f"at most {INT_MAX}; with a decimal point it is a float",
        )
    return value


def read_duration(text: str) -> int:
    """Return the nanoseconds of a duration literal: one number and one unit.

    Kapacitor computes in 64 bits and notices an overflow only where the result is negative, so
    the others are what it computes.

    Raises:
        BmtickError: not a duration, or too long.
    """
    match = _DURATION.fullmatch(text)
    if not match or len(match[1].lstrip("0")) > 19 or int(match[1]) > INT_MAX:
        raise BmtickError(
            f"'{text[:40]}' is no duration", remedy="write a number and a unit, like 30s, 10m or 1h"
        )
    wrapped = (int(match[1]) * UNITS[match[2]] + 2**63) % 2**64 - 2**63
    if wrapped < 0:
        raise BmtickError(f"the duration {text} is too long", remedy="at most 292 years")
    return wrapped


def read_string(text: str) -> tuple[str, bool]:
    r"""Return the value of a string and whether it is in three quotes; only ``\'`` is an escape."""
    if len(text) >= 6 and text.startswith("'''"):
        return text[3:-3], True
    return text[1:-1].replace("\\'", "'"), False


def read_reference(text: str) -> str:
    r"""Return the name in a reference; only ``\"`` is an escape."""
    return text[1:-1].replace('\\"', '"')


def read_regex(text: str) -> tuple[str, str]:
    r"""Return the pattern and its literal, which still holds ``\/`` for ``/``."""
    literal = text[1:-1]
    return literal.replace("\\/", "/"), literal
