"""What the last minutes of a login alone say: what no honest account does, at any time.

The alerts look back an hour and more and may wait for a little more evidence; a botnet sends
hundreds of messages meanwhile. So three patterns are enough by themselves:

- mail from many addresses at once, in networks that the user is not known in;
- several mails in a row, each to a whole list, by somebody who writes to none, from two addresses
  in networks that the user is not known in, under a sender of a strange domain, or with many
  recipients refused;
- a flood of single mails by the webmail (a trusted machine that logs in for several users), whose
  users type: far above the own peak of ten minutes, and faster than a hand clicks or with many
  recipients refused.

Volume alone is none: somebody's first newsletter looks like it.

Below each limit stand what honest accounts were seen to do; ``benchmarks/guard`` measures both.
"""

from __future__ import annotations

from math import sqrt
from typing import Final, NamedTuple

from bmtick.languages import _, number

WINDOW: Final = 600.0  # seconds
_MOST = 256  # messages of one login that are remembered: more decide nothing

MINUTES: Final = 3  # in which the addresses are counted
ADDRESSES: Final = 8  # a telephone under way, a family or a helpdesk has fewer
RECIPIENTS: Final = 16  # eight devices that fetch up at once send one mail each
STRANGE: Final = 5  # addresses, of a user whose networks are known
STRANGE_RECIPIENTS: Final = 10
_PER_MESSAGE = 25  # recipients of one message that count: a list is one message

LIST: Final = 15  # recipients of a message to a list
LISTS: Final = 2
_DAYS_KNOWN = 3  # days after which the networks of a user are known
LISTED: Final = 30  # recipients of the lists together
_TIMES_USUAL = 3

TYPED: Final = 50  # recipients of single mails that nobody types within ten minutes
_TIMES_TYPED = 4  # of the own peak of ten minutes
_PER_TYPED = 10
# A webmail sends one mail a click. Programs that use a webmail's interface for a mail merge were
# seen to send three single mails a second.
CLICKED: Final = 60  # single mails
_CLICKING = 15.0  # seconds in which no hand clicks so often
_FEW = 2  # recipients of a single mail
# An honest old list has so large a share of dead addresses, and few that refuse it as spam. Of few
# recipients chance alone makes more: what is called many is four standard deviations above it, since
# it is looked at again after each message.
_DEAD, _TAKEN_FOR_SPAM = 0.1, 0.01
_REFUSED, _BLOCKED, _DEVIATIONS = 6, 4, 4.0
_SYSTEM = "@global.virt"  # BlueMind's own login, which sends invitations for all


class Sent(NamedTuple):
    """One message of a login."""

    time: float
    client: str
    recipients: int
    foreign: bool  # from a network that the user is not known in; never a private one
    webmail: bool  # from a machine of ours by which several users write
    disguised: bool = False  # under a sender of a domain that the user is not known to write as


class Habit(NamedTuple):
    """What is known of a user: days of history, peaks of an hour and of ten minutes.

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
        """Whether more of the last recipients were refused than an honest list has."""
        return many_refused(self.sent, self.refused, self.blocked)


def many_refused(sent: int, refused: int, blocked: int) -> bool:
    """Whether more recipients were refused, or refused as spam, than an honest list has."""
    if refused < _REFUSED and blocked < _BLOCKED:
        return False  # as nearly always
    return (refused >= _REFUSED and refused >= _chance(sent, _DEAD)) or (
        blocked >= _BLOCKED and blocked >= _chance(sent, _TAKEN_FOR_SPAM)
    )


def _chance(sent: int, share: float) -> float:
    return sent * share + _DEVIATIONS * sqrt(sent * share * (1 - share))


class Bursts:
    """The last minutes of each login."""

    def __init__(self) -> None:
        self._recent: dict[str, list[Sent]] = {}  # the longest silent first

    def add(self, user: str, sent: Sent) -> None:
        """Take a message."""
        if not (sent.foreign or sent.webmail or sent.recipients >= LIST):
            return  # no pattern needs it
        recent = self._recent.pop(user, None) or []
        if len(recent) >= _MOST:
            del recent[0]
        recent.append(sent)
        self._recent[user] = recent
        for _place in range(2):  # so none is kept for long
            first = next(iter(self._recent))
            if sent.time - self._recent[first][-1].time < WINDOW:
                return
            del self._recent[first]

    def sends(self, user: str) -> bool:
        """Whether a login sent something lately that could be part of a pattern."""
        return user in self._recent

    def reason(self, user: str, now: float, habit: Habit) -> str:
        """Return why the last minutes are enough to hold a login; "" where they are not."""
        recent = self._recent.get(user)
        if recent is None:
            return ""
        if not 0 <= now - recent[0].time < WINDOW:
            recent = [sent for sent in recent if 0 <= now - sent.time < WINDOW]
            if not recent:
                del self._recent[user]
                return ""
            self._recent[user] = recent
        last = recent[-1]  # a pattern is looked for only where the last message belongs to it
        return (
            (_everywhere(recent, now, habit) if last.foreign else "")
            or (_to_lists(recent, habit) if last.recipients >= LIST else "")
            or (_typed(user, recent, habit) if last.webmail else "")
        )

    def released(self, user: str) -> None:
        """Forget somebody who was released."""
        self._recent.pop(user, None)


def _everywhere(recent: list[Sent], now: float, habit: Habit) -> str:
    last = [s for s in recent if s.foreign and now - s.time < 60 * MINUTES]
    addresses = {sent.client for sent in last}
    least, most = (STRANGE, STRANGE_RECIPIENTS) if habit.days else (ADDRESSES, RECIPIENTS)
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


def _to_lists(recent: list[Sent], habit: Habit) -> str:
    if not habit.days:
        return ""
    lists = [sent for sent in recent if sent.recipients >= LIST]
    strange = [sent for sent in lists if sent.foreign]
    if habit.many_refused:
        pass
    elif len({sent.client for sent in strange}) > 1 and (
        habit.days >= _DAYS_KNOWN or len(strange) > LISTS
    ):
        lists = strange
    elif len(disguised := [sent for sent in lists if sent.disguised]) >= LISTS:
        lists = disguised
    else:
        return ""
    recipients = sum(sent.recipients for sent in lists)
    if len(lists) < LISTS or recipients < LISTED or recipients <= _TIMES_USUAL * habit.usual:
        return ""
    return _(
        "{mails} mails to {recipients} recipients together within ten minutes, at most {usual} an "
        "hour on earlier days",
        mails=number(len(lists)),
        recipients=number(recipients),
        usual=number(habit.usual),
    )


def _typed(user: str, recent: list[Sent], habit: Habit) -> str:
    if not habit.days or user.endswith(_SYSTEM):
        return ""
    recipients = sum(min(sent.recipients, _PER_TYPED) for sent in recent if sent.webmail)
    if recipients <= TYPED + _TIMES_TYPED * habit.usual_recent:
        return ""
    if not habit.many_refused:
        single = [s.time for s in recent if s.webmail and s.recipients <= _FEW][-CLICKED:]
        if len(single) < CLICKED or single[-1] - single[0] > _CLICKING:
            return ""
    return _(
        "{recipients} recipients by the webmail within ten minutes, at most {usual} on earlier days",
        recipients=number(recipients),
        usual=number(habit.usual_recent),
    )
