"""Groups alert events into incidents, which update one mail thread: decides what to send when.

Pure: takes events, returns updates; time is that of the events. An incident contains all alerts
about one account, machine or sender; failed logins from any address; and alerts about the whole
server in the meantime, such as its queue. The first mail is sent at once, and so is an update with
a new culprit or a higher level. New evidence (another alert) is sent 30 s after the first mail, or
5 minutes after a later one, with all events until then. Further events of the same kind wait for
the next mail. The all-clear is sent when the last alert ends, with a summary.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from bmtick import names as n
from bmtick.durations import MINUTE, SECOND
from bmtick.engine import AlertEvent
from bmtick.engine.events import LEVELS

FIRST_GAP: Final = 30 * SECOND  # minimum time from the first mail to a non-urgent one
GAP: Final = 5 * MINUTE  # minimum time after each later mail
LINKED: Final = 60 * MINUTE  # after the last event, alerts without a name join an incident
_MOST_DOUBLED: Final = 3  # reminders come each hour at first, each eight hours in the end
_MOST_AT_ONCE: Final = 10  # culprits that one alert names in mails of their own
_MOST_INCIDENTS: Final = 1000
_MOST_PARTS: Final = 300
_MOST_SECTIONS: Final = 5  # events of one mail that are told whole
_MAX_TEXT: Final = 300  # characters of a message that is kept for the summary
_OLDEST: Final = 7 * 24 * 60 * MINUTE

# Tags that name a culprit, the likeliest culprit first; any of them links two alerts.
_NAMES: Final = ("user", "who", "sender", "forwarder", "client", "uid", "address")
_LOGINS: Final = "logins"
_ON_LOGINS: Final = (n.AUTH, n.ACCOUNT, n.CORE_AUTH)
_SILENT: Final = "silence"
_SILENCE: Final = ("deadman", "stats")  # what such an alert says concerns no incident

Reason = Literal["new", "culprit", "level", "evidence", "again", "reminder", "over"]


class Part(msgspec.Struct):
    """One alert about one culprit within an incident; times in nanoseconds since the epoch."""

    task: str
    culprit: str
    level: str
    peak: str
    message: str  # the message of the highest level so far
    began: int
    news: int  # time of its last event
    ended: int = 0


class Incident(msgspec.Struct):
    """Related alerts that are reported together.

    Attributes:
        key: key of its first mail; later mails reply to it.
        host: the server; "" if unknown.
        names: all names in its alerts.
        kinds: kinds of evidence.
        changed: time of its last event that was not a reminder.
        news: time of its last event.
        parts: its alerts by event id.
        told: time of its last mail.
        mails: number of its mails.
        peak: the highest level reported.
        shut: time of its all-clear; 0 while it is open.
        reopened: how often it was reported as reopened.
        reminders: number of its last mails without news, up to a limit.
        due: when pending events are sent; 0 if there are none.
        untold: pending events: message, details and level.
        owes: whether an end is not yet reported.
        more: number of ended parts that are no longer stored.
    """

    key: str
    host: str
    began: int
    changed: int
    news: int
    told: int
    mails: int = 0
    peak: str = "OK"
    names: list[str] = []
    kinds: list[str] = []
    parts: dict[str, Part] = {}
    shut: int = 0
    reopened: int = 0
    reminders: int = 0
    due: int = 0
    untold: list[list[str]] = []
    owes: bool = False
    more: int = 0

    @property
    def firing(self) -> bool:
        """Whether any of its alerts is still firing."""
        return any(part.level != "OK" for part in self.parts.values())


class Update(msgspec.Struct):
    """An update to send now.

    Attributes:
        incident: its current state, for the summary.
        why: the reason for the mail.
        sections: message, details and level of its events, the most urgent first.
        time: current time, nanoseconds.
    """

    incident: Incident
    why: Reason
    sections: list[list[str]]
    time: int


class Gatherer:
    """The incidents of recipients with the same kind of notification.

    Args:
        gather: False reports each event, in its incident's thread.
    """

    def __init__(self, *, gather: bool = True) -> None:
        self._gather = gather
        self.incidents: list[Incident] = []

    def take(self, event: AlertEvent, key: str, *, muted: bool = False) -> Update | None:
        """Process an event.

        Args:
            event: the next one in order of time.
            key: key of the mail if one is sent.
            muted: whether a silence suppresses it.
        """
        self._forget(event.time)
        found = self._incident_of(event)
        if found is None:
            if muted:
                return None
            at = event.time
            found = Incident(key, _host(event), began=at, changed=at, news=at, told=at)
            if event.level == "OK":  # the end of an unknown alert
                return Update(found, "over", [_section(event)], event.time)
            self.incidents.append(found)
        why = self._judge(found, event, muted=muted)
        if why == "later":
            found.due = found.due or max(event.time, found.told + self._gap(found))
            found.untold.append(_section(event))
            found.untold = found.untold[-_MOST_SECTIONS:]
            return (
                self._told(found, "evidence", [], event.time) if event.time >= found.due else None
            )
        return self._told(found, why, [_section(event)], event.time) if why else None

    def due(self, time: int | None) -> Iterator[Update]:
        """Yield pending updates that are due at a time; None: all pending ones."""
        for incident in self.incidents:
            if incident.due and (time is None or time >= incident.due):
                yield self._told(incident, "evidence", [], incident.due)

    def keep_only(self, tasks: set[str]) -> None:
        """Drop the parts of removed alerts, since no event will end them."""
        for incident in list(self.incidents):
            parts = incident.parts
            incident.parts = {id_: part for id_, part in parts.items() if part.task in tasks}
            if len(incident.parts) < len(parts) and not incident.firing and not incident.shut:
                self.incidents.remove(incident)

    def _told(
        self, incident: Incident, why: Reason, sections: list[list[str]], time: int
    ) -> Update:
        waiting = [one for one in reversed(incident.untold) if one not in sections]
        incident.untold, incident.due, incident.told = [], 0, time
        incident.mails += 1
        if why != "reminder":
            incident.reminders = 0
        if why == "over" and not incident.firing:
            incident.shut, incident.owes, waiting = time, False, []
        elif incident.shut:
            incident.shut = 0
            incident.reopened += 1
        else:
            levels = [incident.peak, *(section[2] for section in [*sections, *waiting])]
            incident.peak = max(levels, key=LEVELS.index)
        return Update(incident, why, [*sections, *waiting][:_MOST_SECTIONS], time)

    @staticmethod
    def _gap(incident: Incident) -> int:
        """Return the waiting time after a mail: longer if an end did not last."""
        if incident.shut:
            return GAP << min(max(0, incident.reopened - 1), 4)
        return FIRST_GAP if incident.mails == 1 else GAP

    def _incident_of(self, event: AlertEvent) -> Incident | None:
        """Return the incident of an event; of several, the latest one."""
        newest = sorted(self.incidents, key=lambda one: -one.changed)
        for incident in newest:
            if event.id in incident.parts:
                return incident
        if event.level == "OK" or _is_silence(event):
            return None
        host, named = _host(event), _names(event)
        logins = event.name in _ON_LOGINS
        here = [one for one in newest if not (host and one.host) or host == one.host]
        for incident in here:
            if named and set(named) & set(incident.names):
                return incident
        for incident in here:
            if incident.shut or event.time - incident.changed > LINKED or _SILENT in incident.kinds:
                continue
            if not named or not incident.names or (logins and _LOGINS in incident.kinds):
                return incident
            if self._is_storm(event) and any(p.task == event.task for p in incident.parts.values()):
                return incident
        return None

    def _is_storm(self, event: AlertEvent) -> bool:
        """Whether the alert already names so many culprits that further ones can wait."""
        firing = {
            part.culprit
            for incident in self.incidents
            for part in incident.parts.values()
            if part.task == event.task and part.level != "OK"
        }
        return len(firing - {_culprit(event)}) >= _MOST_AT_ONCE

    def _judge(
        self, incident: Incident, event: AlertEvent, *, muted: bool
    ) -> Reason | Literal["later"] | None:
        """Add an event to its incident; return whether it is reported, and why."""
        known = incident.parts.get(event.id)
        before, peak, last = (known.level, known.peak, known.news) if known else ("OK", "OK", 0)
        fresh, storm = not incident.parts, self._is_storm(event)
        named = [name for name in _names(event) if name not in incident.names]
        new_kind = event.task not in incident.kinds
        if muted:
            return self._note_muted(incident, event) if known else None
        _note(incident, event)
        incident.names += named
        incident.kinds += [kind for kind in _kinds(event) if kind not in incident.kinds]
        if event.level == "OK":
            if incident.shut:  # the alert ended again before it was reported
                incident.due, incident.untold = 0, []
                return None
            incident.owes = incident.firing
            return None if incident.firing and self._gather else "over"
        if fresh:
            return "new"
        if not self._gather:
            return "evidence"
        culprit = known is None and _culprit(event) in named and not storm
        if incident.shut:
            return "again" if culprit or not incident.reopened else "later"
        if _above(event.level, incident.peak):
            return "level"
        if culprit:
            return "culprit"
        if (known is None and (new_kind or named)) or (known and _above(event.level, peak)):
            return "later"
        return _reminder(incident, event.time, last) if event.level == before else None

    @staticmethod
    def _note_muted(incident: Incident, event: AlertEvent) -> Reason | None:
        """Process a silenced event; report it only if the end of others waited for it."""
        _note(incident, event)
        if incident.firing or incident.shut:
            return None
        incident.due, incident.untold = 0, []
        if incident.owes:
            return "over"
        incident.shut = event.time
        return None

    def _forget(self, time: int) -> None:
        """Drop incidents that ended an hour ago, or had no event for a week."""
        self.incidents = [
            one
            for one in self.incidents
            if time - (one.shut or time) <= LINKED and time - one.news <= _OLDEST
        ][-_MOST_INCIDENTS:]


def _host(event: AlertEvent) -> str:
    host = event.tags.get("host", "")
    return "" if host == "all" else host


def _names(event: AlertEvent) -> list[str]:
    found = [event.tags.get(tag, "") for tag in _NAMES]
    return [name for name in dict.fromkeys(found) if name and name != n.OTHER]


def _culprit(event: AlertEvent) -> str:
    return next(iter(_names(event)), "")


def _is_silence(event: AlertEvent) -> bool:
    return event.name in _SILENCE


def _kinds(event: AlertEvent) -> list[str]:
    """Return the kinds of evidence: the alert, and its links to others."""
    family = _SILENT if _is_silence(event) else _LOGINS if event.name in _ON_LOGINS else ""
    return [event.task, family] if family else [event.task]


def _section(event: AlertEvent) -> list[str]:
    return [event.message, event.details, event.level]


def _above(level: str, other: str) -> bool:
    return LEVELS.index(level) > LEVELS.index(other)


def _reminder(incident: Incident, time: int, last: int) -> Reason | None:
    """Return whether a reminder is sent: its interval must have passed since the last mail.

    Each further one waits twice as long.
    """
    passed, interval, times = time - incident.told, time - last, 1 << incident.reminders
    if incident.due or passed < (interval if times == 1 else 0.9 * interval * times):
        return None
    incident.reminders = min(incident.reminders + 1, _MOST_DOUBLED)
    return "reminder"


def _note(incident: Incident, event: AlertEvent) -> None:
    """Record the state of an event's alert."""
    message, parts = event.message[:_MAX_TEXT], incident.parts
    part = parts.get(event.id)
    incident.news = event.time
    if part is None or part.level != event.level:
        incident.changed = event.time
    if part is None:
        part = parts[event.id] = Part(
            event.task, _culprit(event), "OK", "OK", message, event.time, event.time
        )
        if len(parts) > _MOST_PARTS:
            over = (id_ for id_, one in parts.items() if one.level == "OK" and one is not part)
            del parts[next(over, next(iter(parts)))]
            incident.more += 1
    if event.level == "OK":
        part.ended = event.time
    elif not _above(part.peak, event.level):
        part.peak, part.message = event.level, message
    part.level, part.news = event.level, event.time
