"""Formats scalars like Go's ``fmt``, by verb and flags.

Source: Go ``fmt/format.go``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bmtick.engine.gotemplate.values import Byte
from bmtick.tick.strconv import format_float_g, quote, quote_to_ascii, to_bytes


@dataclass(slots=True)
class Flags:
    """The flags between ``%`` and the verb."""

    sharp: bool = False
    zero: bool = False
    plus: bool = False
    minus: bool = False
    space: bool = False
    plus_v: bool = False
    width: int | None = None
    precision: int | None = None

    def pad(self, text: str, *, zeros: bool | None = None) -> str:
        """Pad to the width, which counts characters."""
        missing = (self.width or 0) - len(text)
        if missing <= 0:
            return text
        if self.minus:
            return text + " " * missing
        return ("0" if (self.zero if zeros is None else zeros) else " ") * missing + text


def cut(text: str, flags: Flags) -> str:
    """Truncate a text to the precision."""
    return text if flags.precision is None else text[: flags.precision]


def can_backquote(text: str) -> bool:
    """Return whether ``%#q`` writes a text with backquotes."""
    return not any(
        (c < " " and c != "\t") or c in "`\x7f\ufeff" or "\udc80" <= c <= "\udcff" for c in text
    )


def printable(value: int) -> bool:
    """Return whether ``%q`` and ``%U`` show a code point unchanged."""
    return 0 <= value <= 0x10FFFF and chr(value).isprintable()


def character(value: int) -> str:
    """Return the text of ``%c``."""
    valid = 0 <= value <= 0x10FFFF and not 0xD800 <= value < 0xE000
    return chr(value) if valid else "\ufffd"


def quoted_character(value: int, flags: Flags) -> str:
    """Return the text of ``%q`` for a number."""
    char = character(value)
    body = (quote_to_ascii(char) if flags.plus else quote(char))[1:-1]
    return {"'": "'\\''", '"': "'\"'"}.get(char, f"'{body}'")


def integer(value: int, verb: str, base: str, flags: Flags) -> str:
    """Return an integer in a base, with sign, prefix and padding."""
    signed = not isinstance(value, Byte)
    digits = format(abs(value), base)
    wanted = 0
    if flags.precision is not None:
        wanted = flags.precision
        if wanted == 0 and value == 0:
            return " " * (flags.width or 0)
    elif flags.zero and not flags.minus and flags.width is not None:
        wanted = flags.width - (value < 0 or flags.plus or flags.space)
    digits = digits.rjust(wanted, "0")
    if flags.sharp:
        prefix = {"b": "0b", "x": "0x", "X": "0X"}.get(base, "")
        if base == "o" and not digits.startswith("0"):
            prefix = "0"
        digits = prefix + digits
    if verb == "O":
        digits = "0o" + digits
    sign = "-" if signed and value < 0 else "+" if flags.plus else " " if flags.space else ""
    return flags.pad(sign + digits, zeros=False)


def real(value: float, verb: str, flags: Flags) -> str:
    """Return a float with sign and padding."""
    number = _digits(value, verb, flags.precision)
    sign = ""
    if number[0] in "+-":
        sign, number = number[0], number[1:]
    is_number = not (math.isinf(value) or math.isnan(value))
    if sign != "-":
        sign = "+" if flags.plus else " " if flags.space else ""
        if math.isinf(value) and not sign:
            sign = "+"
    if not is_number:
        return flags.pad(sign + number, zeros=False)
    width = flags.width or 0
    if sign and flags.zero and not flags.minus and width > len(sign + number):
        return sign + number.rjust(width - 1, "0")
    return flags.pad(sign + number)


def _digits(value: float, verb: str, precision: int | None) -> str:
    if math.isnan(value) or math.isinf(value):
        return format_float_g(value)
    if verb in ("v", "g", "G"):
        shortest = precision is None
        text = format_float_g(value) if shortest else format(value, f".{precision}g")
        return text.upper() if verb == "G" else text
    return format(value, f".{6 if precision is None else precision}{verb}")


def hexadecimal(text: str, verb: str, flags: Flags) -> str:
    """Return the bytes of a text in hexadecimal."""
    data = to_bytes(text)
    if flags.precision is not None:
        data = data[: flags.precision]
    if not data:
        return " " * (flags.width or 0)
    pairs = [f"{byte:02{verb}}" for byte in data]
    prefix = f"0{verb}" if flags.sharp else ""
    body = " ".join(prefix + pair for pair in pairs) if flags.space else prefix + "".join(pairs)
    return flags.pad(body)
