"""Build the plan: each step with its exact commands, its effect, and its undo. Pure.

The order is that of the runbook: lock out the spammer, stop the mail, review it, and only then
release or delete it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import NamedTuple

from bmtick.errors import BmtickError, printable
from bmtick.incident.account import Account
from bmtick.incident.networks import Network, parse_networks
from bmtick.incident.programs import Programs
from bmtick.incident.response.journal import Operation
from bmtick.incident.response.selection import Selection
from bmtick.incident.response.smtp_sessions import SmtpSession
from bmtick.incident.response.target import Target

_QUEUE_STEPS = ("hold", "release", "delete", "restore")
ACCOUNT_STEPS = ("password", "lock", "sessions", "connections", *_QUEUE_STEPS)
CLIENT_STEPS = ("networks", "firewall", "connections", *_QUEUE_STEPS)
STEPS = tuple(dict.fromkeys((*ACCOUNT_STEPS[:4], *CLIENT_STEPS)))
PASSWORD_FILE = "PASSWORD-FILE"  # noqa: S105 -- a placeholder for a path, not a password
_SHOWN = 3
_CONSOLE = "BlueMind's administration console, Directories > Directory browser"
_NO_CLI = "bm-cli is not on this machine"
_UNSAFE = "bm-cli is only ever given a plain full address, as a bare name can mean a whole domain"


@dataclass(frozen=True)
class Command:
    """One program call; ``ids`` are written to its stdin, one a line."""

    arguments: tuple[str, ...]
    ids: tuple[str, ...] = ()

    def shown(self) -> str:
        """The command in shell syntax; long lists of ids are shortened."""
        command = shlex.join(self.arguments)
        if not self.ids:
            return printable(command)
        some = " ".join(self.ids[:_SHOWN])
        more = f" ... ({len(self.ids)} ids)" if len(self.ids) > _SHOWN else ""
        return f"printf '%s\\n' {some}{more} | {printable(command)}"


@dataclass(frozen=True)
class Step:
    """One step of the response.

    Attributes:
        effect: what it changes.
        undo: how to revert it, or why that is impossible.
        commands: the program calls; empty if bmtick does it without a program.
        messages: queue id and arrival (seconds since the epoch) of the messages it applies to.
        confirm: whether it requires a confirmation.
        by_hand: manual instructions; then there are no commands.
        idle: why there is nothing to do; else empty.
        deletion: the operation that a restoration reverts.
    """

    name: str
    title: str
    effect: str
    undo: str
    commands: tuple[Command, ...] = ()
    messages: Mapping[str, int] = field(default_factory=dict)
    confirm: bool = True
    by_hand: str = ""
    idle: str = ""
    deletion: str = ""


@dataclass(frozen=True)
class Plan:
    """The whole response for one target.

    Attributes:
        sessions: its open SMTP sessions; None if the log cannot be read.
    """

    target: Target
    selection: Selection
    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()
    sessions: tuple[SmtpSession, ...] | None = None

    def step(self, name: str) -> Step:
        """Return one step.

        Raises:
            BmtickError: there is no such step for this kind of target.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise BmtickError(
            f"there is no step '{name}' for '{self.target.name}'",
            remedy=f"its steps are: {', '.join(s.name for s in self.steps)}",
        )


class Held(NamedTuple):
    """Messages on hold: those that bmtick put on hold, and the number of others."""

    ours: Mapping[str, int]
    foreign: int


class Deletion(NamedTuple):
    """The newest deletion with restorable messages."""

    operation: Operation
    ids: frozenset[str]


def make_plan(
    target: Target,
    selection: Selection,
    *,
    programs: Programs,
    held: Held | None = None,
    deletion: Deletion | None = None,
    sessions: tuple[SmtpSession, ...] | None = (),
    mynetworks: str = "",
    warnings: tuple[str, ...] = (),
) -> Plan:
    """Build the steps.

    Args:
        target: whose mail.
        selection: its queued messages.
        programs: determines the Postfix instance and whether bm-cli is installed.
        held: messages of the selection that bmtick put on hold.
        deletion: what can be restored, if anything.
        sessions: open SMTP sessions of the target; None: unknown.
        mynetworks: Postfix's parameter; empty: it cannot be read.
        warnings: for the administrator, before the first step.
    """
    steps: list[Step] = []
    if target.account:
        steps += [
            _password(target.account, programs),
            _lock(target.account, programs),
            _sessions(target.account, programs),
        ]
    elif target.client:
        steps += [_networks(target.client, mynetworks), _firewall(target.client, target.name)]
    if target.account or target.client:
        steps.append(_connections(sessions))
    steps += [
        _hold(selection, programs),
        release(held or Held({}, 0), programs),
        _delete(selection, programs),
        restore(deletion),
    ]
    return Plan(target, selection, tuple(steps), warnings, sessions)


