"""Patterns of the last ten minutes of a login that no honest account shows.

The alerts look back an hour and more and may wait for more evidence; a botnet sends hundreds of
messages meanwhile. Each of these three patterns is therefore enough by itself:

- mail from many addresses at once, in networks that are new for the user;
- several mails in a row, each to a whole list, by a user who does not write to lists: from two
  addresses in networks that are new for the user, under a sender domain that is new for the user,
  or with many recipients refused;
- a flood of single mails by the webmail (a trusted machine that logs in for several users): far
  above the user's own ten-minute peak, and faster than a person clicks or with many recipients
  refused.

Volume alone is not a pattern: a first newsletter has volume, too.

The comment at each limit states what honest accounts do; ``benchmarks/guard`` measures both.
"""

from __future__ import annotations

from math import sqrt
from typing import Final, NamedTuple

from bmtick.languages import _, number

WINDOW: Final = 600.0  # seconds
_MAX_REMEMBERED = 256  # messages of one login that are remembered; more change nothing

MINUTES: Final = 3  # period in which the addresses are counted
ADDRESSES: Final = 8  # a travelling phone, a family or a helpdesk uses fewer
RECIPIENTS: Final = 16  # eight devices that synchronise at once send one mail each
NEW_ADDRESSES: Final = 5  # addresses, if the user's networks are known
NEW_RECIPIENTS: Final = 10
_PER_MESSAGE = 25  # recipients of one message that count: a list is one message

LIST: Final = 15  # recipients of a message to a list
LISTS: Final = 2
_DAYS_KNOWN = 3  # days after which the networks of a user are known
LIST_RECIPIENTS: Final = 30  # recipients of the lists together
_TIMES_USUAL = 3

TYPED: Final = 50  # recipients of single mails that no person types within ten minutes
_TIMES_TYPED = 4  # times the user's own ten-minute peak
_PER_TYPED = 10
# A webmail sends one mail a click. Mail merge programs that use a webmail's interface were measured
# at three single mails a second.
CLICKED: Final = 60  # single mails
_CLICK_SECONDS = 15.0  # seconds in which no person clicks so often
_MAX_SINGLE = 2  # recipients of a single mail
# Limits of an honest old list: share of dead addresses, and share that refuses the mail as spam.
# With few recipients chance alone exceeds them, and the check runs after each message, so "many"
# is four standard deviations above the share.
_REFUSED_SHARE, _BLOCKED_SHARE = 0.1, 0.01
_MIN_REFUSED, _MIN_BLOCKED, _DEVIATIONS = 6, 4, 4.0
_SYSTEM_LOGIN = "@global.virt"  # BlueMind's own login, which sends invitations for all users


class SentMessage(NamedTuple):
    """One message of a login."""

    time: float
    client: str
    recipients: int
    foreign: bool  # from a network that is new for the user; never a private one
    webmail: bool  # from a local machine by which several users write
    new_sender_domain: bool = False  # under a sender domain that is new for the user


class Baseline(NamedTuple):
    """History of a user: days, and the peaks of an hour and of ten minutes, in recipients.

    ``sent``, ``refused`` and ``blocked`` (as spam) are recipients of the last ten minutes.
    """

    days: int = 0
    usual: int = 0
    usual_recent: int = 0
    sent: int = 0
    refused: int = 0
    blocked: int = 0

    @property
    def many_refused(self) -> bool:
        """Whether more of the last recipients were refused than on an honest list."""
        return many_refused(self.sent, self.refused, self.blocked)


def many_refused(sent: int, refused: int, blocked: int) -> bool:
    """Whether more recipients were refused, or refused as spam, than on an honest list."""
    if refused < _MIN_REFUSED and blocked < _MIN_BLOCKED:
        return False  # the usual case
    return (refused >= _MIN_REFUSED and refused >= _chance_limit(sent, _REFUSED_SHARE)) or (
        blocked >= _MIN_BLOCKED and blocked >= _chance_limit(sent, _BLOCKED_SHARE)
    )


def _chance_limit(sent: int, share: float) -> float:
    return sent * share + _DEVIATIONS * sqrt(sent * share * (1 - share))


