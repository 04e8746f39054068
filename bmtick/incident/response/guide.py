"""Guide the administrator through an incident: who, which steps, and proof that the mail stopped.

All input and output is injected: questions and text, the clock, and access to the queue. The steps
are those of ``bmtick respond``; here each one is confirmed and explained in the administrator's
language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bmtick.errors import BmtickError, printable
from bmtick.incident.response.actions import Outcome
from bmtick.incident.response.plan import Plan, Step
from bmtick.incident.units import plain
from bmtick.languages import _, _n

# Stop the mail first; then lock the account; then remove what was sent meanwhile.
STEPS_BEFORE_WATCH = (
    *("hold", "password", "lock", "sessions", "networks", "firewall", "connections"),
    "hold",
)
STEPS_AFTER_WATCH = ("delete", "release")
QUIET_SECONDS = 60.0  # seconds without a delivery after which the mail has stopped
WATCH_TIMEOUT = 900.0  # seconds until the watch times out
_SAMPLE_INTERVAL = 2.0  # seconds between two samples


@dataclass(frozen=True)
class Accused:
    """One account or machine, and the evidence against it.

    Attributes:
        kind: ``user`` or ``client``.
        since: first suspicious activity, seconds since the epoch; 0: unknown.
        evidence: sentences.
        held: whether the guard holds its mail.
    """

    kind: str
    name: str
    since: int
    evidence: tuple[str, ...]
    held: bool = False


class Flow(NamedTuple):
    """What a target sends, in one sample.

    Attributes:
        left: outside recipients who got its mail since the watch began.
        accepted: messages that Postfix accepted from it since then.
        moving: its queued messages that are not on hold.
    """

    left: int
    accepted: int
    moving: int


class Actions(Protocol):
    """The actions that the guide needs."""

    def plan(self, accused: Accused) -> Plan:
        """Read the queue and return the plan."""
        ...

    def do(self, plan: Plan, step: str) -> Outcome:
        """Execute a step."""
        ...

    def watch(self, plan: Plan) -> Callable[[], Flow]:
        """Begin to count what the target sends; each call returns a sample."""
        ...

    def report(self) -> str:
        """Write the report; return its path."""
        ...


@dataclass(frozen=True)
class Guide:
    """Guides through an incident.

    Args:
        actions: reads the queue and executes steps.
        say: prints a line.
        ask: asks a question and returns the answer.
        now: seconds, monotonic.
        sleep: waits for seconds.
        quiet: seconds without a delivery after which the mail has stopped.
        limit: seconds until the watch times out.
    """

    actions: Actions
    say: Callable[[str], None]
    ask: Callable[[str], str]
    now: Callable[[], float]
    sleep: Callable[[float], None]
    quiet: float = QUIET_SECONDS
    limit: float = WATCH_TIMEOUT

    def lead(self, accused: Sequence[Accused], alerts: Iterable[str]) -> bool:
        """Guide through all steps; return whether everything is done.

        Args:
            accused: most suspicious first.
            alerts: messages of the firing alerts.
        """
        for text in alerts:
            self.say(_("Firing: {alert}", alert=printable(text)))
        if not accused:
            self.say(_("Nobody behaves suspiciously. 'bmtick queue' shows what waits, and why."))
            return True
        chosen = self._choose(accused)
        if chosen is None:
            return False
        plan = self._show_plan(chosen)
        plan = self._steps(chosen, plan, STEPS_BEFORE_WATCH)
        stopped = self._watch_until_stopped(chosen, plan)
        plan = self._steps(chosen, self.actions.plan(chosen), STEPS_AFTER_WATCH)
        self._offer_report()
        return stopped

    def _choose(self, accused: Sequence[Accused]) -> Accused | None:
        for number, one in enumerate(accused, 1):
            self.say("")
            self.say(f"{number}. {headline(one)}")
            for text in one.evidence:
                self.say(f"   - {printable(text)}")
        self.say("")
        while True:
            answer = self.ask(_("Whom do we stop? Number, or q to leave it [1]")).strip().lower()
            if answer == "q":
                return None
            if (answer or "1").isdecimal() and 1 <= int(answer or 1) <= len(accused):
                return accused[int(answer or 1) - 1]

    def _show_plan(self, accused: Accused) -> Plan:
        plan = self.actions.plan(accused)
        waiting, held = len(plan.selection.moving), len(plan.selection.held)
        self.say("")
        self.say(
            _n(
                "{n} message of it waits for delivery.",
                "{n} messages of it wait for delivery.",
                waiting,
            )
            + " "
            + _n("{n} is on hold.", "{n} are on hold.", held)
        )
        for warning in plan.warnings:
            self.say(f"   {printable(warning)}")
        self.say(_("Proposed, each step only after your yes:"))
        names = dict.fromkeys(STEPS_BEFORE_WATCH)
        for name in names:
            step = next((s for s in plan.steps if s.name == name), None)
            if step and not step.idle:
                self.say(f"   - {describe(step)}")
        return plan

    def _steps(self, accused: Accused, plan: Plan, names: Iterable[str]) -> Plan:
        for name in names:
            step = next((s for s in plan.steps if s.name == name), None)
            if step is None or step.idle:
                continue
            self.say("")
            self.say(describe(step))
            if step.by_hand:
                self.say(f"   {by_hand(step)}")
                self.ask(_("Enter when it is done, or to go on without it"))
                continue
            for command in step.commands:
                self.say(f"   $ {command.shown()}")
            if not self._yes(_("Do it? y/n [n]")):
                continue
            try:
                outcome = self.actions.do(plan, name)
            except BmtickError as error:
                self.say("   " + _("It failed: {reason}", reason=printable(error.message)))
                if error.remedy:
                    self.say(f"   {printable(error.remedy)}")
                continue
            self.say(f"   {result(name, outcome)}")
            plan = self.actions.plan(accused)
        return plan

    def _yes(self, question: str) -> bool:
        # y, yes, j, ja, o, oui: accepted in every language.
        return self.ask(question).strip().lower()[:1] in ("y", "j", "o")

    def _watch_until_stopped(self, accused: Accused, plan: Plan) -> bool:
        """Watch until the target's mail has stopped; return whether it has."""
        self.say("")
        self.say(
            _(
                "Now watching until nothing of {who} leaves for {seconds} seconds (Ctrl-C ends it).",
                who=printable(accused.name),
                seconds=round(self.quiet),
            )
        )
        take_sample = self.actions.watch(plan)
        begin = changed = self.now()
        before: Flow | None = None
        last_moving = 0
        try:
            while True:
                flow = take_sample()
                now = self.now()
                if before is None or flow != before:
                    self._show_flow(flow)
                if before is None or (flow.left, flow.accepted) != (before.left, before.accepted):
                    changed = now
                before = flow
                if flow.moving and flow.moving != last_moving:
                    last_moving = flow.moving
                    plan = self._steps(accused, self.actions.plan(accused), ("connections", "hold"))
                    continue
                if now - changed >= self.quiet and not flow.moving:
                    self.say(
                        _(
                            "Nothing of {who} leaves any more: no mail since {seconds} seconds.",
                            who=printable(accused.name),
                            seconds=round(now - changed),
                        )
                    )
                    return True
                if now - begin >= self.limit:
                    break
                self.sleep(_SAMPLE_INTERVAL)
        except KeyboardInterrupt:
            self.say("")
        self.say(
            _(
                "It has not stopped yet: go through the steps again with 'bmtick incident', and "
                "see who else sends with 'bmtick suspects'."
            )
        )
        return False

    def _show_flow(self, flow: Flow) -> None:
        self.say(
            "   "
            + _n(
                "{n} recipient elsewhere got mail,", "{n} recipients elsewhere got mail,", flow.left
            )
            + " "
            + _n("{n} new message was taken,", "{n} new messages were taken,", flow.accepted)
            + " "
            + _n("{n} waits.", "{n} wait.", flow.moving)
        )

    def _offer_report(self) -> None:
        self.say("")
        if not self._yes(_("Write the report of the last days? y/n [n]")):
            return
        try:
            self.say("   " + _("Written: {path}", path=printable(self.actions.report())))
        except BmtickError as error:
            self.say("   " + _("It failed: {reason}", reason=printable(error.message)))


