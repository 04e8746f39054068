"""The status page: firing alerts, holds, the last day, users and machines, past incidents.

It works without its script, which only refreshes it and asks before an action.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from bmtick import __version__
from bmtick.languages import _, _n, language, number
from bmtick.live.board import (
    FORWARD,
    GUESSER,
    MACHINE,
    PROGRAM,
    SLOT,
    TARGET,
    USER,
    Entity,
    Incident,
    Snapshot,
)
from bmtick.live.evidence import headline, kind_of, next_command, sentences, who_of
from bmtick.live.plot import curve
from bmtick.web.markup import Html, join, tag

_ROWS = 15
_LATE = 60  # seconds without a point after which the page warns that data is missing


def page(snapshot: Snapshot, held: Sequence[dict[str, Any]], *, actions: bool) -> str:
    """Return the whole page.

    Args:
        snapshot: the current state.
        held: the holds, as in ``bmtick held --format json``.
        actions: whether the page offers to hold and release.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", _title(snapshot)),
        tag("link", rel="stylesheet", href="page.css"),
        tag("script", src="page.js", defer=""),
    )
    body = tag(
        "body",
        tag("a", _("To the alerts"), href="#firing", class_="skip"),
        fragment(snapshot, held, actions=actions),
        _dialog() if actions else "",
    )
    return f"<!doctype html>\n{tag('html', head, body, lang=language())}\n"


def fragment(snapshot: Snapshot, held: Sequence[dict[str, Any]], *, actions: bool) -> Html:
    """Return the parts that change: the header and the sections, each with an id."""
    button = _Button({str(h["who"]) for h in held} if actions else None)
    alarm = any(not i.silenced for i in snapshot.firing)
    header = tag(
        "header",
        tag("h1", _("Mail on {host}", host=snapshot.host)),
        tag("p", headline(snapshot), class_="alarm" if alarm else "calm", role="status"),
        tag("p", _state(snapshot), class_="state"),
        data_title=_title(snapshot),
    )
    main = tag(
        "main",
        _firing(snapshot, button),
        _held(held, button),
        _plots(snapshot),
        _entities(snapshot, _("Users"), "users", (USER,), _sending(), button),
        _entities(
            snapshot,
            _("Machines, programs and forwards without a login"),
            "machines",
            (MACHINE, PROGRAM, FORWARD),
            _relaying(),
            button,
        ),
        _entities(snapshot, _("Failed logins"), "logins", (GUESSER, TARGET), _guessing(), button),
        _queue(snapshot),
        _past(snapshot),
    )
    footer = tag("footer", tag("p", f"bmtick {__version__}. ", _sources(snapshot)), id="bottom")
    return join(header, main, footer)


def _title(snapshot: Snapshot) -> str:
    return f"{headline(snapshot)} - {snapshot.host}"


def _section(name: str, title: str, *content: object) -> Html:
    heading = f"{name}-title"
    return tag("section", tag("h2", title, id=heading), *content, id=name, aria_labelledby=heading)


class _Button:
    """The buttons that hold and release; empty if there are no actions."""

    def __init__(self, held: set[str] | None) -> None:
        self._held = held

    def hold(self, name: str) -> Html:
        if not name or self._held is None or name in self._held:
            return Html()
        return tag(
            "button",
            _("Hold"),
            type="button",
            data_action="hold",
            data_who=name,
            aria_label=_("Hold the mail of {name}", name=name),
        )

    def release(self, name: str) -> Html:
        if self._held is None:
            return Html()
        return tag(
            "button",
            _("Release"),
            type="button",
            data_action="release",
            data_who=name,
            aria_label=_("Release the mail of {name}", name=name),
        )


def _state(snapshot: Snapshot) -> str:
    if not snapshot.newest:
        return _("No line of the log has been read yet.")
    silent = snapshot.now - snapshot.newest
    if silent > _LATE:
        return _("No figures for {seconds} seconds: is bmtick running?", seconds=number(silent))
    return _("As of {time}.", time=_clock(snapshot.newest))