class Bursts:
    """The last ten minutes of each login."""

    def __init__(self) -> None:
        self._recent: dict[str, list[SentMessage]] = {}  # idle longest first

    def add(self, user: str, sent: SentMessage) -> None:
        """Record a message."""
        if not (sent.foreign or sent.webmail or sent.recipients >= LIST):
            return  # no pattern needs it
        recent = self._recent.pop(user, None) or []
        if len(recent) >= _MAX_REMEMBERED:
            del recent[0]
        recent.append(sent)
        self._recent[user] = recent
        for _place in range(2):  # two at a time, so old entries are dropped soon
            first = next(iter(self._recent))
            if sent.time - self._recent[first][-1].time < WINDOW:
                return
            del self._recent[first]

    def sends(self, user: str) -> bool:
        """Whether a login lately sent a message that may be part of a pattern."""
        return user in self._recent

    def reason(self, user: str, now: float, baseline: Baseline) -> str:
        """Return the reason to hold a login for its last ten minutes, or ""."""
        recent = self._recent.get(user)
        if recent is None:
            return ""
        if not 0 <= now - recent[0].time < WINDOW:
            recent = [sent for sent in recent if 0 <= now - sent.time < WINDOW]
            if not recent:
                del self._recent[user]
                return ""
            self._recent[user] = recent
        last = recent[-1]  # only a pattern that includes the last message counts
        return (
            (_many_addresses(recent, now, baseline) if last.foreign else "")
            or (_list_mailing(recent, baseline) if last.recipients >= LIST else "")
            or (_webmail_flood(user, recent, baseline) if last.webmail else "")
        )

    def released(self, user: str) -> None:
        """Forget the messages of a released login."""
        self._recent.pop(user, None)


def _many_addresses(recent: list[SentMessage], now: float, baseline: Baseline) -> str:
    last = [s for s in recent if s.foreign and now - s.time < 60 * MINUTES]
    addresses = {sent.client for sent in last}
    least, most = (NEW_ADDRESSES, NEW_RECIPIENTS) if baseline.days else (ADDRESSES, RECIPIENTS)
    if len(addresses) < least:
        return ""
    recipients = sum(min(sent.recipients, _PER_MESSAGE) for sent in last)
    if recipients < most:
        return ""
    return _(
        "{recipients} recipients from {addresses} unfamiliar addresses within {minutes} minutes",
        recipients=number(recipients),
        addresses=number(len(addresses)),
        minutes=number(MINUTES),
    )


def _list_mailing(recent: list[SentMessage], baseline: Baseline) -> str:
    if not baseline.days:
        return ""
    lists = [sent for sent in recent if sent.recipients >= LIST]
    strange = [sent for sent in lists if sent.foreign]
    if baseline.many_refused:
        pass
    elif len({sent.client for sent in strange}) > 1 and (
        baseline.days >= _DAYS_KNOWN or len(strange) > LISTS
    ):
        lists = strange
    elif len(new_sender_domain := [sent for sent in lists if sent.new_sender_domain]) >= LISTS:
        lists = new_sender_domain
    else:
        return ""
    recipients = sum(sent.recipients for sent in lists)
    if (
        len(lists) < LISTS
        or recipients < LIST_RECIPIENTS
        or recipients <= _TIMES_USUAL * baseline.usual
    ):
        return ""
    return _(
        "{mails} mails to {recipients} recipients together within ten minutes, at most {usual} an "
        "hour on earlier days",
        mails=number(len(lists)),
        recipients=number(recipients),
        usual=number(baseline.usual),
    )


def _webmail_flood(user: str, recent: list[SentMessage], baseline: Baseline) -> str:
    if not baseline.days or user.endswith(_SYSTEM_LOGIN):
        return ""
    recipients = sum(min(sent.recipients, _PER_TYPED) for sent in recent if sent.webmail)
    if recipients <= TYPED + _TIMES_TYPED * baseline.usual_recent:
        return ""
    if not baseline.many_refused:
        single = [s.time for s in recent if s.webmail and s.recipients <= _MAX_SINGLE][-CLICKED:]
        if len(single) < CLICKED or single[-1] - single[0] > _CLICK_SECONDS:
            return ""
    return _(
        "{recipients} recipients by the webmail within ten minutes, at most {usual} on earlier days",
        recipients=number(recipients),
        usual=number(baseline.usual_recent),
    )
