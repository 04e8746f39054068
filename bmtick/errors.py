"""The error type of the program: what is wrong, where, and how to fix it.

Exit statuses are the contract's: 0 done, 1 a finding, 2 wrong use or wrong input.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, whose import costs the collector 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

EXIT_DONE = 0
EXIT_FINDING = 1
EXIT_WRONG_USE = 2

_MAX_TEXT = 1_000  # characters of a message
_SPACES = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"  # in French and German numbers
_MAX_EXCERPT = 200  # columns of a source line shown in a message


class Location(tuple[str, int, int]):  # no namedtuple: ``collections`` costs 2 ms at each start
    """A place in a text: the file's name, line and column from 1 (0: unknown)."""

    __slots__ = ()

    def __new__(cls, file: str, line: int = 0, column: int = 0) -> Self:
        """Return it as a tuple of its three parts."""
        return super().__new__(cls, (file, line, column))

    def __getnewargs__(self) -> tuple[str, int, int]:
        """Tell pickle what ``__new__`` takes."""
        return self.file, self.line, self.column

    @property
    def file(self) -> str:
        """As the user named it."""
        return self[0]

    @property
    def line(self) -> int:
        """From 1; 0 where it is not known."""
        return self[1]

    @property
    def column(self) -> int:
        """From 1; 0 where it is not known."""
        return self[2]

    def in_line(self, line: int) -> Location:
        """Return the same place in another line."""
        return Location(self.file, line, self.column)

    def __str__(self) -> str:
        """Return ``FILE:LINE:COL`` without unknown parts."""
        parts = [printable(self.file)]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


class BmtickError(Exception):
    """Wrong input or wrong use: printed as one clear message, never as a traceback.

    Args:
        message: what is wrong, in one sentence without a full stop.
        location: where, if it is in a text or a file.
        remedy: how the user can fix it.
        excerpt: the source line of ``location``, for the caret.
        key: the path of the wrong key in a settings file, if it is one.
    """

    def __init__(
        self,
        message: str,
        *,
        location: Location | None = None,
        remedy: str = "",
        excerpt: str = "",
        key: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.remedy = remedy
        self.excerpt = excerpt
        self.key = key

    def __str__(self) -> str:
        """Return the message as printed on stderr: location, cause, line with caret, remedy."""
        return render_message(
            "error",
            self.message,
            location=self.location,
            remedy=self.remedy,
            excerpt=self.excerpt,
        )


def render_message(
    severity: str,
    message: str,
    *,
    location: Location | None = None,
    remedy: str = "",
    excerpt: str = "",
) -> str:
    """Format one finding as ``FILE:LINE:COL: SEVERITY: MESSAGE``, source line, caret, remedy."""
    where = f"{location}: " if location else ""
    text = f"{where}{severity}: {printable(_shortened(message))}"
    if remedy:
        text += f" ({printable(_shortened(remedy))})"
    if excerpt and location and location.column:
        start = max(0, location.column - 1 - _MAX_EXCERPT // 2)
        shown = excerpt[start : start + _MAX_EXCERPT]
        caret = " " * len(printable(excerpt[start : location.column - 1]))
        text += f"\n    {printable(shown)}\n    {caret}^"
    return text


def _shortened(text: str) -> str:
    """Shorten a text in the middle: hostile names and values may be very long."""
    if len(text) <= _MAX_TEXT:
        return text
    return f"{text[: _MAX_TEXT // 2]} ... {text[-_MAX_TEXT // 2 :]}"


def printable(text: str) -> str:
    r"""Make hostile text safe for a terminal: control characters become ``\xNN`` escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _SPACES else _escape(c) for c in text)


def _escape(char: str) -> str:
    return " " if char == "\t" else char.encode("unicode_escape", "surrogatepass").decode("ascii")


def nearest(name: str, candidates: Iterable[str]) -> str:
    """Return ``did you mean 'X'?`` for the nearest candidate, or ``""``."""
    from difflib import get_close_matches  # noqa: PLC0415 -- costs 5 ms, only after a typing error

    found = get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return f"did you mean '{found[0]}'?" if found else ""
