"""The text of a mail about an updated or ended incident."""

from __future__ import annotations

from html import escape
from typing import Any, Final

from bmtick.durations import SECOND
from bmtick.incident.units import age, plain
from bmtick.languages import _, _n
from bmtick.watch.gather import Incident, Part, Update

_ROWS: Final = 40
_MAX_DETAILS: Final = 200_000  # characters


def worded(event: dict[str, Any], update: Update) -> dict[str, Any]:
    """Return an event for handlers, with the text of the update.

    An incident with one alert uses that alert's own text.
    """
    incident, sections = update.incident, update.sections
    alone = len(incident.parts) + incident.more <= 1
    if alone and len(sections) <= 1 and update.why != "evidence":
        return event
    if update.why == "over":
        message = sections[0][0] if alone else _over(incident, update.time)
        details = sections[0][1] if alone else f"<h2>{escape(message)}</h2>"
        return event | {"message": message, "details": details + summary(incident)}
    first = sections[0]
    message = first[0]
    if more := len(sections) - 1:
        message = _n(
            "{message}, and {n} more alert", "{message}, and {n} more alerts", more, message=message
        )
    body = "<hr>".join(section[1] for section in sections)
    return event | {
        "message": message,
        "details": (body + summary(incident))[:_MAX_DETAILS],
        "level": first[2],
    }


def merged(waiting: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """Merge two events into one, if the first could not be delivered."""
    over = event["level"] == "OK"
    return event | {
        "message": _("{message} (over by now)", message=waiting["message"])
        if over and waiting["level"] != "OK"
        else event["message"],
        "level": waiting["level"] if over else event["level"],
        "details": f"{event['details']}<hr>{waiting['details']}"[:_MAX_DETAILS],
    }


def _over(incident: Incident, time: int) -> str:
    who = list(dict.fromkeys(part.culprit for part in incident.parts.values() if part.culprit))
    lasted = age((time - incident.began) // SECOND)
    count = len(incident.parts) + incident.more
    words = {"host": incident.host or "-", "lasted": lasted, "count": count}
    if not who:
        return _("[OK] {host}: all {count} alerts are over after {lasted}", **words)
    if len(who) > 1:
        return _(
            "[OK] {host}: the incident of {who} and {more} more is over after {lasted}",
            who=who[0], more=len(who) - 1, **words,
        )  # fmt: skip
    return _("[OK] {host}: the incident of {who} is over after {lasted}", who=who[0], **words)


def summary(incident: Incident) -> str:
    """Return a summary of the incident as HTML: a row for each alert, firing ones first."""
    parts = sorted(incident.parts.values(), key=lambda part: (part.level == "OK", part.began))
    rows = "".join(_row(part) for part in parts[:_ROWS])
    left = len(parts) - _ROWS + incident.more if len(parts) > _ROWS else incident.more
    more = _n("and {n} more alert", "and {n} more alerts", left) if left else ""
    heads = (_("Level"), _("Since"), _("Until"), _("Alert"))
    title = _("The incident so far")
    return (
        f"<h3>{escape(title)}</h3>"
        f'<table cellpadding="4"><tr>{"".join(f"<th>{escape(head)}</th>" for head in heads)}</tr>'
        f"{rows}</table><p>{escape(more)}</p>"
    )


def _row(part: Part) -> str:
    over = part.level == "OK"
    cells = (
        part.peak if over else part.level,
        plain(part.began // SECOND),
        plain(part.ended // SECOND) if over else _("now"),
        part.message,
    )
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
