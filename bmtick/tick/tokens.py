"""Splits text into tokens and reads literals, like Kapacitor's ``tick/ast/lex.go`` and ``node.go``.

The lexer has two states. Where an operand may start, ``/`` opens a regular expression and ``-``
is unary; after an operand, binary operators are tried first. A comment, ``]``, ``*`` and a regex
always return to the operand state. Therefore ``"a" // why`` with ``> 5`` on the next line is an
error, as in Kapacitor.

Sources of the literals: ``newNumber``, ``newDur`` (InfluxDB's ``influxql.ParseDuration``),
``newString``, ``newReference``, ``newRegex``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

from bmtick.durations import UNITS
from bmtick.errors import BmtickError, Location
from bmtick.tick.ast import Position

# Go's unicode.IsSpace; Python's \s would also match the separators 0x1c to 0x1f.
SPACES = (
    " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_SPACE = f"[{SPACES}]"
_BLANK = _SPACE.replace("\n", "")
_REGEX = r"/[^/\\]*(?:\\(?:/|(?!/))[^/\\]*)*/"

_OPERAND = re.compile(
    rf"""{_SPACE}*(?:
      (?P<ident>[^\W\d_]\w*)
    | (?P<string>'''(?:[^']|'[^']|''(?:\\'|\\(?!'))*[^'\\])*''(?:\\'|\\(?!'))*'
               |''(?!')
               |'(?!')[^'\\]*(?:\\(?:'|(?!'))[^'\\]*)*')
    | (?P<punctuation>[()\[\]|@,!\-]|\.(?!\d))
    | (?P<reference>"[^"\\]*(?:\\(?:"|(?!"))[^"\\]*)*")
    | (?P<duration>\d+(?:ms|[uµsmhdw]))
    | (?P<number>\d+(?:\.\d*)?|\.\d+)
    | (?P<comment>//[^\n]*(?:\n{_BLANK}*/[^\n]*)*(?:\n{_BLANK}*)?)
    | (?P<regex>{_REGEX})
    | (?P<star>\*)
    | (?P<eof>\Z)
    )""",
    re.VERBOSE,
)
# In VERBOSE mode a blank in a character class still counts, so _SPACE and _BLANK work above.
_OPERATOR = re.compile(rf"{_SPACE}*([+\-*%]|/(?!/)|![=~]?|[<>]=?|=[~=]?)")
_REGEX_AFTER = re.compile(rf"{_SPACE}*({_REGEX})")
_SKIP = re.compile(rf"{_SPACE}*")

_KEYWORDS = frozenset({"AND", "OR", "TRUE", "FALSE", "var", "dbrp"})
_THEN_OPERATOR = frozenset({"ident", "string", "reference", "duration", "number", ")"})

OPERATORS = {
    **dict.fromkeys(("OR",), 0),
    **dict.fromkeys(("AND",), 1),
    **dict.fromkeys(("==", "!=", "=~", "!~"), 2),
    **dict.fromkeys((">", ">=", "<", "<="), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
"""Binary operators and how tightly each binds."""


class Token(NamedTuple):
    """One token. ``kind`` is the text itself for punctuation, operators and keywords, else one of
    ``ident string reference duration number regex lambda star comment eof error``.
    """  # noqa: D205 -- the kinds do not fit on one line

    kind: str
    offset: int
    text: str


class Source:
    """A script's text and name; converts offsets to positions and locations."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self._starts = [0, *(m.end() for m in re.finditer("\n", text))]

    def position(self, offset: int) -> Position:
        """Return offset, line and column; columns count characters."""
        line = bisect_right(self._starts, offset)
        return Position(offset, line, offset - self._starts[line - 1] + 1)

    def location(self, position: Position) -> Location:
        """Return the location of a position, for a message."""
        return Location(self.file, position.line, position.column)

    def excerpt(self, position: Position) -> str:
        """Return the line of a position."""
        start = self._starts[position.line - 1]
        return self.text[start:].split("\n", 1)[0].rstrip("\r")


def tokenize(text: str) -> list[Token]:
    """Split text into tokens; the last is ``eof``, or ``error`` whose text is the message."""
    tokens: list[Token] = []
    offset = 0
    after_operand = False
    while True:
        if after_operand and (found := _OPERATOR.match(text, offset)):
            operator = found[1]
            tokens.append(Token(operator, found.start(1), operator))
            offset = found.end()
            after_operand = False
            # Only directly after these, // is an empty regex and not a comment.
            if operator in ("=", "=~", "!~") and (regex := _REGEX_AFTER.match(text, offset)):
                tokens.append(Token("regex", regex.start(1), regex[1]))
                offset = regex.end()
            continue
        token = _operand(text, offset)
        tokens.append(token)
        if token.kind in ("eof", "error"):
            return tokens
        offset = token.offset + len(token.text)
        after_operand = token.kind in _THEN_OPERATOR or (
            token.kind in _KEYWORDS or token.kind == "lambda"
        )


def _operand(text: str, offset: int) -> Token:
    """Return the token at an offset where an operand may start."""
    match = _OPERAND.match(text, offset)
    if not match:
        return _error(text, offset)
    kind = match.lastgroup or ""
    value = match[kind]
    start = match.start(kind)
    if kind == "ident":
        return _identifier(text, start, value)
    if kind == "punctuation":
        return Token(value, start, value)
    if kind == "number" and "." in value and text.startswith(".", match.end()):
        return Token("error", start, "a number has two decimal points")
    if kind == "regex" and not value[1].isascii():
        # Kapacitor's lexer backs up too far here; at the start of a script its server crashes.
        return Token("error", start, "a regular expression cannot start like this here")
    return Token(kind, start, value)


def _identifier(text: str, start: int, value: str) -> Token:
    if not value.isascii():
        # \w also matches numbers such as ² that Go treats as neither letter nor digit.
        wrong = next((i for i, c in enumerate(value) if not _is_identifier(c)), len(value))
        if wrong == 0:
            return _error(text, start)
        value = value[:wrong]
    if value in _KEYWORDS:
        return Token(value, start, value)
    if value == "lambda" and text.startswith(":", start + 6):
        return Token("lambda", start, "lambda:")
    return Token("ident", start, value)


def _is_identifier(char: str) -> bool:
    return char.isalpha() or char.isdecimal() or char == "_"


def _error(text: str, offset: int) -> Token:
    found = _SKIP.match(text, offset)
    start = found.end() if found else offset
    char = text[start]
    what = {
        "'": "a string is not closed: its ' is missing",
        '"': 'a reference is not closed: its " is missing',
        "/": "a regular expression is not closed: its / is missing",
    }.get(char, f"unexpected character '{char}'")
    if text.startswith("'''", start):
        what = "a string is not closed: its ''' is missing"
    return Token("error", start, what)


INT_MAX = 2**63 - 1
_DURATION = re.compile(r"([0-9]+)(ms|[uµsmhdw])")


def read_number(text: str) -> tuple[int | float, int]:
    """Return the value and the base of a number; a leading zero means octal.

    Raises:
        BmtickError: Kapacitor refuses the number, or it is out of range.
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
    # Python refuses to convert thousands of digits; an int64 has at most 22.
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

    Kapacitor computes in 64 bits and detects an overflow only if the result is negative. Other
    overflows are returned as it computes them.

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
