"""The compact notation of a series: ``0+10x30 200x5 _x3``.

Like promtool's notation, with one difference: ``xN`` is the number of values, so ``200x5`` is five
times 200. ``A+BxN`` and ``A-BxN`` start at A with steps of B; ``_`` is a missing value. Strings are
in single quotes.
"""

from __future__ import annotations

import re
from typing import Final

from bmtick.errors import BmtickError
from bmtick.points import Value

_NUMBER: Final = r"-?[0-9]+(?:\.[0-9]+)?"
_ITEM: Final = re.compile(
    rf"\s*(?:(?P<start>{_NUMBER})(?P<step>[+-][0-9]+(?:\.[0-9]+)?)?"
    r"|(?P<missing>_)|(?P<bool>true|false)|'(?P<text>[^']*)')(?:x(?P<count>[0-9]+))?(?=\s|$)"
)
MAX_VALUES: Final = 1_000_000
_MAX_DIGITS: Final = 40
_LIMIT: Final = 2**63


def values(text: str, kind: str = "") -> list[Value | None]:
    """Return the values of a series; None is a missing value.

    Args:
        text: the notation.
        kind: ``float`` or ``int`` is the type of numbers; otherwise a decimal point decides.

    Raises:
        BmtickError: the notation is invalid; with the position.
    """
    found: list[Value | None] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _ITEM.match(text, position)
        if match is None:
            raise BmtickError(
                f"'{text[position:].strip()[:80]}' is not a series",
                remedy="write values such as 5, 5x3, 0+10x30, 'text'x2, true or _",
            )
        found += _item(match, kind)
        if len(found) > MAX_VALUES:
            raise BmtickError("a series of more than a million values", remedy="use a points file")
        position = match.end()
    return found


def _item(match: re.Match[str], kind: str) -> list[Value | None]:
    digits = (match["count"] or "1").lstrip("0")
    count = int(digits[:8] or 0)
    if count > MAX_VALUES:
        raise BmtickError("a series of more than a million values", remedy="use a points file")
    if match["missing"]:
        return [None] * count
    if match["bool"]:
        return [match["bool"] == "true"] * count
    if match["text"] is not None:
        return [match["text"]] * count
    start, step = match["start"], match["step"] or "0"
    if len(start) > _MAX_DIGITS or len(step) > _MAX_DIGITS:
        raise BmtickError(f"'{start[:_MAX_DIGITS]}...': a number of too many digits")
    is_float = kind == "float" or (kind != "int" and "." in start + step)
    if is_float:
        return [float(start) + float(step) * i for i in range(count)]
    if "." in start + step:
        raise BmtickError(f"'{match[0].strip()}': the field holds integers")
    first, by = int(start), int(step)
    if max(abs(first), abs(first + by * max(0, count - 1))) >= _LIMIT:
        raise BmtickError(f"'{match[0].strip()}': an integer has 64 bits")
    return [first + by * i for i in range(count)]
