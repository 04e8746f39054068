"""Cron expressions, as in ``.cron()`` of a query.

Source: github.com/gorhill/cronexpr, which Kapacitor uses. An expression has five fields; a sixth is
the year; with seven, the first is the seconds. ``L``, ``W`` and ``#`` are allowed in the days. If
both kinds of day are restricted, one match is enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

from bmtick.durations import SECOND
from bmtick.engine.gotemplate.gotime import local

_ALIASES: Final = {
    "@yearly": "0 0 0 1 1 * *",
    "@annually": "0 0 0 1 1 * *",
    "@monthly": "0 0 0 1 * * *",
    "@weekly": "0 0 0 * * 0 *",
    "@daily": "0 0 0 * * * *",
    "@hourly": "0 0 * * * * *",
}
_MONTHS: Final = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_DAYS: Final = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
_LAST_YEAR: Final = 2099


class CronError(Exception):
    """An invalid cron expression; the text is Kapacitor's."""


class _Field:
    """One field: its name in messages, its limits, and the names of its values."""

    def __init__(
        self, name: str, minimum: int, maximum: int, names: list[str] | None = None
    ) -> None:
        self.name, self.minimum, self.maximum = name, minimum, maximum
        self.names = {
            text: number
            for number, full in enumerate(names or [], minimum)
            for text in (full, full[:3])
        }

    def number(self, text: str) -> int | None:
        """Return a value, or None if the text is invalid."""
        if text in self.names:
            return self.names[text]
        digits = 4 if self.name == "year" else 2
        if not re.fullmatch(rf"[0-9]{{1,{digits}}}", text):
            return None
        value = int(text)
        if self.name == "day-of-week" and value == 7:
            return 0
        return value if self.minimum <= value <= self.maximum else None

    def values(self, text: str) -> set[int] | None:
        """Return the values of an entry such as ``5-20/2``, or None if it is invalid."""
        body, slash, step_text = text.partition("/")
        first_text, dash, last_text = body.partition("-")
        step = 1
        if slash:
            if not step_text.isdecimal():
                return None
            step = int(step_text)
        if body in ("*", "?") and not (slash and body == "?"):
            first, last = self.minimum, self.maximum
        elif dash:
            begin, end = self.number(first_text), self.number(last_text)
            if begin is None or end is None:
                return None
            first, last = begin, end
        else:
            begin = self.number(body)
            if begin is None:
                return None
            first, last = begin, self.maximum if slash else begin
        if slash and not 1 <= step <= self.maximum:
            raise CronError(f"invalid interval {text}")
        return set(range(first, last + 1, step))


_SECOND = _Field("second", 0, 59)
_MINUTE = _Field("minute", 0, 59)
_HOUR = _Field("hour", 0, 23)
_DAY = _Field("day-of-month", 1, 31)
_MONTH = _Field("month", 1, 12, _MONTHS)
_WEEKDAY = _Field("day-of-week", 0, 6, _DAYS)
_YEAR = _Field("year", 1970, _LAST_YEAR)


