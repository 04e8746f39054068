"""Read queue, log and journal, and make the plan for a target; nothing is changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bmtick.collect.postqueue import QueueEntry
from bmtick.errors import BmtickError
from bmtick.incident.account import Account, normal
from bmtick.incident.networks import parse_address, parse_networks
from bmtick.incident.postconf import read_parameter
from bmtick.incident.programs import Programs
from bmtick.incident.queued import Origins, find_origins, read_queue
from bmtick.incident.response import recovery
from bmtick.incident.response.actions import last_deletion, to_restore
from bmtick.incident.response.journal import Journal, Operation, held_by_bmtick, is_message
from bmtick.incident.response.names import (
    full_addresses,
    known_logins,
    mail_domains,
    unknown_account,
)
from bmtick.incident.response.plan import Deletion, Held, Plan, make_plan, release, restore
from bmtick.incident.response.selection import Selection, select
from bmtick.incident.response.smtp_sessions import (
    SmtpSession,
    is_running,
    master_of,
    read_sessions,
)
from bmtick.incident.response.spool import open_spool
from bmtick.incident.response.target import Target
from bmtick.languages import _, _n


@dataclass(frozen=True)
class Request:
    """A request for a response.

    Args:
        target: whose mail.
        logs: the mail logs, which contain the login of each message.
        known_clients: networks of the settings that may send without a login.
        force: continue even if the account is unknown here.
    """

    target: Target
    logs: tuple[str, ...]
    known_clients: tuple[str, ...] = ()
    force: bool = False


def plan_response(request: Request, programs: Programs, journal: Journal) -> Plan:
    """Return the plan for the current queue.

    Raises:
        BmtickError: the queue cannot be read, or the account is unknown here.
    """
    entries = list(read_queue(programs))
    origins = find_origins(entries, request.logs, programs)
    mynetworks = _mynetworks(programs)
    trusted, known = parse_networks(mynetworks), parse_networks(request.known_clients, strict=True)
    target, notes = _with_full_address(request, origins, programs)
    selection = select(
        entries, origins.by_id, target, lambda client: client in trusted or client in known
    )
    operations = journal.operations()
    account = target.account
    seen = selection.matches or selection.spared or any(o.who == target.key for o in operations)
    if account and not seen:
        logins = _logins(origins) | known_logins(request.logs)
        if logins and not request.force and not any(account.is_login(n) for n in logins):
            senders = {e.sender for e in entries}
            raise unknown_account(account, logins, senders)
    deletion = last_deletion(operations, target.key)
    return make_plan(
        target,
        selection,
        programs=programs,
        held=_held(operations, entries, selection.ids, target.key),
        deletion=Deletion(deletion, to_restore(deletion, operations)) if deletion else None,
        sessions=_open_sessions(target, request.logs, programs),
        mynetworks=mynetworks,
        warnings=(*notes, *_warnings(target, entries, origins, selection, operations)),
    )


def plan_undo(request: Request, programs: Programs, journal: Journal) -> tuple[Plan, str]:
    """Return a plan and its step that reverts the target's last hold or deletion.

    The journal determines those messages, independent of the log.

    Raises:
        BmtickError: there is nothing to revert, or the queue cannot be read.
    """
    plan = plan_response(replace(request, force=True), programs, journal)
    entries = list(read_queue(programs))
    operations = journal.operations()
    for operation in reversed(operations):
        if operation.who != plan.target.key:
            continue
        if operation.step == "delete" and to_restore(operation, operations):
            ids = to_restore(operation, operations)
            return _replace_step(plan, restore(Deletion(operation, ids))), "restore"
        if operation.step == "hold":
            held = _on_hold(held_by_bmtick(operations), entries)
            own = {i: a for i, a in held.items() if i in operation.messages}
            if own:
                return _replace_step(plan, release(Held(own, 0), programs)), "release"
    raise BmtickError(
        f"there is nothing to take back for '{request.target.name}'",
        remedy=f"the journal is {journal.path}",
    )


def _replace_step(plan: Plan, step: object) -> Plan:
    steps = tuple(step if s.name == getattr(step, "name", "") else s for s in plan.steps)
    return replace(plan, steps=steps)  # type: ignore[arg-type]


def _held(
    operations: Sequence[Operation],
    entries: Iterable[QueueEntry],
    selected: Collection[str],
    who: str,
) -> Held:
    """Return what bmtick holds of the selection, or ever held for this target."""
    entries = list(entries)
    for_it = {i for o in operations if o.step == "hold" and o.who == who for i in o.messages}
    held_messages = _on_hold(held_by_bmtick(operations), entries)
    own = {i: a for i, a in held_messages.items() if i in for_it or i in set(selected)}
    on_hold = {e.queue_id for e in entries if e.queue_name == "hold"} & set(selected)
    return Held(own, len(on_hold - set(own)))


def _on_hold(held: Mapping[str, int], entries: Iterable[QueueEntry]) -> dict[str, int]:
    return {
        e.queue_id: e.arrival_time
        for e in entries
        if e.queue_name == "hold"
        and e.queue_id in held
        and is_message(held[e.queue_id], e.arrival_time)
    }


def _mynetworks(programs: Programs) -> str:
    try:
        return read_parameter(programs, "mynetworks")
    except BmtickError:
        return ""


def _with_full_address(
    request: Request, origins: Origins, programs: Programs
) -> tuple[Target, list[str]]:
    """Return the target with the full address of a bare login, and warnings about that."""
    account = request.target.account
    if account is None:
        return request.target, []
    if any("@" in name for name in account.known):
        return _with_bare_login(request.target, account, _logins(origins)), []
    logins = _logins(origins) | known_logins(request.logs)
    found = full_addresses(account.name, logins, mail_domains(programs))
    if len(found) == 1:
        full = Account(account.name, (*account.aliases, found[0]))
        return replace(request.target, account=full), [f"'{account.name}' is {found[0]}"]
    if found:
        return request.target, [
            f"'{account.name}' may be {' or '.join(found[:5])}: name the right one with --alias"
        ]
    return request.target, []


def _with_bare_login(target: Target, account: Account, logins: set[str]) -> Target:
    """Return the target with its address's bare login, if no other account can have that login.

    Programs use both logins; if two addresses share the part before the ``@``, the bare login may
    belong to the other one.
    """
    address = next(n for n in account.known if "@" in n)
    bare = address.partition("@")[0]
    alike = {normal(n) for n in logins if normal(n).partition("@")[0] == bare}
    if bare not in alike or alike - {bare} - account.known:
        return target
    return replace(target, account=Account(account.name, (*account.aliases, bare)))


def _open_sessions(
    target: Target, logs: Sequence[str], programs: Programs
) -> tuple[SmtpSession, ...] | None:
    """Return the target's open SMTP sessions; None if they are unknown."""
    if not target.account and not target.client:
        return ()
    try:
        sessions = read_sessions(logs)
        master = master_of(open_spool(programs).folder)
    except BmtickError:
        return None
    return tuple(s for s in sessions if _is_of(target, s) and is_running(s, master))


