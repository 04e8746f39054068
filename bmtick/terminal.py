"""Output for a terminal or a pipe: tables that fit, colour only on a terminal.

NO_COLOR is respected. Values from logs are hostile: they are printed as text, never as markup or
control codes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Self

from bmtick.errors import printable

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH: Final = 100  # columns if the width is unknown
_GAP: Final = 2
_WHOLE: Final = (24, 16, 10)  # columns: the first sufficient width; a shorter cell is not wrapped
_READABLE: Final = 30  # minimum columns of a long text
_INDENT: Final = 4
_STYLES: Final = {
    "CRITICAL": "bold red",
    "WARNING": "yellow",
    "INFO": "cyan",
    "OK": "green",
    "suspect": "bold red",
    "unusual": "yellow",
    "held": "bold magenta",
    "running": "green",
    "not running": "red",
    "failed": "red",
}


class Styled(str):
    """A cell with its own colour; other cells have the colour of their word."""

    __slots__ = ("style",)
    style: str

    def __new__(cls, text: str, style: str = "") -> Self:
        """Create one; ``style`` is rich's."""
        made = super().__new__(cls, text)
        made.style = style
        return made


def console(*, stderr: bool = False) -> Console:
    """Return a rich console on stdout (or stderr) that interprets no markup in values."""
    from rich.console import Console  # noqa: PLC0415 -- costs 30 ms, only for tables

    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream, width=_width(stream.isatty()), markup=False, highlight=False, emoji=False
    )


def _width(terminal: bool) -> int:
    if terminal:
        import shutil  # noqa: PLC0415 -- costs 5 ms, only for tables

        return shutil.get_terminal_size().columns
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdigit() and int(given) else _PIPE_WIDTH


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, more: int = 0) -> None:
    """Print a table on stdout that fits the width; if impossible, one block of lines per row.

    Long texts wrap between words; a long last column that would be narrow is printed below its row.
    A word, such as an address, is never split, so that it can be copied.

    Args:
        columns: the headings.
        rows: the cells; a level or a verdict has its colour on a terminal.
        more: number of further rows that are not shown.
    """
    from rich.table import Table  # noqa: PLC0415 -- as above
    from rich.text import Text  # noqa: PLC0415

    out = console()
    cells = [
        [Styled(printable(str(value)), getattr(value, "style", "")) for value in row]
        for row in rows
    ]
    widths = column_widths(columns, cells, out.width)
    if _is_text_below(columns, cells, widths, out.width):
        _print_below(out, columns, cells)
    elif widths is None:
        _print_lines(out, columns, cells)
    else:
        table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0))
        for head, width, column in zip(columns, widths, _columns(columns, cells), strict=True):
            table.add_column(head, width=width, justify="right" if _is_numeric(column) else "left")
        for row in cells:
            table.add_row(*(Text(cell, style=_style(cell)) for cell in row))
        out.print(table, soft_wrap=False)
    if more:
        out.print(Text(f"... and {more:,} more", style="dim"))


def column_widths(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width: int
) -> list[int] | None:
    """Return the column widths of a table that fits, or None if words are too long."""
    parts = [[head, *column] for head, column in zip(columns, _columns(columns, rows), strict=True)]
    natural = _natural(columns, rows)
    words = [
        max(_cells(word) for cell in cells for word in cell.split() or [""]) for cells in parts
    ]
    room = width - _GAP * len(columns)  # rich pads the last column, too
    if sum(natural) <= room:
        return natural
    for whole in _WHOLE:
        least = [min(n, max(whole, word)) for n, word in zip(natural, words, strict=True)]
        spare = room - sum(least)
        if spare >= 0:  # for the columns that need most
            lacking = [n - short for n, short in zip(natural, least, strict=True)]
            return [
                short + spare * lack // sum(lacking)
                for short, lack in zip(least, lacking, strict=True)
            ]
    return None


def _is_text_below(
    columns: Sequence[str], rows: Sequence[Sequence[str]], widths: list[int] | None, width: int
) -> bool:
    """Whether the last column is a long text that is more readable below its row."""
    if len(columns) < 2 or not rows:
        return False
    *short, text = _natural(columns, rows)
    broken = widths is None or (widths[-1] < _READABLE and text > 2 * widths[-1])
    return text > _READABLE and broken and sum(short) + _GAP * (len(short) - 1) <= width


def _natural(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    return [
        max(map(_cells, [head, *column]))
        for head, column in zip(columns, _columns(columns, rows), strict=True)
    ]


def _print_below(out: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    import textwrap  # noqa: PLC0415 -- as above

    from rich.text import Text  # noqa: PLC0415

    widths = _natural(columns, rows)[:-1]
    right = [_is_numeric(column) for column in _columns(columns, rows)]
    for number, row in enumerate([columns, *rows]):
        line = Text(style="" if number else "bold")
        for index, (cell, width) in enumerate(zip(row[:-1], widths, strict=True)):
            space = " " * (width - _cells(cell))
            line.append(space if right[index] else "")
            line.append(cell, style=_style(cell) if number else "")
            line.append(("" if right[index] else space) + " " * _GAP)
        line.rstrip()
        out.print(line, soft_wrap=True)
        for part in textwrap.wrap(
            row[-1], out.width - _INDENT, break_long_words=False, break_on_hyphens=False
        ):
            out.print(Text(" " * _INDENT + part, style="" if number else "bold"), soft_wrap=True)


def _print_lines(out: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.text import Text  # noqa: PLC0415 -- as above

    margin = max(map(_cells, columns)) + _GAP
    for number, row in enumerate(rows):
        if number:
            out.print()
        for head, cell in zip(columns, row, strict=True):
            if cell:
                line = Text(head.ljust(margin), style="bold")
                out.print(line.append(cell, style=_style(cell) or "not bold"), soft_wrap=True)


def _style(cell: str) -> str:
    return getattr(cell, "style", "") or _STYLES.get(cell, "")


def _columns(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[row[index] for row in rows] for index in range(len(columns))]


def _is_numeric(column: Sequence[str]) -> bool:
    """Whether a column contains numbers; some may be unknown."""
    known = [cell.replace(",", "").replace(".", "", 1).lstrip("-") for cell in column if cell]
    return bool(known) and all(cell.isdecimal() for cell in known)


def _cells(text: str) -> int:
    from rich.cells import cell_len  # noqa: PLC0415 -- as above

    return cell_len(text)


def shell_quoted(argument: str) -> str:
    """Quote one argument of a command that is shown for pasting into a shell."""
    import shlex  # noqa: PLC0415 -- not needed to collect

    return shlex.quote(printable(argument))
