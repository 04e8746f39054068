"""When an alert is active: hours, days and maintenance, as a TICKscript condition on the time.

Kapacitor evaluates ``hour()``, ``minute()`` and ``weekday()`` in its machine's local time
(``expr.go`` sets ``"time"`` with ``Local()``); Sunday is 0. ``unixNano()`` is absolute.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bmtick.errors import BmtickError

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_HOURS = re.compile(r"([01]?[0-9]|2[0-4])(?::([0-5][0-9]))?-([01]?[0-9]|2[0-4])(?::([0-5][0-9]))?")
_DAYS = re.compile(rf"({'|'.join(DAYS)})(?:-({'|'.join(DAYS)}))?")
_MINUTE = 'hour("time") * 60 + minute("time")'


def check_hours(text: str) -> str:
    """Accept ``08:00-18:00`` or ``8-18``; ``22-06`` crosses midnight."""
    _hours(text)
    return text


def check_days(text: str) -> str:
    """Accept ``mon`` or ``mon-fri``; ``sat-mon`` crosses the end of the week."""
    _days(text)
    return text


def check_maintenance(text: str) -> str:
    """Accept ``DAYS HOURS`` each week, or ``START/END`` with offsets."""
    if "/" in text:
        _interval(text)
    else:
        days, _, hours = text.partition(" ")
        try:
            _days(days)
            _hours(hours.strip())
        except BmtickError:
            raise BmtickError(
                f"'{text}' is not a time of maintenance",
                remedy="like 'sat 22:00-23:30' or '2026-12-24T18:00+01:00/2026-12-25T06:00+01:00'",
            ) from None
    return text


def condition(values: Mapping[str, Any]) -> str:
    """Return the condition under which the alert is active; empty: always.

    Args:
        values: ``active_hours``, ``active_days`` and ``maintenance``, already checked.
    """
    terms: list[str] = []
    if values.get("active_hours"):
        terms.append(_any([_hours_term(text) for text in values["active_hours"]]))
    if values.get("active_days"):
        terms.append(_any([_days_term(text) for text in values["active_days"]]))
    terms += [f"!{_maintenance_term(text)}" for text in values.get("maintenance", [])]
    return " AND ".join(terms)


def _any(terms: list[str]) -> str:
    return terms[0] if len(terms) == 1 else f"({' OR '.join(terms)})"


def _hours(text: str) -> tuple[int, int]:
    match = _HOURS.fullmatch(text)
    if match:
        start = int(match[1]) * 60 + int(match[2] or 0)
        end = int(match[3]) * 60 + int(match[4] or 0)
        if start < 1440 and end <= 1440 and start != end:
            return start, end
    raise BmtickError(f"'{text}' are not hours of the day", remedy="like 08:00-18:00 or 22-06")


def _days(text: str) -> tuple[int, int]:
    match = _DAYS.fullmatch(text.lower())
    if not match:
        raise BmtickError(f"'{text}' are not days of the week", remedy="like sat or mon-fri")
    first = DAYS.index(match[1])
    return first, DAYS.index(match[2]) if match[2] else first


def _interval(text: str) -> tuple[int, int]:
    remedy = "like 2026-12-24T18:00+01:00/2026-12-25T06:00+01:00"
    try:
        start, end = (datetime.fromisoformat(part.strip()) for part in text.split("/"))
    except ValueError:
        raise BmtickError(f"'{text}' is not START/END", remedy=remedy) from None
    if start.tzinfo is None or end.tzinfo is None:
        raise BmtickError(f"'{text}' has no offset from UTC", remedy=remedy)
    if end <= start:
        raise BmtickError(f"'{text}' ends before it starts", remedy=remedy)
    return int(start.timestamp()) * 10**9, int(end.timestamp()) * 10**9


def _between(value: str, start: int, end: int) -> str:
    """Return ``start <= value < end``; the range wraps around if start is after end."""
    joint = "AND" if start < end else "OR"
    return f"({value} >= {start} {joint} {value} < {end})"


def _hours_term(text: str) -> str:
    start, end = _hours(text)
    if start % 60 == 0 and end % 60 == 0:
        return _between('hour("time")', start // 60, end // 60)
    return _between(_MINUTE, start, end)


def _days_term(text: str) -> str:
    first, last = _days(text)
    if first == last:
        return f'(weekday("time") == {first})'
    if first < last:
        return f'(weekday("time") >= {first} AND weekday("time") <= {last})'
    return f'(weekday("time") >= {first} OR weekday("time") <= {last})'


def _maintenance_term(text: str) -> str:
    if "/" in text:
        start, end = _interval(text)
        return _between('unixNano("time")', start, end)
    days, _, hours = text.partition(" ")
    start, end = _hours(hours.strip())
    if start < end:
        return f"({_days_term(days)} AND {_hours_term(hours.strip())})"
    first, last = _days(days)
    following = f"{DAYS[(first + 1) % 7]}-{DAYS[(last + 1) % 7]}"
    evening = f"({_days_term(days)} AND {_MINUTE} >= {start})"
    return f"({evening} OR ({_days_term(following)} AND {_MINUTE} < {end}))"
