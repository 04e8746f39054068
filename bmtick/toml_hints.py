"""Explain TOML syntax errors in plain words, with a fix.

``tomllib`` reports where parsing stopped. People make few mistakes: a duplicate key, a missing
quote, ``:`` for ``=``, ``True`` for ``true``. The line where parsing stopped shows which one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_KEY = re.compile(r"""\s*(["']?)([\w.-]+)\1\s*=""")
_HEADER = re.compile(r"\s*\[\[?\s*([^\]]*?)\s*\]")
_SET = re.compile(r"""=\s*\{(\s*(?:"[^"]*"|'[^']*')\s*(?:,.*)?)\}""")
_BARE = re.compile(r"[^\s,\]}#\"'=]+")


_COMMENTS = ("//", ";", "--", "/*")
_NUMBER = re.compile(r"([0-9][0-9.,'_ ]*?) ?([a-zA-Zµ%]*)")
_DURATIONS = ("ns", "u", "µ", "ms", "s", "m", "h", "d", "w")
_WORD = re.compile(r"[\w.:/@+*-]+")


class Hint(NamedTuple):
    """Message, remedy, and column and line from 1 (0: unchanged)."""

    message: str
    remedy: str
    column: int = 0
    line: int = 0


def hint(said: str, text: str, line: int, column: int) -> Hint | None:
    """Return what is wrong in plain words, or None if it is not known.

    Args:
        said: tomllib's message.
        text: the whole text.
        line: where parsing stopped, from 1.
        column: from 1.
    """
    lines = text.split("\n")
    here = lines[line - 1] if 0 < line <= len(lines) else ""
    if said.startswith("Cannot overwrite a value"):
        return _key_twice(lines, line)
    if said.startswith("Cannot declare"):
        return _section_twice(lines, line)
    if "Illegal character '\\n'" in said or said.startswith("Unterminated string"):
        return _open_text(here)
    if said.startswith('Expected "\'"'):  # noticed only at the end of the document
        odd = (n for n, other in enumerate(lines, 1) if other.count("'") % 2)
        begin = next(odd, line)
        return _open_text(lines[begin - 1])._replace(line=begin)
    if said.startswith(("Invalid value", "Unclosed array")) and 0 < line <= len(lines):
        open_list = _open_list(lines, line, column)
        if open_list or said.startswith("Invalid value"):
            return open_list or _value(here, column)
    if said.startswith("Expected newline or end of document"):
        return _more(here, column)
    return _no_statement(said, here) or _sign(said, here, column)


def _no_statement(said: str, here: str) -> Hint | None:
    """Explain a line in another language's syntax."""
    if said.startswith("Invalid initial character for a key part") and not here.strip(" []"):
        return Hint("a section has a name", "write it like [notify]", here.index("[") + 1)
    spaced = _HEADER.match(here)
    if said.startswith("Expected ']'") and spaced and " " in spaced[1]:
        name = spaced[1].replace(" ", "_")
        return Hint("the name of a section has no spaces", f"write [{name}]", spaced.start(1) + 1)
    if not said.startswith(("Invalid statement", "Expected '='")):
        return None
    if here.lstrip().startswith(("{", '"""')):
        return Hint("a line is KEY = VALUE or a [SECTION]", "'bmtick init' writes an example")
    if listed := _SET.search(here):
        text = f"write [{listed[1].strip()}]"
        return Hint("a list stands in [ and ]", text, here.index("{", listed.start()) + 1)
    return None


def _sign(said: str, here: str, column: int) -> Hint | None:
    """Explain a missing or wrong character."""
    if said.startswith("Expected '='"):
        if here[column - 1 : column] == ":":
            return Hint("a key and its value are joined by '='", "write '=' in place of ':'")
        return Hint("'=' is missing after the key", f"write it like {here.split()[0]} = ...")
    if said.startswith("Unclosed array"):
        return Hint("a comma or ']' is missing here", 'write a list like ["one", "two"]')
    if said.startswith("Expected ']'"):
        return Hint("']' is missing", f"write {here.rstrip()}]")
    if said.startswith("Unclosed inline table"):
        return Hint("'}' is missing", f"write {here.rstrip()} }}")
    if said.startswith("Unescaped"):
        return Hint("a backslash in a text", r"write it twice, \\, or the text in '...'")
    if said.startswith("Invalid statement"):
        rest = here[column - 1 :].lstrip()
        if rest.startswith("="):
            return Hint("the key before '=' is missing", "write KEY = VALUE")
        if rest.startswith(_COMMENTS):
            return Hint("no comment begins so", "write # before it")
    return None


def _more(here: str, column: int) -> Hint:
    """Explain unexpected text after a value."""
    if here[column - 1 :].lstrip().startswith(_COMMENTS):
        return Hint("no comment begins so", "write # before it")
    rest = here[column - 1 :].strip()
    if rest == "," or rest.startswith(", #"):
        return Hint("no comma stands between lines", "take it out", here.index(",", column - 1) + 1)
    if (header := _HEADER.match(here)) and rest.startswith("]"):
        return Hint("one ']' is too many", f"write {header[0].strip()}", column)
    match = _KEY.match(here)
    value = here[match.end() :].partition("#")[0].strip() if match else ""
    begin = here.find(value) + 1
    number = _NUMBER.fullmatch(value)
    if number and number[2] in _DURATIONS:
        return Hint(f"a stretch of time is a text: {value}", f'write "{value}"', begin)
    if number and re.fullmatch(r"[0-9]+,[0-9]{1,2}", number[1]):  # French and German decimal comma
        return Hint(
            f"a number has a point, not {value}", f"write {number[1].replace(',', '.')}", begin
        )
    if number:
        digits = re.sub(r"[^0-9]", "", number[1]).lstrip("0") or "0"
        return Hint(f"a number is digits alone, not {value}", f"write {digits}", begin)
    if _WORD.fullmatch(value):
        return Hint(f"a text stands in quotes: {value}", f'write "{value}"', begin)
    return Hint("there is more after the value", "write one key and value on each line")


def _open_list(lines: list[str], line: int, column: int) -> Hint | None:
    """Find the start of a list that is not closed."""
    rest = [lines[line - 1][column - 1 :], *lines[line:]]
    if any(part.partition("#")[0].strip() for part in rest):
        return None
    for number in range(line, 0, -1):
        if match := _KEY.match(lines[number - 1]):
            value = lines[number - 1][match.end() :].strip()
            if value.startswith("[") and not value.endswith("]"):
                begin = lines[number - 1].index("[", match.end()) + 1
                return Hint(
                    "this list has no end", "write ']' behind its last value", begin, number
                )
            return None
    return None


def _key_twice(lines: list[str], line: int) -> Hint | None:
    match = _KEY.match(lines[line - 1])
    if not match:
        return None
    first = 0
    for number, other in enumerate(lines[: line - 1], 1):
        if _HEADER.match(other):
            first = 0  # the duplicate must be in the same section
        elif (found := _KEY.match(other)) and found[2] == match[2]:
            first = first or number
    where = f", first in line {first}" if first else ""
    return Hint(f"'{match[2]}' is set twice{where}", "take one of them out", match.start(2) + 1)


def _section_twice(lines: list[str], line: int) -> Hint | None:
    match = _HEADER.match(lines[line - 1])
    if not match:
        return None
    first = next(
        (
            number
            for number, other in enumerate(lines[: line - 1], 1)
            if (found := _HEADER.match(other)) and found[1] == match[1]
        ),
        0,
    )
    where = f", first in line {first}" if first else ""
    return Hint(
        f"section [{match[1]}] is there twice{where}",
        "put its keys together under one",
        match.start(1) + 1,
    )


def _open_text(here: str) -> Hint:
    mixed = re.search(r"""(["'])([^"']*)(?!\1)["'][\s,\]}]*(?:#.*)?$""", here)
    if mixed and here.count(mixed[1]) % 2:
        what = f"a text that begins with {mixed[1]} ends with it"
        return Hint(what, f"write {mixed[1]}{mixed[2]}{mixed[1]}", mixed.start() + 1)
    quote = "'" if here.count("'") % 2 and not here.count('"') % 2 else '"'
    begin = here.rfind(quote)
    inside = here[begin + 1 :].strip().rstrip("]},")
    return Hint(
        f"a text has no closing {quote}", f"write {quote}{inside}{quote}", max(1, begin + 1)
    )


def _value(here: str, column: int) -> Hint | None:
    column += len(here[column - 1 :]) - len(here[column - 1 :].lstrip())
    return _value_at(here, column, here[column - 1 :].strip())


def _value_at(here: str, column: int, rest: str) -> Hint | None:
    if not rest or rest.startswith("#"):
        return Hint("the value is missing", "write it after '=', \"\" for an empty text")
    if rest[0] in "\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb":
        return Hint(f"{rest[0]} is no quote that TOML knows", 'write straight ones: "..."')
    if _KEY.match(here) and _KEY.match(here[column - 1 :]):
        return Hint("the list that begins above has no end", "write ']' before this line")
    if found := _no_value(here, column, rest):
        return found
    word = _BARE.match(rest)
    if not word:
        return None
    if word[0].lower() in ("true", "false"):
        return Hint(f"'{word[0]}' is no value", f"write {word[0].lower()}")
    if word[0].lower() in ("yes", "no", "on", "off", "none", "null"):
        return Hint(f"'{word[0]}' is no value", f'write true or false, or as a text "{word[0]}"')
    return Hint(f"a text stands in quotes: {word[0]}", f'write "{word[0]}"', column)


def _no_value(here: str, column: int, rest: str) -> Hint | None:
    """Explain a character in place of a value."""
    if rest[0] == "=":
        return Hint("one '=' is enough", "take this one out", column)
    if rest[0] == "}" and here[: column - 1].count("[") > here[: column - 1].count("]"):
        return Hint("']' is missing", "write ']' before this '}'", column)
    if rest[0] == "(":
        inside = rest[1:].partition(")")[0].strip()
        return Hint("a list stands in [ and ]", f"write [{inside}]", column)
    if rest[0] == "$":
        return Hint("variables of the environment are not put in", "write the value", column)
    return None