def _cli(account: Account, programs: Programs, *words: str) -> tuple[Command, ...]:
    """Return a call of ``bm-cli user``, with ``ADDRESS`` replaced; none if that is not safe."""
    target = account.cli_target()
    if target is None or programs.find("bm-cli") is None:
        return ()
    return (Command(("bm-cli", "user", *(target if w == "ADDRESS" else w for w in words))),)


def _why_by_hand(account: Account) -> str:
    return _NO_CLI if account.cli_target() else _UNSAFE


def _password(account: Account, programs: Programs) -> Step:
    commands = _cli(account, programs, "update", "ADDRESS", f"@{PASSWORD_FILE}")
    return Step(
        "password",
        "Change the password",
        "Nobody can log in with the stolen password any more. The new one is random and kept "
        "nowhere; bm-cli reads it from memory, as arguments are visible to every user of the "
        "machine. Give the user another one later.",
        "impossible: set a new password for the user when the incident is over",
        commands=commands,
        by_hand=""
        if commands
        else f"{_why_by_hand(account)}: set a new password for this user in {_CONSOLE}. "
        "Where passwords come from a directory (LDAP, Active Directory), change it there.",
    )


def _lock(account: Account, programs: Programs) -> Step:
    """Lock by the flag "password must change".

    ``bm-cli user update`` cannot suspend a user. With this flag ysnp and nginx refuse the login for
    SMTP and IMAP (``CoreCredentialValidator``, ``Nginx``: PASSWORDEXPIRED), and the web pages only
    offer to change the password.
    """
    commands = _cli(account, programs, "update", "ADDRESS", "--set-password-must-change")
    suspend = f"{_CONSOLE}: open the user, tick 'Suspended', save"
    return Step(
        "lock",
        "Lock the account",
        "SMTP and IMAP refuse every login of the account until its password is changed on the web "
        f"page. To lock it altogether: {suspend}.",
        "bm-cli user update ADDRESS --unset-password-must-change",
        commands=commands,
        by_hand="" if commands else f"{_why_by_hand(account)}: {suspend}.",
    )


def _sessions(account: Account, programs: Programs) -> Step:
    # BlueMind 5 requires --email, older versions the bare address. The other form is refused.
    new = _cli(account, programs, "logout", "--email", "ADDRESS")
    old = _cli(account, programs, "logout", "ADDRESS")
    return Step(
        "sessions",
        "Close the sessions",
        "Open sessions of webmail, phones and programs end; with the old password they do not "
        "come back. The second command is only run where bm-cli refuses the first.",
        "not needed: the user logs in again",
        commands=new + old,
        by_hand="" if new else f"{_why_by_hand(account)}: close the user's sessions in {_CONSOLE}.",
    )


def _networks(client: Network, mynetworks: str) -> Step:
    """Remove the machine from the trusted networks: in BlueMind's console, else by ``postconf``."""
    networks = parse_networks(mynetworks)
    trusting = networks.which(str(client.network_address))
    name = str(client.network_address) if client.max_prefixlen == 32 else str(client)
    shown = f"[{client.network_address}]/64" if client.max_prefixlen == 128 else name
    words = mynetworks.replace(",", " ").split()
    without = [w for w in words if client not in parse_networks(w).networks]
    wider = parse_networks(" ".join(without)).which(str(client.network_address))
    what = f"remove {name} from"
    if wider:
        without.insert(0, f"!{shown}")
        what = f"replace {wider} by the addresses that need it, without {name}, in"
    remaining = shlex.quote(f"mynetworks = {' '.join(without)}")
    return Step(
        "networks",
        "Take it out of the trusted networks",
        "The machine can no longer send without a login.",
        "put it back when the machine is clean: "
        + printable(f"postconf -e {shlex.quote(f'mynetworks = {mynetworks}')} && postfix reload"),
        by_hand=f"{what} 'My networks' in BlueMind's administration console, System management > "
        "System configuration > Mail, and save. On a Postfix without BlueMind: "
        + printable(f"postconf -e {remaining} && postfix reload")
        if trusting
        else "",
        idle="" if trusting else "Postfix does not trust it (mynetworks)",
    )


