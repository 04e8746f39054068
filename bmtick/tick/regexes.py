"""Regular expressions in Go's syntax, with Google's RE2 library.

Go's ``regexp`` and RE2 have the same syntax and semantics (linear time, leftmost-first, no
look-around, no back-references); Python's ``re`` has not.
"""

from __future__ import annotations

import functools
import re
from typing import Protocol

import re2

from bmtick.errors import BmtickError

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False  # otherwise RE2 writes to stderr

_ESCAPE = re.compile(r"\\Q.*?(?:\\E|\Z)|\\(.)", re.DOTALL)
_GROUP = re.compile(r"\$(?:\$|([A-Za-z0-9_]+)|\{([A-Za-z0-9_]+)\})")


class Match(Protocol):
    """The methods of a match that are used."""

    def group(self, *args: int | str) -> str | None: ...  # noqa: D102 -- as re.Match

    def start(self) -> int: ...  # noqa: D102 -- as re.Match

    def end(self) -> int: ...  # noqa: D102 -- as re.Match


class Regex:
    """A compiled expression with the methods of Go's ``Regexp`` that TICKscript uses."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        try:
            if any(match[1] == "C" for match in _ESCAPE.finditer(pattern)):  # not in Go's syntax
                raise BmtickError(f"invalid escape sequence in the regular expression '{pattern}'")
            self._compiled = re2.compile(pattern, _OPTIONS)
        except re2.error as error:
            reason = error.args[0] if error.args else ""
            text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
            raise BmtickError(
                f"the regular expression does not parse: {text}",
                remedy="Kapacitor takes Go's RE2 syntax: no look-around, no back-references",
            ) from None
        except UnicodeEncodeError:
            raise BmtickError("the regular expression holds an invalid character") from None

    def match_string(self, text: str) -> bool:
        """Return whether the expression matches anywhere in text."""
        return self._compiled.search(text) is not None

    def replace_all(self, text: str, template: str) -> str:
        """Replace each match by template with ``$1`` and ``${name}`` expanded, as Go does."""
        parts: list[str] = []
        last = 0
        for match in self._compiled.finditer(text):
            # Go ignores an empty match directly after the previous match.
            if match.end() == match.start() == last and last and parts:
                continue
            parts += (text[last : match.start()], self._expand(template, match))
            last = match.end()
        return "".join((*parts, text[last:]))

    def _expand(self, template: str, match: Match) -> str:
        def group(found: re.Match[str]) -> str:
            name = found[1] or found[2]
            if name is None:
                return "$"
            key: int | str = int(name) if name.isdigit() else name
            if isinstance(key, int) and key > self._compiled.groups:
                return ""
            if isinstance(key, str) and key not in self._compiled.groupindex:
                return ""
            return match.group(key) or ""

        return _GROUP.sub(group, template)


@functools.lru_cache(maxsize=512)
def compile_regex(pattern: str) -> Regex:
    """Compile a pattern in Go's syntax.

    Raises:
        BmtickError: Go's ``regexp`` refuses it; the caller adds the location.
    """
    return Regex(pattern)
