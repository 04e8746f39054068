"""Look at queue, log and audit log, and make the plan for an account; nothing is changed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bmtick.collect.postqueue import QueueEntry
from bmtick.errors import BmtickError
from bmtick.incident.account import Account
from bmtick.incident.audit import Audit
from bmtick.incident.networks import parse_networks
from bmtick.incident.postconf import read_parameter
from bmtick.incident.programs import Programs
from bmtick.incident.queued import Origins, find_origins, read_queue
from bmtick.incident.response.actions import last_copies
from bmtick.incident.response.plan import Plan, make_plan
from bmtick.incident.selection import Rules, Selection, select


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Args:
        account: whose mail.
        logs: the mail logs, which tell who logged in for a message.
        known_clients: networks of the settings that may send without a login.
        by_sender: also take mail without any login whose envelope sender is the account's.
    """

    account: Account
    logs: tuple[str, ...]
    known_clients: tuple[str, ...] = ()
    by_sender: bool = True


def look(request: Request, programs: Programs, audit: Audit) -> Plan:
    """Return the plan for what is queued now.

    Raises:
        BmtickError: the queue cannot be read.
    """
    entries = list(read_queue(programs))
    origins = find_origins(entries, request.logs, programs)
    selection = select(entries, origins.by_id, _rules(request, programs))
    return make_plan(
        request.account,
        selection,
        programs=programs,
        ours=frozenset(audit.held_ids(request.account.name)),
        copies=last_copies(audit, request.account.name),
        warnings=_warnings(request, entries, origins, selection),
    )


def _rules(request: Request, programs: Programs) -> Rules:
    """Trust what mynetworks and the settings trust; without Postfix's settings the latter alone."""
    try:
        mynetworks = parse_networks(read_parameter(programs, "mynetworks"))
    except BmtickError:
        mynetworks = parse_networks("")
    known = parse_networks(request.known_clients, strict=True)
    return Rules(
        request.account,
        trusted=lambda client: client in mynetworks or client in known,
        by_sender=request.by_sender,
    )


def _warnings(
    request: Request, entries: Collection[QueueEntry], origins: Origins, selection: Selection
) -> tuple[str, ...]:
    found = list(origins.notes)
    logins = {o.user for o in origins.by_id.values() if o.user} | origins.logins
    others = request.account.lookalikes(logins)
    if others:
        names = ", ".join(f"'{n}'" for n in others[:5])
        found.append(
            f"other logins of nearly this name: {names}; if they are the same account, add them with --alias"
        )
    unknown = sum(e.queue_id not in origins.by_id for e in entries)
    if unknown:
        found.append(
            f"{unknown:,} queued messages are of unknown origin and were judged by sender alone"
        )
    if not selection.matches and not entries:
        found.append("the queue is empty")
    return tuple(found)


def last_undoable(audit: Audit, account: str) -> str:
    """Return the step that takes back the last hold or deletion of an account.

    Raises:
        BmtickError: there is nothing to take back.
    """
    undo = {"hold": "release", "delete": "restore"}
    done = [
        str(r["step"])
        for r in audit.read(account)
        if r.get("phase") == "end" and r.get("ids") and r.get("step") in (*undo, *undo.values())
    ]
    if not done or done[-1] not in undo:
        raise BmtickError(
            f"there is nothing to take back for '{account}'",
            remedy=f"the audit log is {audit.path}",
        )
    return undo[done[-1]]
