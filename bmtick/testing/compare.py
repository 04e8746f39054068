"""Compares expected and actual events, and describes the differences."""

from __future__ import annotations

from datetime import datetime

from bmtick.durations import format_go_duration, parse_duration
from bmtick.engine import AlertEvent
from bmtick.errors import BmtickError, printable
from bmtick.testing.inputs import nanoseconds
from bmtick.testing.model import Case, Expectation, Silence, When

_FAR = 10**30  # further away than any event


def moment(when: When, begin: int) -> int:
    """Return the absolute time of a case's time or duration."""
    if isinstance(when, str):
        return begin + parse_duration(when)
    if isinstance(when, datetime) and when.tzinfo:
        return nanoseconds(when)
    raise BmtickError(
        f"'{when}' is not a time", remedy="write a duration in quotes, or a time with Z at its end"
    )


def compare(case: Case, events: list[AlertEvent], begin: int) -> list[str]:
    """Return the differences, one line each; empty if there are none."""
    left = list(events)
    failures: list[str] = []
    missing: list[Expectation] = []
    for expected in case.expect or []:
        found = next((e for e in left if not differences(expected, e, begin)), None)
        if found is None:
            missing.append(expected)
        else:
            left.remove(found)
    for expected in missing:
        failures += _missing(expected, left, begin)
    if case.expect is not None and case.others == "fail":
        failures += [f"+ {_shown(event, begin)}  (nobody expects it)" for event in left]
    for silence in case.silence:
        failures += _broken(silence, events, begin)
    return failures


def differences(expected: Expectation, event: AlertEvent, begin: int) -> list[str]:
    """Return how an event differs from the expected one."""
    found = []
    at = moment(expected.at, begin)
    if abs(event.time - at) > parse_duration(expected.within):
        found.append(f"at {_after(event.time, begin)}, not {_after(at, begin)}")
    for name in ("level", "id", "message"):
        want, got = getattr(expected, name), getattr(event, name)
        if want is not None and want != got:
            found.append(f"{name} '{got}', not '{want}'")
    for name in ("message", "details"):
        want = getattr(expected, f"{name}_has")
        if want is not None and want not in getattr(event, name):
            found.append(f"{name} '{getattr(event, name)}' does not have '{want}'")
    for name in ("tags", "fields"):
        got = getattr(event, name)
        for key, want in getattr(expected, name).items():
            if key not in got or got[key] != want:
                found.append(f"{name[:-1]} {key} is {got.get(key)!r}, not {want!r}")
    return found


def _missing(expected: Expectation, left: list[AlertEvent], begin: int) -> list[str]:
    at = moment(expected.at, begin)
    lines = [
        f"- {_after(at, begin)}  {expected.level}  {expected.id or ''}".rstrip()
        + "  (did not come)"
    ]
    if left:
        nearest = min(left, key=lambda e: _distance(expected, e, begin))
        reasons = "; ".join(differences(expected, nearest, begin))
        lines.append(f"    the nearest event is different: {printable(reasons)}")
    return lines


def _distance(expected: Expectation, event: AlertEvent, begin: int) -> tuple[bool, int, int]:
    far = abs(event.time - moment(expected.at, begin))
    return event.level != expected.level, len(differences(expected, event, begin)), far


def _broken(silence: Silence, events: list[AlertEvent], begin: int) -> list[str]:
    first = moment(silence.begin, begin)
    last = _FAR if silence.end is None else moment(silence.end, begin)
    return [
        f"+ {_shown(event, begin)}  (breaks the silence)"
        for event in events
        if first <= event.time < last
        and silence.id in (None, event.id)
        and silence.level in (None, event.level)
    ]


def _shown(event: AlertEvent, begin: int) -> str:
    text = f"{_after(event.time, begin)}  {event.level}  {event.id}  {event.message}"
    return printable(text)


def _after(time: int, begin: int) -> str:
    return format_go_duration(time - begin)
