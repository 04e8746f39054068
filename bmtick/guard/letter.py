"""The mail that tells of somebody who is newly held: what, why, and the two commands."""

from __future__ import annotations

import time as system_time
from html import escape

from bmtick.guard.holds import HOLD, Hold
from bmtick.guard.who import CLIENT, USER
from bmtick.languages import _
from bmtick.terminal import shell_quoted


def write_letter(hold: Hold, host: str) -> dict[str, str]:
    """Return the subject (``message``) and the HTML body (``details``) of the mail.

    Args:
        hold: who, since when, why.
        host: the name of this server.
    """
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
    spam = _("If it is spam, these are the next steps:")
    honest = _("If it is not, this gives the messages back and lets them send:")
    parts = [
        f"<p>{escape(what)}</p>",
        f"<p>{escape(evidence)}</p>",
        f"<p>{escape(spam)}</p>",
        f"<pre>{escape(_respond(hold, who))}</pre>",
        f"<p>{escape(honest)}</p>",
        f"<pre>bmtick release {escape(who)}</pre>",
    ]
    return {"message": subject, "details": "\n".join(parts)}


def _respond(hold: Hold, who: str) -> str:
    if hold.who.kind == USER:
        return f"bmtick respond -- {who}"
    if hold.who.kind == CLIENT:
        return f"bmtick respond --client {who}"
    return "bmtick incident"