def headline(accused: Accused) -> str:
    """Return name and start in one line."""
    name = printable(accused.name)
    text = (
        _("The account {who}", who=name)
        if accused.kind == "user"
        else _("The machine {who}", who=name)
    )
    if accused.since:
        text += _(", since {time}", time=plain(accused.since))
    if accused.held:
        text += _(" (its mail is held already)")
    return text


def describe(step: Step) -> str:
    """Return a step and its effect, in the administrator's language."""
    number = len(step.messages)
    texts = {
        "hold": lambda: _n(
            "Hold {n} queued message: it stays, and is not delivered; other people's mail goes on.",
            "Hold {n} queued messages: they stay, and are not delivered; other people's mail goes on.",
            number,
        ),
        "password": lambda: _(
            "Change the password: the stolen one is worthless then. The new one is random; give "
            "the user another one when the incident is over."
        ),
        "lock": lambda: _(
            "Lock the account: SMTP and IMAP refuse it until its password is changed."
        ),
        "sessions": lambda: _("Close its sessions of webmail, phones and programs."),
        "networks": lambda: _(
            "Take the machine out of the trusted networks: it can no longer send without a login."
        ),
        "firewall": lambda: _("Block the machine in the firewall."),
        "connections": lambda: _(
            "End its running SMTP connections: a new password does not end them."
        ),
        "delete": lambda: _n(
            "Delete {n} message on hold. A copy is kept: --do restore puts it back.",
            "Delete {n} messages on hold. Copies are kept: --do restore puts them back.",
            number,
        ),
        "release": lambda: _n(
            "Release {n} message on hold: it is delivered after all.",
            "Release {n} messages on hold: they are delivered after all.",
            number,
        ),
    }
    return texts[step.name]() if step.name in texts else step.title


def by_hand(step: Step) -> str:
    """Return the manual instructions, in the administrator's language if translated."""
    console = _("BlueMind's administration console, Directories > Directory browser")
    texts = {
        "password": lambda: _(
            "By hand: set a new password in {place}; where passwords come from a directory (LDAP, "
            "Active Directory), there.",
            place=console,
        ),
        "lock": lambda: _(
            "By hand: {place}: open the user, tick 'Suspended', save.", place=console
        ),
        "sessions": lambda: _("By hand: close the user's sessions in {place}.", place=console),
    }
    if step.name in texts:
        return texts[step.name]()
    return _("By hand: {what}", what=printable(step.by_hand))


def result(name: str, outcome: Outcome) -> str:
    """Return the result of a step, in the administrator's language."""
    if not outcome.ok:
        return _("It failed: {reason}", reason=printable(outcome.message))
    number = len(outcome.ids)
    if name == "hold":
        return _n("{n} message is on hold now.", "{n} messages are on hold now.", number)
    if name == "delete":
        return _n(
            "{n} message is deleted, its copy in {folder}.",
            "{n} messages are deleted, copies in {folder}.",
            number,
            folder=printable(outcome.folder),
        )
    if name == "release":
        return _n("{n} message is released.", "{n} messages are released.", number)
    return _("Done.")
