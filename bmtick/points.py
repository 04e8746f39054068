"""Points, and InfluxDB's line protocol: parse and format, safe for hostile values.

Source of the grammar: influxdata/influxdb ``models/points.go`` (1.x); see also ``escaping``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bmtick.errors import BmtickError, Location
from bmtick.escaping import Value, cleaned, escape_key, escape_measurement, format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "Point",
    "Value",
    "escape_key",
    "escape_measurement",
    "format_value",
    "parse_lines",
]


@dataclass(slots=True)
class Point:
    """One point of a series; ``time`` in nanoseconds since the epoch."""

    name: str
    tags: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Value] = field(default_factory=dict)
    time: int = 0

    def to_line(self) -> str:
        """Return the point in line protocol, tags sorted, without a newline."""
        head = escape_measurement(self.name)
        tags = {cleaned(key): value for key, value in self.tags.items() if value != ""}
        for key in sorted(tags):  # sorted as stored: writing it again keeps the order
            head += f",{escape_key(key)}={escape_key(tags[key])}"
        body = ",".join(f"{escape_key(k)}={format_value(v)}" for k, v in self.fields.items())
        return f"{head} {body} {self.time}"


def parse_lines(lines: Iterable[str], *, file: str = "-", now: int = 0) -> Iterator[Point]:
    """Parse line protocol, one point a line; empty lines and ``#`` comments are skipped.

    Args:
        lines: the text, line by line.
        file: its name, for error messages.
        now: the time, in nanoseconds, of points without one.

    Raises:
        BmtickError: a line is not line protocol; with its place.
    """
    for number, raw in enumerate(lines, 1):
        line = raw.rstrip("\r\n")
        plain = _plain_point(line)
        if plain is not None:
            yield plain
        elif line.strip() and not line.lstrip().startswith("#"):
            yield _Parser(line, file, number).point(now)


def _plain_point(line: str) -> Point | None:
    """Parse a common line without escapes and strings; return None for others: see _Parser."""
    if "\\" in line or '"' in line or line.startswith("#"):
        return None
    try:
        head, body, time = line.split(" ")
        name, *pairs = head.split(",")
        tags = dict([pair.split("=") for pair in pairs])
        fields: dict[str, Value] = {}
        for pair in body.split(","):
            key, value = pair.split("=")
            fields[key] = _scalar(value)
        moment = int(time) if time.isdecimal() and int(time) < _LIMIT - 1 else None
    except ValueError:
        return None
    if moment is None or not name or not all(tags) or not all(tags.values()) or not all(fields):
        return None
    return Point(name, tags, fields, moment)


class _Parser:
    """Parses one line; ``at`` is the offset of the next character."""

    def __init__(self, line: str, file: str, number: int) -> None:
        self.line, self.file, self.number, self.at = line, file, number, 0

    def fail(self, message: str, remedy: str) -> BmtickError:
        location = Location(self.file, self.number, self.at + 1)
        return BmtickError(message, location=location, remedy=remedy, excerpt=self.line)

    def point(self, now: int) -> Point:
        name = self.token(", ", "a measurement name")
        tags: dict[str, str] = {}
        while self.accept(","):
            key = self.token("=", "a tag key, followed by '='")
            self.expect("=")
            tags[key] = self.token(", ", f"a value of tag '{key}'")
        self.expect(" ")
        while self.accept(" "):  # InfluxDB accepts any number of them
            pass
        fields: dict[str, Value] = {}
        while True:
            key = self.token("=", "a field key, followed by '='")
            self.expect("=")
            fields[key] = self.value()
            if not self.accept(","):
                break
        return Point(name, tags, fields, self.time(now))

    def accept(self, char: str) -> bool:
        if self.line.startswith(char, self.at):
            self.at += 1
            return True
        return False

    def expect(self, char: str) -> None:
        if not self.accept(char):
            what = "a space and the fields" if char == " " else f"'{char}'"
            raise self.fail(
                f"expected {what}", "a point is: name,tag=value field=1i,other=2.5 TIME"
            )

    def token(self, stops: str, what: str) -> str:
        start, out = self.at, []
        while self.at < len(self.line) and self.line[self.at] not in stops:
            char = self.line[self.at]
            following = self.line[self.at + 1 : self.at + 2]
            if char == "\\" and following in (",", "=", " "):
                self.at += 1
                char = following
            elif char == " ":
                break
            out.append(char)
            self.at += 1
        if self.at == start:
            raise self.fail(f"expected {what}", "escape spaces, commas and '=' with a backslash")
        return "".join(out)

    def value(self) -> Value:
        if self.accept('"'):
            return self.string()
        start = self.at
        while self.at < len(self.line) and self.line[self.at] not in ", ":
            self.at += 1
        text = self.line[start : self.at]
        try:
            return _scalar(text)
        except ValueError:
            self.at = start
            raise self.fail(
                f"'{text}' is not a field value",
                'write 1i for an integer, 1.5 for a float, true, or "text" in quotes',
            ) from None

    def string(self) -> str:
        out: list[str] = []
        while self.at < len(self.line):
            char = self.line[self.at]
            self.at += 1
            if char == '"':
                return "".join(out)
            if char == "\\" and self.line[self.at : self.at + 1] in ("\\", '"'):
                char = self.line[self.at]
                self.at += 1
            out.append(char)
        raise self.fail("the string does not end", 'close it with "')

    def time(self, now: int) -> int:
        rest = self.line[self.at :].strip()
        if not rest:
            return now
        if _TIME.fullmatch(rest) and abs(int(rest)) < _LIMIT - 1:
            return int(rest)
        raise self.fail(
            f"'{rest}' is not a time",
            "times are integers, nanoseconds since 1970, of the years 1678 to 2261",
        )


_BOOLS = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), False),
}
_LIMIT = 2**63  # integers and times have 64 bits
_TIME = re.compile(r"-?[0-9]+")
_INTEGER = re.compile(r"[+-]?[0-9]+i")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def _scalar(text: str) -> Value:
    if text in _BOOLS:
        return _BOOLS[text]
    if _INTEGER.fullmatch(text):
        number = int(text[:-1])
        if -_LIMIT <= number < _LIMIT:
            return number
        raise ValueError(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    raise ValueError(text)