def _is_of(target: Target, session: SmtpSession) -> bool:
    if target.account:
        return any(target.account.is_login(name) for name in session.logins)
    if session.logins or target.client is None:
        return False
    addresses = [parse_address(c) for c in (session.peer, *session.clients)]
    return any(a is not None and a in target.client for a in addresses)


def _logins(origins: Origins) -> set[str]:
    return {o.user for o in origins.by_id.values() if o.user} | origins.logins


def _warnings(
    target: Target,
    entries: Collection[QueueEntry],
    origins: Origins,
    selection: Selection,
    operations: Sequence[Operation],
) -> tuple[str, ...]:
    found = list(origins.notes)
    for operation in recovery.unfinished(operations):
        when = datetime.fromtimestamp(operation.time).astimezone()
        found.append(
            _(
                "the step '{step}' for '{who}' of {when} was interrupted; the next step that is done here finds out first what it had done",
                step=operation.step,
                who=operation.who,
                when=f"{when:%Y-%m-%d %H:%M:%S}",
            )
        )
    account = target.account
    others = account.lookalikes(_logins(origins)) if account else []
    if others:
        names = ", ".join(f"'{n}'" for n in others[:5])
        found.append(
            _(
                "other logins of nearly this name: {names}; if they are the same account, add them with --alias",
                names=names,
            )
        )
    unknown = sum(e.queue_id not in origins.by_id for e in entries)
    if unknown and account:
        found.append(
            _n(
                "{n} queued message is of unknown origin and was judged by sender alone",
                "{n} queued messages are of unknown origin and were judged by sender alone",
                unknown,
            )
        )
    elif unknown and target.client:
        found.append(
            _n(
                "{n} queued message is of unknown origin and is left out",
                "{n} queued messages are of unknown origin and are left out",
                unknown,
            )
        )
    if not selection.matches and not entries:
        found.append(_("the queue is empty"))
    return tuple(found)
