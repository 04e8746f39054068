"""The mail about new holds: who, why, and the two commands."""

from __future__ import annotations

import time as system_time
from collections.abc import Sequence
from html import escape

from bmtick.guard.holds import HOLD, Hold
from bmtick.guard.subject import CLIENT, USER
from bmtick.languages import _, number
from bmtick.terminal import shell_quoted

_MAX_NAMED = 200  # subjects that are named in one mail


def write_hold_mail(holds: Sequence[Hold], host: str) -> dict[str, str]:
    """Return the subject (``message``) and the HTML body (``details``) of the mail.

    Args:
        holds: at least one.
        host: the name of this server.
    """
    return _of_one(holds[0], host) if len(holds) == 1 else _of_many(holds, host)


def _of_many(holds: Sequence[Hold], host: str) -> dict[str, str]:
    count = number(len(holds))
    if any(hold.mode == HOLD for hold in holds):
        subject = _("{host} holds the mail of {count} more", host=host, count=count)
    else:
        subject = _("{host} would hold the mail of {count} more", host=host, count=count)
    rows = "".join(
        f"<tr><td>{escape(str(hold.who))}</td><td>{escape(hold.reason)}</td></tr>\n"
        for hold in holds[:_MAX_NAMED]
    )
    more = _("All of them: {command}", command="bmtick held")
    table = f'<table cellpadding="4">\n{rows}</table>\n<p>{escape(more)}</p>\n'
    steps = "\n".join(_next_steps("bmtick incident", "bmtick release WHO"))
    return {"message": subject, "details": table + steps}


def _next_steps(if_spam: str, if_not: str) -> list[str]:
    spam = _("If it is spam, these are the next steps:")
    honest = _("If it is not, this gives the messages back and lets them send:")
    return [
        f"<p>{escape(spam)}</p>",
        f"<pre>{escape(if_spam)}</pre>",
        f"<p>{escape(honest)}</p>",
        f"<pre>{escape(if_not)}</pre>",
    ]


def _of_one(hold: Hold, host: str) -> dict[str, str]:
    who = shell_quoted(str(hold.who))
    when = system_time.strftime("%Y-%m-%d %H:%M:%S", system_time.localtime(hold.since))
    if hold.mode == HOLD:
        subject = _("{host} holds the mail of {who}", host=host, who=str(hold.who))
        what = _(
            "Since {when} every new message of {who} is put on hold. Nothing is refused and "
            "nothing is deleted. What was queued already is put on hold, too.",
            when=when,
            who=str(hold.who),
        )
    else:
        subject = _("{host} would hold the mail of {who}", host=host, who=str(hold.who))
        what = _(
            "At {when} the guard would have begun to hold the mail of {who}. It holds nothing, as "
            "its mode is observe; in mode hold it does ([guard] mode).",
            when=when,
            who=str(hold.who),
        )
    evidence = _("The evidence: {reason}", reason=hold.reason)
    parts = [
        f"<p>{escape(what)}</p>",
        f"<p>{escape(evidence)}</p>",
        *_next_steps(_respond(hold, who), f"bmtick release {who}"),
    ]
    return {"message": subject, "details": "\n".join(parts)}


def _respond(hold: Hold, who: str) -> str:
    if hold.who.kind == USER:
        return f"bmtick respond -- {who}"
    if hold.who.kind == CLIENT:
        return f"bmtick respond --client {who}"
    return "bmtick incident"
