"""Execute the steps of a plan, one at a time, under the lock; each is in the journal first."""

from __future__ import annotations

import os
import secrets
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bmtick.collect.postqueue import QueueEntry
from bmtick.errors import BmtickError
from bmtick.incident.programs import Programs
from bmtick.incident.queue_files import Envelope, read_envelopes, read_message
from bmtick.incident.queued import read_queue
from bmtick.incident.response import copies, recovery, smtp_sessions
from bmtick.incident.response.journal import (
    Journal,
    Operation,
    held_by_bmtick,
    is_message,
    restorable,
)
from bmtick.incident.response.plan import PASSWORD_FILE, Plan, Step, count
from bmtick.incident.response.smtp_sessions import SmtpSession
from bmtick.incident.response.spool import open_spool

_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.")
_PASSWORD_LENGTH = 32
_BATCH = 200  # messages that are staged at a time during a restoration


@dataclass(frozen=True)
class Outcome:
    """The result of a step: success, text, and the messages that it changed."""

    ok: bool
    message: str
    ids: tuple[str, ...] = ()
    folder: str = ""
    of: str = ""


@dataclass(frozen=True)
class StepRunner:
    """Executes steps.

    Args:
        programs: the programs of this machine.
        journal: records each step; its folder contains the copies.
        logs: the mail logs, to find out what an interrupted step did.
        password: the new password; default: a random one that nobody gets to know.
        hang_up: ends an SMTP session of a ``master``; returns whether there was one.
    """

    programs: Programs
    journal: Journal
    logs: Sequence[str] = ()
    password: str = ""
    hang_up: Callable[[SmtpSession, int], bool] = field(default=smtp_sessions.end)

    def recover(self) -> list[str]:
        """Find out what interrupted steps did and record it; return it as text.

        Raises:
            BmtickError: the journal cannot be written, or another run is active.
        """
        if not recovery.unfinished(self.journal.operations()):
            return []
        with self.journal.lock() as lock:
            return self._recover(lock)

    def do(self, plan: Plan, name: str) -> Outcome:
        """Execute one step of the plan.

        Raises:
            BmtickError: the step is not possible here; nothing was done.
        """
        step = plan.step(name)
        if step.idle:
            return Outcome(True, f"nothing to do: {step.idle}")
        if step.by_hand:
            raise BmtickError(f"step '{name}' cannot be done here", remedy=step.by_hand)
        actions: dict[str, Callable[[Plan, Step, int], Outcome]] = {
            "password": self._password,
            "lock": self._run,
            "sessions": self._run,
            "connections": self._connections,
            "hold": self._hold,
            "release": self._release,
            "delete": self._delete,
            "restore": self._restore,
        }
        with self.journal.lock() as lock:
            self._recover(lock)
            return actions[name](plan, step, lock)

    def _recover(self, lock: int) -> list[str]:
        operations = self.journal.operations()
        if not recovery.unfinished(operations):
            return []
        entries = list(read_queue(self.programs))
        self._postsuper("-H", recovery.wrongly_held(operations, entries), lock)
        return recovery.recover(
            self.journal,
            entries,
            lambda: open_spool(self.programs),
            lambda since: recovery.removals(self.logs, since),
        )

    @contextmanager
    def _operation(
        self, plan: Plan, step: str, messages: Mapping[str, int], **facts: str
    ) -> Iterator[tuple[str, Callable[[Outcome], Outcome]]]:
        """Begin a step in the journal; yield the operation's id and a function that ends it."""
        who = plan.target.key
        operation = self.journal.begin(who, step, messages, **facts)

        def end(outcome: Outcome) -> Outcome:
            self.journal.write(
                operation,
                who,
                step,
                "end",
                ok=outcome.ok,
                message=outcome.message,
                ids=list(outcome.ids),
                folder=outcome.folder,
                of=outcome.of,
            )
            return outcome

        yield operation, end

    def _run(self, plan: Plan, step: Step, lock: int) -> Outcome:
        """Run the step's commands until one succeeds: later ones are alternatives to the first."""
        del lock
        with self._operation(plan, step.name, {}) as (_, end):
            failure = ""
            for command in step.commands:
                done = self.programs.run(command.arguments)
                if not done.status:
                    return end(Outcome(True, "done"))
                failure = failure or done.error
            return end(Outcome(False, f"bm-cli failed: {failure}"))

    def _password(self, plan: Plan, step: Step, lock: int) -> Outcome:
        """Give bm-cli the password in memory: a file could be found or replaced by others."""
        del lock
        with self._operation(plan, step.name, {}) as (_, end):
            memory = os.memfd_create("bmtick")
            try:
                os.fchmod(memory, 0o600)
                os.write(memory, f"--password={self.password or random_password()}\n".encode())
                path = f"/proc/{os.getpid()}/fd/{memory}"
                command = [a.replace(PASSWORD_FILE, path) for a in step.commands[0].arguments]
                done = self.programs.run(command)
            finally:
                os.close(memory)
            if done.status:
                text = f"bm-cli failed: {done.error}; set the password in the console"
                return end(Outcome(False, text))
            return end(Outcome(True, "the old password is no longer valid"))

    def _connections(self, plan: Plan, step: Step, lock: int) -> Outcome:
        del lock
        master = smtp_sessions.master_of(open_spool(self.programs).folder)
        ended, failure = 0, ""
        with self._operation(plan, step.name, {}) as (_, end):
            for session in plan.sessions or ():
                try:
                    ended += self.hang_up(session, master)
                except BmtickError as error:
                    failure = failure or f"; {error.message} ({error.remedy})"
            what = "1 SMTP session" if ended == 1 else f"{ended:,} SMTP sessions"
            return end(Outcome(not failure, f"{what} ended{failure}"))

    def _hold(self, plan: Plan, step: Step, lock: int) -> Outcome:
        """Hold first, then check: a moving message is gone before its queue file can be read.

        Messages of other senders are released at once.
        """
        with self._operation(plan, step.name, step.messages) as (_, end):
            self._postsuper("-h", step.messages, lock)
            existing = {
                e.queue_id: e.arrival_time
                for e in read_queue(self.programs)
                if e.queue_name == "hold" and e.queue_id in step.messages
            }
            known = read_envelopes(self.programs, existing)
            # A short queue id may belong to another message since the plan was made.
            other = [
                i
                for i, arrival in existing.items()
                if not is_message(step.messages[i], arrival)
                or (i in known and _foreign(plan, known[i]))
            ]
            self._postsuper("-H", other, lock)
            held = tuple(i for i in existing if i not in other)
            missing = len(step.messages) - len(held)
            text = f"{count(len(held))} on hold"
            if missing:
                text += f"; {missing} had left the queue or proved to be somebody else's"
            return end(Outcome(True, text, held))

    def _release(self, plan: Plan, step: Step, lock: int) -> Outcome:
        held_messages = held_by_bmtick(self.journal.operations())
        existing = self._still_there(step.messages, queue="hold")
        selected = {
            i: a
            for i, a in existing.items()
            if i in held_messages and is_message(held_messages[i], a)
        }
        with self._operation(plan, step.name, selected) as (_, end):
            self._postsuper("-H", selected, lock)
            return end(Outcome(True, f"{count(len(selected))} released", tuple(selected)))

    def _delete(self, plan: Plan, step: Step, lock: int) -> Outcome:
        spool = open_spool(self.programs)
        known = self._envelopes(self._still_there(step.messages, queue="hold"))
        selected = {i: step.messages[i] for i in known if not _foreign(plan, known[i])}
        folder = copies.new_folder(self.journal.folder, plan.target.name, self.journal.clock())
        with self._operation(plan, step.name, selected, folder=str(folder)) as (operation, end):
            try:
                with self.journal.opened() as outer:
                    outer.sub(folder.name, create=True).close()
            except OSError as error:
                raise BmtickError(f"cannot create '{folder}': {error.strerror}") from None
            saved: list[str] = []
            failed = ""
            for queue_id in selected:
                try:
                    queue_file = spool.read(known[queue_id])
                    message = read_message(self.programs, queue_id)
                    copies.save(folder, known[queue_id], message, queue_file)
                    saved.append(queue_id)
                except BmtickError as error:
                    failed = error.message
            copies.sync_all()
            self.journal.write(operation, plan.target.key, step.name, "copied", ids=saved)
            self._postsuper("-d", saved, lock, "hold")
            left = {e.queue_id for e in read_queue(self.programs)}
            deleted = tuple(i for i in saved if i not in left)
            text = f"{count(len(deleted))} deleted, copies in {folder}"
            missing = len(step.messages) - len(deleted)
            if missing:
                text += f"; {missing} not deleted" + (f": {failed}" if failed else "")
            return end(Outcome(not missing, text, deleted, str(folder)))

    def _restore(self, plan: Plan, step: Step, lock: int) -> Outcome:
        del lock
        operations = self.journal.operations()
        deletion = next(o for o in operations if o.id == step.deletion)
        folder = Path(deletion.folder)
        found = [copies.load(folder, i) for i in sorted(restorable(deletion, operations))]
        found = [c for c in found if not c.restored]
        whole = [c for c in found if c.queue_file and c.record["recipients"]]
        old = [c for c in found if not c.queue_file and c.record["recipients"]]
        failures = [
            f"{c.queue_id}: nobody was left to receive it" for c in found if c not in (*whole, *old)
        ]
        messages = {c.queue_id: deletion.messages.get(c.queue_id, 0) for c in (*whole, *old)}
        facts = {"folder": deletion.folder, "of": deletion.id}
        with self._operation(plan, step.name, messages, **facts) as (operation, end):

            def note(phase: str, ids: Iterable[str]) -> None:
                self.journal.write(operation, plan.target.key, step.name, phase, ids=list(ids))

            restored = self._requeue(operation, whole, note, failures)
            for copy in old:
                # sendmail leaves no trace of a submission: rather skip one than send it twice.
                note("sent", [copy.queue_id])
                failure = copy.resend(self.programs)
                if failure:
                    failures.append(f"{copy.queue_id}: {failure}")
                else:
                    restored.append(copy.queue_id)
            text = f"{count(len(restored))} put back into the queue"
            if failures:
                text += f"; {len(failures)} not ({failures[0]})"
            return end(Outcome(not failures, text, tuple(restored), deletion.folder, deletion.id))

    def _requeue(
        self,
        operation: str,
        found: Sequence[copies.Copy],
        note: Callable[[str, Iterable[str]], None],
        failures: list[str],
    ) -> list[str]:
        """Put copies back through ``maildrop``; return the ids of those that were."""
        restored: list[str] = []
        if not found:
            return restored
        spool = open_spool(self.programs)
        for earlier in self.journal.operations():
            if earlier.step == "restore" and earlier.ended:
                spool.clear(earlier.id)  # files that a run left staged when it was killed twice
        for start in range(0, len(found), _BATCH):
            batch = found[start : start + _BATCH]
            for copy in batch:
                spool.stage(operation, copy.queue_id, copy.folder / f"{copy.queue_id}.queue")
            copies.sync_all()
            note("staged", (c.queue_id for c in batch))
            for copy in batch:
                try:
                    spool.submit(operation, copy.queue_id)
                    restored.append(copy.queue_id)
                except BmtickError as error:
                    failures.append(f"{copy.queue_id}: {error.message}")
            spool.wake_pickup()
        spool.clear(operation)
        return restored

    def _still_there(self, messages: Mapping[str, int], queue: str = "") -> dict[str, int]:
        """Return the messages of a plan that are still in the queue, and not other ones."""
        entries: Iterable[QueueEntry] = read_queue(self.programs)
        return {
            e.queue_id: e.arrival_time
            for e in entries
            if e.queue_id in messages
            and is_message(messages[e.queue_id], e.arrival_time)
            and queue in ("", e.queue_name)
        }

    def _envelopes(self, ids: Iterable[str]) -> dict[str, Envelope]:
        """Read queue files of ids that exist; postcat searches a second for each missing one."""
        present = {e.queue_id for e in read_queue(self.programs)}
        return read_envelopes(self.programs, [i for i in ids if i in present])

    def _postsuper(self, option: str, ids: Iterable[str], lock: int, *queue: str) -> None:
        lines = "".join(f"{i}\n" for i in ids)
        if not lines:
            return
        command = self.programs.postfix("postsuper", option, "-", *queue)
        done = self.programs.run(command, stdin=lines.encode("ascii"), inherit=(lock,))
        if done.status:
            raise BmtickError(f"postsuper failed: {done.error}", remedy="run as root")


def last_deletion(operations: Sequence[Operation], who: str) -> Operation | None:
    """Return the target's newest deletion with restorable messages."""
    found = (o for o in reversed(operations) if o.step == "delete" and o.who == who)
    return next((o for o in found if Path(o.folder).is_dir() and to_restore(o, operations)), None)


def to_restore(deletion: Operation, operations: Sequence[Operation]) -> frozenset[str]:
    """Return the ids of a deletion that can be restored."""
    ids = restorable(deletion, operations)
    return frozenset(i for i in ids if not copies.load(Path(deletion.folder), i).restored)


def random_password() -> str:
    """Return a password that satisfies policies about kinds of characters.

    bm-cli's reader of argument files takes all its characters literally.
    """
    alphabet = "".join(_CLASSES)
    while True:
        password = "".join(secrets.choice(alphabet) for _ in range(_PASSWORD_LENGTH))
        if all(any(c in kind for c in password) for kind in _CLASSES) and password[0].isalpha():
            return password


def _foreign(plan: Plan, envelope: Envelope) -> bool:
    """Whether the login in the queue file belongs to another account."""
    return plan.target.contradicts(envelope.attributes.get("sasl_username", ""))
