"""Go's ``fmt``: Sprint, Sprintln, Sprintf, with the errors that Go writes into the text.

Source: Go ``fmt/print.go`` and ``fmt/format.go``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any, Final

from bmtick.engine.gotemplate.gotime import stringer
from bmtick.engine.gotemplate.values import Struct, TemplateError, type_of
from bmtick.engine.gotemplate.verbs import (
    Flags,
    can_backquote,
    character,
    cut,
    hexadecimal,
    integer,
    printable,
    quoted_character,
    real,
)
from bmtick.tick.strconv import quote, quote_to_ascii, to_bytes
from bmtick.tick.types import Time

_MASK: Final = (1 << 64) - 1
_MAX_NUMBER: Final = 1_000_000


class Printer:
    """Prints values; ``zone`` is the machine's zone, for ``.Time.Local``."""

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
            return flags.pad(cut(type_of(value), flags))
        if value is None:
            return flags.pad("<nil>") if verb == "v" else f"%!{verb}(<nil>)"
        if verb == "p":
            raise TemplateError("printf: the verb %p is not supported")
        if verb in ("v", "s", "x", "X", "q"):
            text = stringer(value)
            if text is not None:
                return self._string(text, verb, flags, value)
        return self._value(value, verb, flags, 0)

    def _value(self, value: Any, verb: str, flags: Flags, depth: int) -> str:
        if value is None:
            return "<nil>"
        if depth and verb in ("v", "s", "x", "X", "q"):
            text = stringer(value)
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
            return flags.pad(character(value))
        if verb == "q":
            return flags.pad(quoted_character(value, flags))
        if verb == "U":
            digits = f"{value & _MASK:0{max(4, flags.precision or 0)}X}"
            tail = f" '{character(value)}'" if flags.sharp and printable(value) else ""
            return flags.pad(f"U+{digits}{tail}", zeros=False)
        base = {"v": "d", "d": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}.get(verb)
        if base is None:
            return self._bad(value, verb, flags)
        return integer(value, verb, base, flags)

    def _float(self, value: float, verb: str, flags: Flags) -> str:
        if verb not in ("v", "g", "G", "f", "F", "e", "E"):
            if verb in ("b", "x", "X"):
                raise TemplateError(f"printf: the verb %{verb} of a float is not supported")
            return self._bad(value, verb, flags)
        if flags.sharp:
            raise TemplateError("printf: the flag # of a float is not supported")
        return real(value, verb, flags)

    def _string(self, text: str, verb: str, flags: Flags, value: Any) -> str:
        if verb in ("v", "s"):
            return flags.pad(cut(text, flags))
        if verb in ("x", "X"):
            return hexadecimal(text, verb, flags)
        if verb == "q":
            shown = cut(text, flags)
            if flags.sharp and can_backquote(shown):
                return flags.pad(f"`{shown}`")
            return flags.pad(quote_to_ascii(shown) if flags.plus else quote(shown))
        return self._bad(value, verb, flags)


_FLAGS: Final = {"#": "sharp", "0": "zero", "+": "plus", "-": "minus", " ": "space"}
_NUMBER: Final = re.compile(r"[0-9]+")


class _Format:
    """One call of Printf; ``at`` is the offset in the format, ``next`` the next argument."""

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
        """Read ``[n]``, which selects the next argument; return whether it was present."""
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
