"""The plan: each step with its exact commands, its effect, and how to take it back. Pure.

The order is the runbook's: lock the spammer out, stop the mail, look at it, and only then let it
go or delete it.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from bmtick.errors import printable
from bmtick.incident.account import Account
from bmtick.incident.programs import Programs
from bmtick.incident.selection import Selection

STEPS = ("password", "sessions", "hold", "release", "delete", "restore")
PASSWORD_FILE = "PASSWORD-FILE"  # noqa: S105 -- stands for a path in the plan, is no password
_SHOWN_IDS = 3
_CONSOLE = "BlueMind's administration console, Directories > Directory browser"
_NO_CLI = "bm-cli is not on this machine"
_UNSAFE = "bm-cli is only ever given a plain full address, as a bare name can mean a whole domain"


@dataclass(frozen=True)
class Command:
    """One program call; ``ids`` go to its stdin, one a line."""

    arguments: tuple[str, ...]
    ids: tuple[str, ...] = ()

    def shown(self) -> str:
        """The command as a shell would take it, long lists of ids cut short."""
        command = shlex.join(self.arguments)
        if not self.ids:
            return printable(command)
        some = " ".join(self.ids[:_SHOWN_IDS])
        more = f" ... ({len(self.ids)} ids)" if len(self.ids) > _SHOWN_IDS else ""
        return f"printf '%s\\n' {some}{more} | {printable(command)}"


@dataclass(frozen=True)
class Step:
    """One step of the response.

    Attributes:
        effect: what happens when it is done.
        undo: how to take it back, or why that is impossible.
        confirm: whether it is only done after a confirmation.
        by_hand: what to do by hand instead; then there are no commands.
        idle: why there is nothing to do; empty if there is.
    """

    name: str
    title: str
    effect: str
    undo: str
    commands: tuple[Command, ...] = ()
    confirm: bool = True
    by_hand: str = ""
    idle: str = ""


@dataclass(frozen=True)
class Plan:
    """The whole response for one account."""

    account: Account
    selection: Selection
    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()

    def step(self, name: str) -> Step:
        """Return one step."""
        return next(s for s in self.steps if s.name == name)


def make_plan(
    account: Account,
    selection: Selection,
    *,
    programs: Programs,
    ours: frozenset[str] = frozenset(),
    copies: str = "",
    warnings: tuple[str, ...] = (),
) -> Plan:
    """Lay out the steps.

    Args:
        account: whose mail it is.
        selection: the account's queued messages.
        programs: names the Postfix instance and tells whether bm-cli is there.
        ours: queue ids that bmtick itself put on hold for this account.
        copies: the newest folder of deleted messages, if there is one.
        warnings: what the administrator should know before acting.
    """
    steps = (
        _password(account, programs),
        _sessions(account, programs),
        _hold(selection, programs),
        _release(selection, programs, ours),
        _delete(selection, programs),
        _restore(copies),
    )
    return Plan(account, selection, steps, warnings)


def _password(account: Account, programs: Programs) -> Step:
    target = account.cli_target()
    usable = target is not None and programs.find("bm-cli") is not None
    return Step(
        "password",
        "Change the password",
        "Nobody can log in with the stolen password any more. The new one is random and kept "
        "nowhere; it reaches bm-cli in a file of mode 0600, as arguments are visible to every "
        "user of the machine. Give the user another one later.",
        "impossible: set a new password for the user when the incident is over",
        commands=(Command(("bm-cli", "user", "update", target, f"@{PASSWORD_FILE}")),)
        if usable and target
        else (),
        by_hand=""
        if usable
        else f"{_NO_CLI if target else _UNSAFE}: set a new password for this user in {_CONSOLE}. "
        "Where passwords come from a directory (LDAP, Active Directory), change it there.",
    )


def _sessions(account: Account, programs: Programs) -> Step:
    target = account.cli_target()
    usable = target is not None and programs.find("bm-cli") is not None
    return Step(
        "sessions",
        "Close the sessions",
        "Open sessions of webmail, phones and programs end; with the old password they do not "
        "come back. An SMTP connection that is already logged in goes on until it is idle: "
        "'postfix reload' ends it as well.",
        "not needed: the user logs in again",
        commands=(Command(("bm-cli", "user", "logout", target)),) if usable and target else (),
        by_hand=""
        if usable
        else f"{_NO_CLI if target else _UNSAFE}: close the user's sessions in {_CONSOLE}.",
    )


def _hold(selection: Selection, programs: Programs) -> Step:
    ids = tuple(m.entry.queue_id for m in selection.moving)
    return Step(
        "hold",
        "Hold the queued mail",
        f"{_messages(len(ids))} stay in the queue and are not delivered; everybody else's mail "
        "goes on.",
        "--do release",
        commands=(Command(programs.postfix("postsuper", "-h", "-"), ids),) if ids else (),
        confirm=False,
        idle="" if ids else "no message of this account is waiting for delivery",
    )


def _release(selection: Selection, programs: Programs, ours: frozenset[str]) -> Step:
    ids = tuple(m.entry.queue_id for m in selection.held if m.entry.queue_id in ours)
    foreign = len(selection.held) - len(ids)
    idle = "bmtick holds no message of this account"
    if foreign:
        idle += f" ({_messages(foreign)} on hold by somebody else: 'postsuper -H ID' releases one)"
    return Step(
        "release",
        "Release the held mail",
        f"{_messages(len(ids))} that bmtick put on hold are delivered after all.",
        "impossible once delivered; --do hold for what is still there",
        commands=(Command(programs.postfix("postsuper", "-H", "-"), ids),) if ids else (),
        idle="" if ids else idle,
    )


def _delete(selection: Selection, programs: Programs) -> Step:
    ids = tuple(m.entry.queue_id for m in selection.held)
    copy = Command(programs.postfix("postcat", "-h", "-b", "-q", "ID"))
    return Step(
        "delete",
        "Delete the held mail",
        f"{_messages(len(ids))} on hold are copied into a folder of their own (mode 0700), then "
        "removed from the queue. Mail that is not on hold is never deleted.",
        "--do restore",
        commands=(copy, Command(programs.postfix("postsuper", "-d", "-", "hold"), ids))
        if ids
        else (),
        idle="" if ids else "no message of this account is on hold: --do hold comes first",
    )


def _restore(copies: str) -> Step:
    return Step(
        "restore",
        "Put deleted mail back",
        f"The messages in '{copies}' are sent again to everybody who had not got them.",
        "--do hold",
        commands=(Command(("sendmail", "-G", "-i", "-f", "SENDER", "--", "RECIPIENT...")),)
        if copies
        else (),
        idle="" if copies else "no deleted message of this account is left to restore",
    )


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count:,} messages"
