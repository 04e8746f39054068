"""Go's ``fmt``: Sprint, Sprintln, Sprintf, with the errors that it writes into the text.

Source: Go ``fmt/print.go`` and ``fmt/format.go``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final

from bmtick.engine.gotemplate.gotime import stringer
from bmtick.engine.gotemplate.values import Byte, Struct, TemplateError, type_of
from bmtick.engine.lambdas.numbers import format_float_g
from bmtick.engine.lambdas.texts import quote, quote_to_ascii, to_bytes
from bmtick.engine.lambdas.values import Time

_MASK: Final = (1 << 64) - 1
_MAX_NUMBER: Final = 1_000_000


@dataclass(slots=True)
class Flags:
    """What stands between ``%`` and the verb."""

    sharp: bool = False
    zero: bool = False
    plus: bool = False
    minus: bool = False
    space: bool = False
    plus_v: bool = False
    width: int | None = None
    precision: int | None = None

    def pad(self, text: str, *, zeros: bool | None = None) -> str:
        """Fill up to the width, counting characters."""
        missing = (self.width or 0) - len(text)
        if missing <= 0:
            return text
        if self.minus:
            return text + " " * missing
        return ("0" if (self.zero if zeros is None else zeros) else " ") * missing + text


PLAIN: Final = Flags()


class Printer:
    """Prints values; ``zone`` is that of the times."""

    def __init__(self, zone: tzinfo = UTC) -> None:
        self.zone = zone

    def sprint(self, args: list[Any]) -> str:
        """Return ``fmt.Sprint``: a space between two values that are not strings."""
        out: list[str] = []
        before_is_text = True
        for arg in args:
            is_text = isinstance(arg, str)
            if out and not is_text and not before_is_text:
                out.append(" ")
            out.append(self.show(arg, "v", Flags()))
            before_is_text = is_text
        return "".join(out)

    def sprintln(self, args: list[Any]) -> str:
        """Return ``fmt.Sprintln``."""
        return " ".join(self.show(arg, "v", Flags()) for arg in args) + "\n"

    def sprintf(self, text: str, args: list[Any]) -> str:
        """Return ``fmt.Sprintf``."""
        return _Format(self, text, args).run()

    def show(self, value: Any, verb: str, flags: Flags) -> str:
        """Print one value as an argument of Printf."""
        if verb == "T":
            return flags.pad(_cut(type_of(value), flags))
        if value is None:
            return flags.pad("<nil>") if verb == "v" else f"%!{verb}(<nil>)"
        if verb == "p":
            raise TemplateError("printf: the verb %p is not supported")
        if verb in ("v", "s", "x", "X", "q"):
            text = stringer(value, self.zone)
            if text is not None:
                return self._string(text, verb, flags, value)
        return self._value(value, verb, flags, 0)

    def _value(self, value: Any, verb: str, flags: Flags, depth: int) -> str:
        if value is None:
            return "<nil>"
        if depth and verb in ("v", "s", "x", "X", "q"):
            text = stringer(value, self.zone)
            if text is not None:
                return self._string(text, verb, flags, value)
        if isinstance(value, bool):
            if verb in ("t", "v"):
                return flags.pad("true" if value else "false")
            return self._bad(value, verb, flags)
        if isinstance(value, Time):
            raise TemplateError(f"printf: the verb %{verb} of a time is not supported")
        if isinstance(value, int):
            return self._integer(value, verb, flags)
        if isinstance(value, float):
            return self._float(value, verb, flags)
        if isinstance(value, str):
            return self._string(value, verb, flags, value)
        return self._composite(value, verb, flags, depth)

    def _composite(self, value: Any, verb: str, flags: Flags, depth: int) -> str:
        if isinstance(value, Struct):
            shown = (
                (f"{name}:" if flags.plus_v else "") + self._value(part, verb, flags, depth + 1)
                for name, part in value.parts()
            )
            return "{" + " ".join(shown) + "}"
        if isinstance(value, Mapping):
            pairs = (
                self._value(key, verb, flags, depth + 1)
                + ":"
                + self._value(value[key], verb, flags, depth + 1)
                for key in sorted(value, key=to_bytes)
            )
            return "map[" + " ".join(pairs) + "]"
        raise TemplateError(f"printf: a {type_of(value)} cannot be printed")

    def _bad(self, value: Any, verb: str, flags: Flags) -> str:
        return f"%!{verb}({type_of(value)}={self._value(value, 'v', flags, 0)})"

    def _integer(self, value: int, verb: str, flags: Flags) -> str:
        if verb == "c":
            return flags.pad(_character(value))
        if verb == "q":
            return flags.pad(_quoted_character(value, flags))
        if verb == "U":
            digits = f"{value & _MASK:0{max(4, flags.precision or 0)}X}"
            tail = f" '{_character(value)}'" if flags.sharp and _printable(value) else ""
            return flags.pad(f"U+{digits}{tail}", zeros=False)
        base = {"v": "d", "d": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}.get(verb)
        if base is None:
            return self._bad(value, verb, flags)
        return _integer(value, verb, base, flags)

    def _float(self, value: float, verb: str, flags: Flags) -> str:
        if verb not in ("v", "g", "G", "f", "F", "e", "E"):
            if verb in ("b", "x", "X"):
                raise TemplateError(f"printf: the verb %{verb} of a float is not supported")
            return self._bad(value, verb, flags)
        if flags.sharp:
            raise TemplateError("printf: the flag # of a float is not supported")
        return _float(value, verb, flags)

    def _string(self, text: str, verb: str, flags: Flags, value: Any) -> str:
        if verb in ("v", "s"):
            return flags.pad(_cut(text, flags))
        if verb in ("x", "X"):
            return _hexadecimal(text, verb, flags)
        if verb == "q":
            cut = _cut(text, flags)
            if flags.sharp and _can_backquote(cut):
                return flags.pad(f"`{cut}`")
            return flags.pad(quote_to_ascii(cut) if flags.plus else quote(cut))
        return self._bad(value, verb, flags)


def _cut(text: str, flags: Flags) -> str:
    return text if flags.precision is None else text[: flags.precision]


def _can_backquote(text: str) -> bool:
    return not any(
        (c < " " and c != "\t") or c in "`\x7f\ufeff" or "\udc80" <= c <= "\udcff" for c in text
    )


def _printable(value: int) -> bool:
    return 0 <= value <= 0x10FFFF and chr(value).isprintable()


def _character(value: int) -> str:
    valid = 0 <= value <= 0x10FFFF and not 0xD800 <= value < 0xE000
    return chr(value) if valid else "\ufffd"


def _quoted_character(value: int, flags: Flags) -> str:
    char = _character(value)
    body = (quote_to_ascii(char) if flags.plus else quote(char))[1:-1]
    return {"'": "'\\''", '"': "'\"'"}.get(char, f"'{body}'")


def _integer(value: int, verb: str, base: str, flags: Flags) -> str:
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


def _float(value: float, verb: str, flags: Flags) -> str:
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


def _hexadecimal(text: str, verb: str, flags: Flags) -> str:
    data = to_bytes(text)
    if flags.precision is not None:
        data = data[: flags.precision]
    if not data:
        return " " * (flags.width or 0)
    pairs = [f"{byte:02{verb}}" for byte in data]
    prefix = f"0{verb}" if flags.sharp else ""
    body = " ".join(prefix + pair for pair in pairs) if flags.space else prefix + "".join(pairs)
    return flags.pad(body)


_FLAGS: Final = {"#": "sharp", "0": "zero", "+": "plus", "-": "minus", " ": "space"}
_NUMBER: Final = re.compile(r"[0-9]+")


class _Format:
    """One call of Printf; ``at`` is where in the format, ``next`` the next argument."""

    def __init__(self, printer: Printer, text: str, args: list[Any]) -> None:
        self.printer, self.text, self.args = printer, text, args
        self.at = self.next = 0
        self.reordered = self.after_index = False
        self.good = True
        self.out: list[str] = []

    def run(self) -> str:
        while True:
            percent = self.text.find("%", self.at)
            if percent < 0:
                self.out.append(self.text[self.at :])
                break
            self.out.append(self.text[self.at : percent])
            self.at = percent + 1
            self.good = True
            if not self._directive():
                break
        if not self.reordered and self.next < len(self.args):
            self.out.append(self._extra())
        return "".join(self.out)

    def _extra(self) -> str:
        shown = (
            "<nil>" if arg is None else f"{type_of(arg)}={self.printer.show(arg, 'v', Flags())}"
            for arg in self.args[self.next :]
        )
        return f"%!(EXTRA {', '.join(shown)})"

    def _directive(self) -> bool:
        flags = Flags()
        while self.at < len(self.text) and self.text[self.at] in _FLAGS:
            setattr(flags, _FLAGS[self.text[self.at]], True)
            self.at += 1
        simple = self.at < len(self.text) and "a" <= self.text[self.at] <= "z"
        if not (simple and self.next < len(self.args)):
            self._width_and_precision(flags)
        if self.at >= len(self.text):
            self.out.append("%!(NOVERB)")
            return False
        verb = self.text[self.at]
        self.at += 1
        self._print(verb, flags)
        return True

    def _print(self, verb: str, flags: Flags) -> None:
        if verb == "%":
            self.out.append("%")
        elif not self.good:
            self.out.append(f"%!{verb}(BADINDEX)")
        elif self.next >= len(self.args):
            self.out.append(f"%!{verb}(MISSING)")
        else:
            if verb == "v":
                if flags.sharp:
                    raise TemplateError("printf: %#v is not supported")
                flags.plus_v, flags.plus = flags.plus, False
            self.out.append(self.printer.show(self.args[self.next], verb, flags))
            self.next += 1

    def _width_and_precision(self, flags: Flags) -> None:
        self.after_index = self._index()
        if self._accept("*"):
            width = self._star()
            if width is None:
                self.out.append("%!(BADWIDTH)")
            elif width < 0:
                flags.minus, flags.zero, width = True, False, -width
            flags.width = width
            self.after_index = False
        else:
            flags.width = self._number()
            if self.after_index and flags.width is not None:
                self.good = False
        if self.text[self.at : self.at + 1] == "." and self.at + 1 < len(self.text):
            self.at += 1
            self._precision(flags)
        if not self.after_index:
            self.after_index = self._index()

    def _precision(self, flags: Flags) -> None:
        if self.after_index:
            self.good = False
        self.after_index = self._index()
        if self._accept("*"):
            flags.precision = self._star()
            if flags.precision is None or flags.precision < 0:
                flags.precision = None
                self.out.append("%!(BADPREC)")
            self.after_index = False
        else:
            flags.precision = self._number() or 0

    def _accept(self, char: str) -> bool:
        if self.text[self.at : self.at + 1] == char:
            self.at += 1
            return True
        return False

    def _number(self) -> int | None:
        match = _NUMBER.match(self.text, self.at)
        if not match:
            return None
        if len(match[0].lstrip("0")) > 7 or int(match[0][:-1] or 0) > _MAX_NUMBER:
            self.at = len(self.text)
            return None
        self.at = match.end()
        return int(match[0])

    def _star(self) -> int | None:
        if self.next >= len(self.args):
            return None
        value = self.args[self.next]
        self.next += 1
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MAX_NUMBER:
            return None
        return int(value)

    def _index(self) -> bool:
        """Read ``[n]``, which chooses the next argument; say whether it was there."""
        if self.text[self.at : self.at + 1] != "[":
            return False
        self.reordered = True
        end = self.text.find("]", self.at)
        if end < 0:
            self.at += 1
            self.good = False
            return False
        body = self.text[self.at + 1 : end]
        self.at = end + 1
        valid = _NUMBER.fullmatch(body) is not None
        if valid and 1 <= int(body) <= len(self.args):
            self.next = int(body) - 1
            return True
        self.good = False
        return valid