def _firing(snapshot: Snapshot, button: _Button) -> Html:
    known: dict[str, list[Entity]] = {}  # senders before their attackers
    senders = snapshot.of(USER, MACHINE, PROGRAM, FORWARD)
    for entity in [*senders, *snapshot.of(GUESSER, TARGET)]:
        known.setdefault(entity.name, []).append(entity)
    articles = [_incident(incident, known, button) for incident in snapshot.firing]
    return _section(
        "firing",
        _("Alerts that fire"),
        *(articles or [tag("p", _("None."), class_="none")]),
    )


def _incident(incident: Incident, known: dict[str, list[Entity]], button: _Button) -> Html:
    about = [e for name in dict.fromkeys(incident.tags.values()) for e in known.get(name, ())]
    level = {"CRITICAL": _("critical"), "WARNING": _("warning"), "INFO": _("note")}
    silenced = _(" (silenced)") if incident.silenced else ""
    return tag(
        "article",
        tag(
            "h3",
            tag("span", level.get(incident.level, incident.level), class_="level"),
            " ",
            incident.message.removeprefix(f"[{incident.level}] "),
        ),
        tag("p", _("since {time}", time=_clock(incident.begin)), silenced),
        *(_about(entity, button, f"why-{incident.id}", incident.message) for entity in about),
        class_=incident.level.lower(),
        id=f"alert-{incident.id}",
    )


def _about(entity: Entity, button: _Button, prefix: str, shown_reason: str = "") -> Html:
    """The evidence on one entity, as a collapsible element; ``shown_reason`` is already shown above it."""
    facts = [tag("li", sentence) for sentence in sentences(entity)]
    reasons = [
        tag("li", reason, class_="reason") for reason in entity.reasons if reason != shown_reason
    ]
    command = next_command(entity)
    return tag(
        "details",
        tag("summary", f"{entity.name} ", tag("small", kind_of(entity))),
        tag("ul", *reasons, *facts),
        tag("p", _("next:"), " ", tag("code", command)),
        button.hold(who_of(entity)),
        id=f"{prefix}-{entity.kind}-{entity.name}",
        class_=entity.level.lower() or None,
    )


def _held(held: Sequence[dict[str, Any]], button: _Button) -> Html:
    rows = [
        [
            str(h["who"]),
            _text_time(h.get("since")),
            _text_time(h.get("until")) or _("until it is released"),
            _("would be held: {reason}", reason=h["reason"])
            if h["mode"] == "observe"
            else h["reason"],
            number(int(h.get("messages", 0))),
            button.release(str(h["who"])),
        ]
        for h in held
    ]
    columns = [_("who"), _("since"), _("until"), _("why"), _("messages"), ""]
    return _section("held", _("Mail on hold"), _table(columns, rows, _("Nobody is held."), (4,)))


def _plots(snapshot: Snapshot) -> Html:
    titles = {
        "recipients": _("Recipients, in five minutes"),
        "refused": _("Deliveries refused, in five minutes"),
        "failures": _("Failed logins, in five minutes"),
        "queue": _("Messages in the queue"),
    }
    figures = [
        Html(curve(name, title, snapshot.slots, snapshot.series[name], step=SLOT, write=number))
        for name, title in titles.items()
    ]
    return _section("day", _("The last day"), tag("div", *figures, class_="plots"))


def _sending() -> dict[str, str]:
    return {
        "recipients": _("recipients"),
        "messages": _("messages"),
        "refused": _("refused"),
        "clients": _("addresses"),
    }


def _relaying() -> dict[str, str]:
    return {
        "recipients": _("recipients"),
        "messages": _("messages"),
        "relayed": _("to others"),
        "refused": _("refused"),
    }


def _guessing() -> dict[str, str]:
    return {"failures": _("failures"), "users": _("names"), "clients": _("addresses")}


def _entities(
    snapshot: Snapshot,
    title: str,
    name: str,
    kinds: tuple[str, ...],
    columns: dict[str, str],
    button: _Button,
) -> Html:
    found = snapshot.of(*kinds)
    rows = [
        [_about(e, button, name), *(_fact(e, column) for column in columns)] for e in found[:_ROWS]
    ]
    table = _table(
        [_("in the last hour"), *columns.values()],
        rows,
        _("Nothing in the last hour."),
        tuple(range(1, len(columns) + 1)),
    )
    return _section(name, title, table, _more(len(found) - _ROWS))