def _firewall(client: Network, name: str) -> Step:
    rule = f"INPUT -s {name} -p tcp -m multiport --dports 25,465,587 -j DROP"
    program = "iptables" if client.max_prefixlen == 32 else "ip6tables"
    idle = ""
    if any(ip_address(own) in client for own in ("127.0.0.1", "::1")) or client.is_loopback:
        idle = "this is the server itself: find the program or the webmail user that sends"
    return Step(
        "firewall",
        "Block it in the firewall",
        "The machine can no longer connect to Postfix, with a login either.",
        f"{program} -D {rule}",
        by_hand="" if idle else f"{program} -I {rule}",
        idle=idle,
    )


def _connections(sessions: tuple[SmtpSession, ...] | None) -> Step:
    some = ", ".join(f"smtpd[{s.pid}] with {s.peer}" for s in (sessions or ())[:_SHOWN])
    more = f" and {len(sessions) - _SHOWN} more" if sessions and len(sessions) > _SHOWN else ""
    idle = ""
    if sessions is None:
        idle = "the log cannot be read, so open sessions are unknown"
    elif not sessions:
        idle = "the log shows no open session that mail came by"
    return Step(
        "connections",
        "End running SMTP sessions",
        f"The connections end as if the client had hung up: {some}{more}. A message that is being "
        "sent is not queued. 'postfix reload' would leave them open, and killing smtpd would stop "
        "the service for a minute.",
        "not needed: a client that may log in connects again",
        idle=idle,
    )


def _hold(selection: Selection, programs: Programs) -> Step:
    messages = {m.entry.queue_id: m.entry.arrival_time for m in selection.moving}
    ids = tuple(messages)
    return Step(
        "hold",
        "Hold the queued mail",
        f"{count(len(ids))} stay in the queue and are not delivered; everybody else's mail "
        "goes on.",
        "--do release",
        commands=(Command(programs.postfix("postsuper", "-h", "-"), ids),) if ids else (),
        messages=messages,
        confirm=False,
        idle="" if ids else "no message of this kind is waiting for delivery",
    )


def release(held: Held, programs: Programs) -> Step:
    """Return the step that releases held mail."""
    ids = tuple(held.ours)
    idle = "bmtick holds no message of this kind"
    if held.foreign:
        idle += f" ({count(held.foreign)} on hold by somebody else: 'postsuper -H ID' releases one)"
    return Step(
        "release",
        "Release the held mail",
        f"{count(len(ids))} that bmtick put on hold are delivered after all.",
        "impossible once delivered; --do hold for what is still there",
        commands=(Command(programs.postfix("postsuper", "-H", "-"), ids),) if ids else (),
        messages=held.ours,
        idle="" if ids else idle,
    )


def _delete(selection: Selection, programs: Programs) -> Step:
    messages = {m.entry.queue_id: m.entry.arrival_time for m in selection.held}
    ids = tuple(messages)
    copy = Command(programs.postfix("postcat", "-h", "-b", "-q", "ID"))
    return Step(
        "delete",
        "Delete the held mail",
        f"{count(len(ids))} on hold are copied into a folder of their own (mode 0700), then "
        "removed from the queue. Mail that is not on hold is never deleted.",
        "--do restore",
        commands=(copy, Command(programs.postfix("postsuper", "-d", "-", "hold"), ids))
        if ids
        else (),
        messages=messages,
        idle="" if ids else "no message of this kind is on hold: --do hold comes first",
    )


def restore(deletion: Deletion | None) -> Step:
    """Return the step that restores deleted mail."""
    found = deletion is not None
    folder = deletion.operation.folder if deletion else ""
    return Step(
        "restore",
        "Put deleted mail back",
        f"{count(len(deletion.ids) if deletion else 0)} in '{folder}' go back into the queue, to "
        "everybody who had not got them.",
        "--do hold",
        commands=(Command(("mv", f"{folder}/ID.queue", "QUEUE_DIRECTORY/maildrop/ID")),)
        if found
        else (),
        idle="" if found else "no deleted message of this kind is left to restore",
        deletion=deletion.operation.id if deletion else "",
    )


def count(number: int) -> str:
    """Format a number of messages."""
    return "1 message" if number == 1 else f"{number:,} messages"
