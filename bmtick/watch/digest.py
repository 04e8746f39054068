"""The text of the digest: one mail about a day or a week, in the reader's language.

The content is built once as sections, then rendered as text and as HTML that mail clients show
without loading anything; the queue's plot uses table cells, since many clients show no SVG.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any, Final

import msgspec

from bmtick import names as n
from bmtick.durations import SECOND
from bmtick.engine import AlertEvent
from bmtick.incident.units import age, plain, zone_of
from bmtick.languages import _, _n, number
from bmtick.points import Point
from bmtick.watch.digest_counts import Alarm, Counts, DigestCounter, Schedule

_TOP: Final = 10
_MOST_ALARMS: Final = 50
_HEIGHT: Final = 60  # pixels of the largest bar
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_LONGEST: Final = 60  # characters of a name in a row


class Section(msgspec.Struct, frozen=True):
    """A heading, a table and a note; ``bars`` are values over time."""

    title: str
    heads: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    note: str = ""
    bars: Sequence[int] = ()


class Digests:
    """The digests of a server, and their recipients.

    Args:
        schedule: the times of the digest.
        host: this server's name.
        recipients: addresses.
    """

    def __init__(self, schedule: Schedule, host: str, recipients: Sequence[str]) -> None:
        self._schedule, self._host, self.recipients = schedule, host, list(recipients)
        self._counter = DigestCounter(schedule)

    def take(
        self,
        points: Iterable[Point],
        events: Iterable[tuple[AlertEvent, bool]],
        time: int,
        now: float,
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Count points and events; yield the key and the content of each due mail.

        Args:
            points: in order of time.
            events: each with whether it is silenced.
            time: the current time of the data, nanoseconds.
            now: seconds since the epoch; an old log sends no digest.
        """
        for counts in [*self._counter.take(points, events), *self._counter.advance(time // SECOND)]:
            if now - counts.until <= 2 * self._schedule.length:
                content = digest(counts, self._host, self._schedule.slot)
                key = f"digest.{self._schedule.every}.{counts.until}"
                yield key, content | {"id": key, "time": counts.until * SECOND, "level": "INFO"}

    def dump(self) -> Any:
        """Return the counts as JSON-able data."""
        return self._counter.dump()

    def restore(self, kept: Any) -> None:
        """Restore what ``dump`` returned; None: there was no digest before."""
        if kept is not None:
            self._counter.restore(kept)


def digest(counts: Counts, host: str, slot: int) -> dict[str, Any]:
    """Return the mail's content for ``compose``.

    Args:
        counts: of the period.
        host: this server's name.
        slot: seconds per bar of the queue's plot.
    """
    fired = len(counts.alarms)
    message = _(
        "[INFO] {host}: {messages}, {alerts} since {since}",
        host=host,
        messages=_n("{n} message", "{n} messages", counts.totals.get("messages", 0)),
        alerts=_n("{n} alert", "{n} alerts", fired),
        since=plain(counts.since),
    )
    span = _(
        "{since} to {until} ({zone})",
        since=plain(counts.since),
        until=plain(counts.until),
        zone=zone_of(counts.until),
    )
    sections = [*_sections(counts, slot)]
    return {
        "message": message,
        "details": f"<h2>{escape(message)}</h2><p>{escape(span)}</p>{''.join(map(_html, sections))}",
        "text": f"{span}\n\n" + "\n".join(map(_text, sections)),
    }


def _sections(counts: Counts, slot: int) -> list[Section]:
    found = [_totals(counts), _alarms(counts), _held(counts)]
    if counts.queue:
        found.append(_queue(counts, slot))
    titles = {
        "users": _("Users who wrote most"),
        "machines": _("Machines without login"),
        "programs": _("Programs on this server"),
        "forwards": _("Forwards"),
    }
    for kind, title in titles.items():
        if entities := counts.entities.get(kind):
            found.append(_entities(title, entities))
    found += [_refusals(counts), _guessers(counts)]
    return found


def _totals(counts: Counts) -> Section:
    names = {
        "messages": _("messages"),
        "recipients": _("recipients"),
        "sent": _("deliveries"),
        "deferred": _("deferred"),
        "refused": _("refused"),
        "failures": _("failed logins"),
    }
    before = counts.before
    heads = ("", _("now"), _("before")) if before else ()
    rows = [
        [name, number(counts.totals.get(key, 0)), *([number(before.get(key, 0))] if before else [])]
        for key, name in names.items()
    ]
    return Section(_("In short"), heads, rows)


def _alarms(counts: Counts) -> Section:
    title = _("What fired")
    if not counts.alarms:
        return Section(title, note=_("No alert fired."))
    shown = sorted(counts.alarms.values(), key=lambda alarm: alarm.begin)
    rows = [_alarm(alarm) for alarm in shown[-_MOST_ALARMS:]]
    more = len(shown) - len(rows)
    heads = (_("Level"), _("Since"), _("Lasted"), _("Alert"))
    return Section(
        title, heads, rows, _n("and {n} earlier one", "and {n} earlier ones", more) if more else ""
    )


def _alarm(alarm: Alarm) -> list[str]:
    lasted = age(alarm.end - alarm.begin) if alarm.end else _("it fires")
    message = _("{message} (silenced)", message=alarm.message) if alarm.muted else alarm.message
    return [alarm.peak, plain(alarm.begin), lasted, message]


def _held(counts: Counts) -> Section:
    title = _("Held by the guard")
    if not counts.held:
        return Section(title, note=_("Nobody was held."))
    heads = (_("Who"), _("Messages"), "")
    found = sorted(counts.held.items(), key=lambda item: -item[1][2])
    rows = [
        [who[:_LONGEST], number(messages), _("held") if held else _("only observed")]
        for who, (held, _observed, messages) in found[:_TOP]
    ]
    return Section(title, heads, rows, _rest(len(found)))


def _queue(counts: Counts, slot: int) -> Section:
    first = counts.since - counts.since % slot
    bars = [counts.queue.get(time, 0) for time in range(first, counts.until, slot)]
    most = max(bars)
    note = _(
        "at most {most}, at {time}; each bar is {slot}",
        most=_n("{n} message", "{n} messages", most),
        time=plain(first + bars.index(most) * slot),
        slot=age(slot),
    )
    return Section(_("Queue"), note=note, bars=bars)


def _entities(title: str, entities: dict[str, list[int]]) -> Section:
    found = sorted(entities.items(), key=lambda item: (-item[1][1], item[0]))
    heads = (_("Who"), _("Messages"), _("Recipients"), _("Refused"), _("as spam"))
    rows = [[_name(name), *map(number, values)] for name, values in found[:_TOP]]
    return Section(title, heads, rows, _rest(len(found)))


def _refusals(counts: Counts) -> Section:
    totals, title = counts.totals, _("Refused deliveries")
    names = {
        "unknown": _("recipient unknown"),
        "blocked": _("as spam or by a block list"),
    }
    other = totals.get("refused", 0) - sum(totals.get(key, 0) for key in names)
    rows = [[name, number(totals[key])] for key, name in names.items() if totals.get(key)]
    if other > 0:
        rows.append([_("for other reasons"), number(other)])
    if slow := totals.get("throttled"):
        rows.append([_("put off: too many at once"), number(slow)])
    return Section(title, (), rows, "" if rows else _("None."))


def _guessers(counts: Counts) -> Section:
    title = _("Failed logins")
    if not counts.guessers:
        return Section(title, note=_("None."))
    found = sorted(counts.guessers.items(), key=lambda item: (-item[1][0], item[0]))
    rows = [[_name(name), *map(number, values)] for name, values in found[:_TOP]]
    heads = (_("Address"), _("Failures"), _("Names at once"))
    return Section(title, heads, rows, _rest(len(found)))


def _name(name: str) -> str:
    if name == n.OTHER:
        return _("many small ones")
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _rest(count: int) -> str:
    return _n("and {n} more", "and {n} more", count - _TOP) if count > _TOP else ""


def _text(section: Section) -> str:
    lines = [section.title, "-" * len(section.title)]
    if section.bars:
        top = max(section.bars) or 1
        steps = len(_BLOCKS) - 1
        lines.append("".join(_BLOCKS[-(-value * steps // top)] for value in section.bars))
    table = [list(section.heads)] * bool(section.heads) + [list(row) for row in section.rows]
    if table:
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            cells = [
                cell.rjust(width) if place and _is_number(cell) else cell.ljust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(cells).rstrip())
    if section.note:
        lines.append(section.note)
    return "\n".join(lines) + "\n"


def _is_number(cell: str) -> bool:
    return not cell.strip("0123456789.,\N{NARROW NO-BREAK SPACE}")


def _html(section: Section) -> str:
    parts = [f"<h3>{escape(section.title)}</h3>"]
    if section.bars:
        parts.append(_bars(section.bars))
    if section.rows:
        heads = "".join(f'<th align="left">{escape(head)}</th>' for head in section.heads)
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
            for row in section.rows
        )
        parts.append(f'<table cellpadding="4"><tr>{heads}</tr>{rows}</table>')
    if section.note:
        parts.append(f"<p>{escape(section.note)}</p>")
    return "".join(parts)


def _bars(values: Sequence[int]) -> str:
    top = max(values) or 1
    cells = "".join(
        f'<td valign="bottom"><div style="width:9px;height:{-(-value * _HEIGHT // top)}px;'
        f'background:#4477aa;font-size:0" title="{escape(number(value))}"></div></td>'
        for value in values
    )
    return (
        f'<table cellpadding="0" cellspacing="1" style="border-bottom:1px solid #888"><tr style="height:{_HEIGHT}px">'
        f"{cells}</tr></table>"
    )