def _fact(entity: Entity, column: str) -> str:
    """Format a value; empty if this kind of entity has none, e.g. logins of a guessed account."""
    value = entity.facts.get(column, 0)
    absent = {GUESSER: "clients", TARGET: "users"}.get(entity.kind) == column
    return "" if absent and not value else number(value)


def _queue(snapshot: Snapshot) -> Html:
    rows = [
        [queue.name, number(queue.length), _size(queue.size), _age(queue.age)]
        for queue in snapshot.queues
    ]
    columns = [_("queue"), _("messages"), _("size"), _("oldest")]
    empty = _("The queue is not measured here.")
    return _section("queue", _("Queue"), _table(columns, rows, empty, (1, 2, 3)))


def _past(snapshot: Snapshot) -> Html:
    rows = [
        [i.message, _when(i.begin), _when(i.end), i.peak, i.alert] for i in snapshot.past[:_ROWS]
    ]
    columns = [_("what"), _("from"), _("to"), _("highest level"), _("alert")]
    table = _table(columns, rows, _("None."), ())
    return _section("past", _("Past incidents"), table, _more(len(snapshot.past) - _ROWS))


def _more(count: int) -> Html:
    return tag("p", _("... and {count} more", count=number(count))) if count > 0 else Html()


def _table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str, figures: Sequence[int]
) -> Html:
    """A table whose cells contain their column's name, for narrow screens."""
    found = list(rows)
    if not found:
        return tag("p", empty, class_="none")

    def cell(index: int, value: object) -> Html:
        kind = "figure" if index in figures else None
        if not index:
            return tag("th", value, scope="row")
        return tag("td", value, class_=kind, data_label=columns[index])

    heads = [
        tag("th", name, scope="col", class_="figure" if index in figures else None)
        for index, name in enumerate(columns)
    ]
    body = [tag("tr", *(cell(i, v) for i, v in enumerate(row))) for row in found]
    return tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *body))


def _sources(snapshot: Snapshot) -> str:
    return _(
        "{lines} lines read since {time}, {unparsed} not understood.",
        lines=number(snapshot.totals.get("collector.lines", 0)),
        time=_clock(snapshot.since) if snapshot.since else "-",
        unparsed=number(snapshot.totals.get("collector.unparsed", 0)),
    )


def _dialog() -> Html:
    """The confirmation dialog; the script fills in the subject."""
    return tag(
        "dialog",
        tag(
            "form",
            tag("h2", id="ask-title"),
            tag(
                "p", _("New mail and what is queued goes on hold; nothing is lost."), id="ask-hold"
            ),
            tag(
                "p",
                _("What is on hold goes out, and new mail is let through for a day."),
                id="ask-release",
            ),
            tag(
                "label",
                _("Token"),
                " ",
                tag("input", type="password", id="token", autocomplete="off"),
            ),
            tag("p", id="ask-error", role="alert"),
            tag(
                "p",
                tag("button", _("Do it"), id="ask-yes"),
                " ",
                tag("button", _("Cancel"), id="ask-no", type="button"),
            ),
        ),
        id="ask",
        aria_labelledby="ask-title",
        data_hold=_("Hold {who}?", who="{who}"),
        data_release=_("Release {who}?", who="{who}"),
        data_wrong=_("The token is wrong."),
        data_failed=_("It could not be done:"),
    )


def _clock(time: int) -> str:
    return f"{datetime.fromtimestamp(time).astimezone():%Y-%m-%d %H:%M:%S %Z}"


def _when(time: int) -> Html:
    moment = datetime.fromtimestamp(time).astimezone()
    return tag("time", _clock(time), datetime=moment.isoformat())


def _text_time(value: Any) -> Html | str:
    if not value:
        return ""
    try:
        return _when(int(datetime.fromisoformat(str(value)).timestamp()))
    except ValueError:
        return str(value)


def _size(count: int) -> str:
    for unit, length in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= length:
            return f"{number(count / length, 1)} {unit}"
    return f"{number(count)} B"


def _age(seconds: float) -> str:
    if seconds < 120:
        return _n("{n} second", "{n} seconds", int(seconds))
    if seconds < 7200:
        return _n("{n} minute", "{n} minutes", int(seconds / 60))
    return _n("{n} hour", "{n} hours", int(seconds / 3600))
