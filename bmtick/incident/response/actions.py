"""Do the steps of a plan, one at a time, each between two lines of the audit log."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bmtick.collect.postqueue import QueueEntry
from bmtick.errors import BmtickError
from bmtick.incident import copies
from bmtick.incident.account import normal
from bmtick.incident.audit import Audit
from bmtick.incident.programs import Programs
from bmtick.incident.queue_files import Envelope, read_envelopes, read_message
from bmtick.incident.queued import read_queue
from bmtick.incident.response.plan import PASSWORD_FILE, Plan, Step

_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.")
_PASSWORD_LENGTH = 32


@dataclass(frozen=True)
class Outcome:
    """What a step did: whether all of it worked, in words, and the messages it touched."""

    ok: bool
    message: str
    ids: tuple[str, ...] = ()
    folder: str = ""


@dataclass(frozen=True)
class Doer:
    """Carries out steps.

    Args:
        programs: the programs of this machine.
        audit: where every step is recorded; its folder takes the copies.
        password: the new password; by default a random one that nobody learns.
    """

    programs: Programs
    audit: Audit
    password: str = ""

    def do(self, plan: Plan, name: str) -> Outcome:
        """Do one step of the plan.

        Raises:
            BmtickError: the step cannot be done here at all; nothing was done.
        """
        step = plan.step(name)
        if step.idle:
            return Outcome(True, f"nothing to do: {step.idle}")
        if step.by_hand:
            raise BmtickError(f"step '{name}' cannot be done here", remedy=step.by_hand)
        actions: dict[str, Callable[[Plan, Step], Outcome]] = {
            "password": self._password,
            "sessions": self._run,
            "hold": self._hold,
            "release": self._release,
            "delete": self._delete,
            "restore": self._restore,
        }
        commands = [list(c.arguments) for c in step.commands]
        ids = [i for c in step.commands for i in c.ids]
        self._note(plan, name, "begin", commands=commands, ids=ids)
        try:
            outcome = actions[name](plan, step)
        except BmtickError as error:
            self._note(plan, name, "failed", error=error.message)
            raise
        facts: dict[str, Any] = {"ok": outcome.ok, "message": outcome.message}
        self._note(plan, name, "end", **facts, ids=list(outcome.ids), folder=outcome.folder)
        return outcome

    def _note(self, plan: Plan, step: str, phase: str, **facts: Any) -> None:
        self.audit.write(plan.account.name, step, phase, **facts)

    def _run(self, plan: Plan, step: Step) -> Outcome:
        del plan
        done = self.programs.run(step.commands[0].arguments)
        if done.status:
            return Outcome(False, f"bm-cli failed: {done.error}")
        return Outcome(True, "done")

    def _password(self, plan: Plan, step: Step) -> Outcome:
        del plan
        self.audit.prepare()
        # nobody but root can rename what lies above it: Folder has seen to that
        path = self.audit.folder / f".{secrets.token_hex(8)}"
        text = f"--password={self.password or random_password()}\n"
        try:
            with self.audit.opened() as folder:
                folder.create(path.name, text.encode())
            arguments = [a.replace(PASSWORD_FILE, str(path)) for a in step.commands[0].arguments]
            done = self.programs.run(arguments)
        finally:
            path.unlink(missing_ok=True)
        if done.status:
            return Outcome(False, f"bm-cli failed: {done.error}; set the password in the console")
        return Outcome(True, "the old password is no longer valid")

    def _hold(self, plan: Plan, step: Step) -> Outcome:
        wanted = step.commands[0].ids
        known = self._envelopes(wanted)
        mine = [i for i in wanted if i in known and self._is_ours(plan, known[i])]
        self._postsuper(step.commands[0].arguments, mine)
        after = self._envelopes(mine)
        # A short queue id may have gone to another message since it was read.
        other = [i for i, e in after.items() if not _same(e, known[i])]
        if other:
            self._postsuper(self.programs.postfix("postsuper", "-H", "-"), other)
        held = tuple(i for i in after if i not in other)
        gone = len(wanted) - len(held)
        text = f"{_count(held)} on hold"
        if gone:
            text += f"; {gone} had left the queue or proved to be somebody else's"
        return Outcome(True, text, held)

    def _envelopes(self, ids: Iterable[str]) -> dict[str, Envelope]:
        """Read queue files; only those that are there, as postcat looks a second for others."""
        present = {e.queue_id for e in read_queue(self.programs)}
        return read_envelopes(self.programs, [i for i in ids if i in present])

    def _is_ours(self, plan: Plan, envelope: Envelope) -> bool:
        """Ask the queue file itself before acting: the login in it decides.

        Where it names none, the plan's reason stands if this is still the message of the plan.
        """
        login = envelope.attributes.get("sasl_username", "")
        if login:
            return plan.account.is_login(login)
        match = next(m for m in plan.selection.matches if m.entry.queue_id == envelope.queue_id)
        return is_message(match.entry, envelope)

    def _release(self, plan: Plan, step: Step) -> Outcome:
        del plan
        ids = step.commands[0].ids
        self._postsuper(step.commands[0].arguments, ids)
        return Outcome(True, f"{_count(ids)} released", ids)

    def _delete(self, plan: Plan, step: Step) -> Outcome:
        ids = step.commands[-1].ids
        envelopes = self._envelopes(ids)
        self.audit.prepare()
        folder = copies.new_folder(self.audit.folder, plan.account.name, self.audit.clock())
        saved: list[str] = []
        failed = ""
        for queue_id, envelope in envelopes.items():
            if not self._is_ours(plan, envelope):
                continue
            try:
                copies.save(folder, envelope, read_message(self.programs, queue_id))
                saved.append(queue_id)
            except BmtickError as error:
                failed = error.message
        copies.settle()
        self._postsuper(step.commands[-1].arguments, saved)
        left = {e.queue_id for e in read_queue(self.programs)}
        deleted = tuple(i for i in saved if i not in left)
        text = f"{_count(deleted)} deleted, copies in {folder}"
        if len(deleted) < len(ids):
            text += f"; {len(ids) - len(deleted)} not deleted" + (f": {failed}" if failed else "")
        return Outcome(len(deleted) == len(ids), text, deleted, str(folder))

    def _restore(self, plan: Plan, step: Step) -> Outcome:
        del step
        folder = last_copies(self.audit, plan.account.name)
        restored: list[str] = []
        failures: list[str] = []
        for copy in copies.load(Path(folder)):
            if copy.restored:
                continue
            failure = copy.restore(self.programs, self.audit.clock())
            if failure:
                failures.append(f"{copy.queue_id}: {failure}")
            else:
                restored.append(copy.queue_id)
        text = f"{_count(restored)} put back into the queue"
        if failures:
            text += f"; {len(failures)} not ({failures[0]})"
        return Outcome(not failures, text, tuple(restored), folder)

    def _postsuper(self, arguments: Iterable[str], ids: Iterable[str]) -> None:
        lines = "".join(f"{i}\n" for i in ids)
        if not lines:
            return
        done = self.programs.run(tuple(arguments), stdin=lines.encode("ascii"))
        if done.status:
            raise BmtickError(f"postsuper failed: {done.error}", remedy="run as root")


def last_copies(audit: Audit, account: str) -> str:
    """Return the newest folder of copies with messages still to be restored, or ""."""
    folders = [
        str(r["folder"])
        for r in audit.read(account)
        if r.get("step") == "delete" and r.get("phase") == "end" and r.get("folder")
    ]
    for folder in reversed(folders):
        if Path(folder).is_dir() and any(not c.restored for c in copies.load(Path(folder))):
            return folder
    return ""


def random_password() -> str:
    """Return a password no policy refuses for want of a kind of character.

    All of its characters are plain to bm-cli's reader of argument files.
    """
    alphabet = "".join(_CLASSES)
    while True:
        password = "".join(secrets.choice(alphabet) for _ in range(_PASSWORD_LENGTH))
        if all(any(c in kind for c in password) for kind in _CLASSES) and password[0].isalpha():
            return password


def is_message(entry: QueueEntry, envelope: Envelope) -> bool:
    """Tell whether a line of the queue and a queue file are of one message; short ids are reused.

    ``postqueue`` calls the empty sender MAILER-DAEMON; ``postcat`` prints local time.
    """
    sender = "" if entry.sender == "MAILER-DAEMON" and not envelope.sender else entry.sender
    arrival = time.asctime(time.localtime(entry.arrival_time))
    return normal(sender) == normal(envelope.sender) and arrival == envelope.arrival


def _same(one: Envelope, other: Envelope) -> bool:
    return (one.sender, one.arrival, one.size) == (other.sender, other.arrival, other.size)


def _count(ids: Iterable[str]) -> str:
    number = len(list(ids))
    return "1 message" if number == 1 else f"{number:,} messages"