class Cron:
    """The schedule of a cron expression, in the time of a zone.

    Raises:
        CronError: the text is not a cron expression.
    """

    def __init__(self, text: str) -> None:
        for alias, meaning in _ALIASES.items():
            text = text.replace(alias, meaning)
        fields = text.split()[:7]
        if len(fields) < 5:
            raise CronError("missing field(s)")
        seconds = fields.pop(0) if len(fields) == 7 else "0"
        self._seconds = self._list(_SECOND, seconds)
        self._minutes = self._list(_MINUTE, fields[0])
        self._hours = self._list(_HOUR, fields[1])
        self._days, self._day_rules, self._day_restricted = self._day_field(_DAY, fields[2])
        self._months = self._list(_MONTH, fields[3])
        self._weekdays, self._weekday_rules, self._weekday_restricted = self._day_field(
            _WEEKDAY, fields[4]
        )
        self._years = set(self._list(_YEAR, fields[5])) if len(fields) > 5 else None

    @staticmethod
    def _list(field: _Field, text: str) -> list[int]:
        found: set[int] = set()
        for entry in _entries(field, text):
            values = field.values(entry)
            if values is None:
                raise CronError(f"syntax error in {field.name} field: '{entry}'")
            found |= values
        if not found:
            raise CronError(
                f"the {field.name} field '{text}' names no value: Kapacitor crashes on it"
            )
        return sorted(found)

    @staticmethod
    def _day_field(field: _Field, text: str) -> tuple[set[int], list[str], bool]:
        """Return the days, the rules such as ``15w`` and ``5l``, and whether the field restricts."""
        found: set[int] = set()
        rules = []
        restricted = True
        pattern = r"l|lw|(.+)w" if field is _DAY else r"(.+)l|(.+)#[1-5]"
        for entry in _entries(field, text):
            values = field.values(entry)
            rule = re.fullmatch(pattern, entry) if values is None else None
            if values is not None:
                found |= values
                restricted = restricted and entry not in ("*", "?")
            elif rule and all(
                part is None or field.number(part) is not None for part in rule.groups()
            ):
                rules.append(entry)
            else:
                raise CronError(f"syntax error in {field.name} field: '{entry}'")
        return found, rules, restricted

    def next(self, after: int, zone: tzinfo) -> int | None:
        """Return the first time after a time, both in nanoseconds, or None if there is none."""
        start = local(after, zone)
        day = start.date()
        while day.year <= _LAST_YEAR:
            if self._on(day):
                for hour, minute, second in self._times():
                    moment = datetime(
                        day.year, day.month, day.day, hour, minute, second, tzinfo=zone
                    )
                    at = int(moment.timestamp()) * SECOND
                    if at > after:
                        return at
                day += timedelta(days=1)
            elif day.month in self._months and (self._years is None or day.year in self._years):
                day += timedelta(days=1)
            else:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        return None

    def _times(self) -> Iterator[tuple[int, int, int]]:
        for hour in self._hours:
            for minute in self._minutes:
                for second in self._seconds:
                    yield hour, minute, second

    def _on(self, day: date) -> bool:
        if day.month not in self._months or (self._years and day.year not in self._years):
            return False
        if not self._day_restricted and not self._weekday_restricted:
            return True
        weekday = day.isoweekday() % 7
        return (
            self._day_restricted
            and (day.day in self._days or any(_is_day(rule, day) for rule in self._day_rules))
        ) or (
            self._weekday_restricted
            and (
                weekday in self._weekdays
                or any(_is_weekday(rule, day) for rule in self._weekday_rules)
            )
        )


def _entries(field: _Field, text: str) -> list[str]:
    entries = [entry for entry in text.lower().split(",") if entry]
    if not entries:
        raise CronError(f"{field.name} field: missing directive")
    return entries


def _last_of_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def _is_day(rule: str, day: date) -> bool:
    last = _last_of_month(day)
    if rule == "l":
        return day == last
    wanted = last.day if rule == "lw" else _DAY.number(rule[:-1]) or 0
    return wanted <= last.day and day.day == _workday(day.replace(day=wanted), last)


def _workday(day: date, last: date) -> int:
    """Return the nearest weekday (Monday to Friday) within the month."""
    if day.isoweekday() == 6:
        return day.day - 1 if day.day > 1 else day.day + 2
    if day.isoweekday() == 7:
        return day.day + 1 if day.day < last.day else day.day - 2
    return day.day


def _is_weekday(rule: str, day: date) -> bool:
    name, mark, which = rule.partition("#")
    wanted = _WEEKDAY.number(name if mark else rule[:-1])
    if day.isoweekday() % 7 != wanted:
        return False
    return (day.day - 1) // 7 + 1 == int(which) if mark else day.day + 7 > _last_of_month(day).day
