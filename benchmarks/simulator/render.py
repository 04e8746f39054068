"""Turns events into the lines that Postfix 3.7 logs for them."""

from __future__ import annotations

from random import Random

from benchmarks.simulator import replies
from benchmarks.simulator.model import Failure, Message, Outcome, Reject
from benchmarks.simulator.truth import Truth

_BASE52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
Line = tuple[float, str]


class Renderer:
    """Keeps what must be consistent between lines: queue ids and process ids."""

    def __init__(
        self, random: Random, truth: Truth, *, long_ids: bool, filtered: float = 0.0
    ) -> None:
        self.random, self.truth, self.long_ids, self.filtered = random, truth, long_ids, filtered
        self.inode = 400_000
        self.freed: list[tuple[float, str]] = []  # short ids to be used again, and from when
        self.number = 0

    # -- queue ids ----------------------------------------------------------------------------

    def queue_id(self, time: float) -> str:
        """Return an id as Postfix forms it: of time and inode (source: ``mail_queue.h``)."""
        self.inode += 1
        inode = 400_000 + self.inode % 5_000
        seconds, micros = int(time), int(time * 1e6) % 1_000_000
        if self.long_ids:
            # The running number keeps two messages of one microsecond apart, as the inode does.
            return f"{_base52(seconds, 6)}{_base52(micros, 4)}z{_base52(self.inode, 3, 51)}"
        if self.freed and self.freed[0][0] < time and self.random.random() < 0.3:
            return self.freed.pop(0)[1]
        return f"{micros:05X}{inode * 1000 + self.number % 1000:X}"

    def _free(self, queue_id: str, time: float) -> None:
        if not self.long_ids and len(self.freed) < 50:
            self.freed.append((time + 1, queue_id))
            self.freed.sort()

    # -- events -------------------------------------------------------------------------------

    def event(self, event: Message | Failure | Reject) -> list[Line]:
        """Return the lines of one event; those of one message are in order of time."""
        if isinstance(event, Message):
            return self.message(event)
        if isinstance(event, Failure):
            return self.failure(event)
        return self.reject(event)

    def failure(self, event: Failure) -> list[Line]:
        self.truth.failure(event)
        pid = self._pid()
        head = f"postfix/smtpd[{pid}]: "
        host = f"unknown[{event.client}]"
        text = f"warning: {host}: SASL LOGIN authentication failed: authentication failure"
        if event.named:
            text += f", sasl_username={event.user}"
        lines = [(event.time, f"{head}connect from {host}")]
        if self.number % 3 == 0:  # Cyrus adds a line without an address
            second = "warning: SASL authentication failure: Password verification failed"
            lines.append((event.time + 0.1, head + second))
        lines.append((event.time + 0.1, head + text))
        if event.repeats:
            folded = f"message repeated {event.repeats} times: [ {text}]"
            lines.append((event.time + 0.5, head + folded))
        total = 1 + event.repeats
        end = f"disconnect from {host} ehlo=1 auth=0/{total} commands=1/{1 + total}"
        lines.append((event.time + 0.6, head + end))
        return lines

    def reject(self, event: Reject) -> list[Line]:
        pid, host = self._pid(), f"unknown[{event.client}]"
        head = f"postfix/smtpd[{pid}]: "
        text = (
            f"NOQUEUE: reject: RCPT from {host}: 550 5.1.1 <{event.recipient}>: Recipient address "
            f"rejected: User unknown in virtual mailbox table; from=<{event.sender}> "
            f"to=<{event.recipient}> proto=ESMTP helo=<{host}>"
        )
        return [
            (event.time, f"{head}connect from {host}"),
            (event.time + 0.2, head + text),
            (event.time + 0.3, f"{head}disconnect from {host} ehlo=1 mail=1 rcpt=0/1 commands=2/3"),
        ]

    def message(self, event: Message) -> list[Line]:
        time = event.time
        lines: list[Line] = []
        queue_id = self.queue_id(time)
        if event.local:
            head = f"postfix/pickup[{self._pid()}]: "
            lines.append((time, f"{head}{queue_id}: uid=0 from=<root>"))
        else:
            self._session(event, queue_id, lines)
            if event.aborted:
                return lines
        self.truth.message(event)
        cleanup = f"postfix/cleanup[{self._pid()}]: {queue_id}: "
        lines.append(
            (time + 0.1, f"{cleanup}message-id=<{self.number:x}.{queue_id}@client.example>")
        )
        active = (
            f"postfix/qmgr[811]: {queue_id}: from=<{event.sender}>, size={event.size}, "
            f"nrcpt={len(event.recipients)} (queue active)"
        )
        lines.append((time + 0.15, active))
        if not event.local:
            lines.append((time + 0.2, self._disconnect))
        if self.filtered and not event.local and self.random.random() < self.filtered:
            queue_id, active = self._through_filter(event, queue_id, active, lines)
        self._deliveries(event, queue_id, active, lines)
        return lines

    def _through_filter(
        self, event: Message, queue_id: str, active: str, lines: list[Line]
    ) -> tuple[str, str]:
        """Log the way through a content filter that hands the message back by XFORWARD.

        It gets a second queue id from this machine itself; the deliveries go under that one.
        """
        time = event.time + 0.2
        new = self.queue_id(time)
        head = f"postfix/smtpd[{self._pid()}]: "
        origin = f"orig_queue_id={queue_id}, orig_client={event.name}[{event.client}]"
        smtp = f"postfix/smtp[{self._pid()}]: {queue_id}: to=<"
        relay = "relay=127.0.0.1[127.0.0.1]:10024, delay=0.3, delays=0.1/0.01/0.05/0.1, dsn=2.0.0"
        answer = f"250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as {new}"
        active = active.replace(f" {queue_id}: from=", f" {new}: from=", 1)
        lines += [
            (time, f"{head}connect from localhost[127.0.0.1]"),
            (time, f"{head}{new}: client=localhost[127.0.0.1], {origin}"),
            (
                time,
                f"postfix/cleanup[{self._pid()}]: {new}: message-id=<{queue_id}@client.example>",
            ),
            (time + 0.03, active),
            (
                time + 0.04,
                f"{head}disconnect from localhost[127.0.0.1] ehlo=1 xforward=1 commands=6",
            ),
            *(
                (time + 0.05, f"{smtp}{to}>, {relay}, status=sent ({answer})")
                for to in event.recipients
            ),
            (time + 0.06, f"postfix/qmgr[811]: {queue_id}: removed"),
        ]
        self.truth.handed_over(len(event.recipients))
        self._free(queue_id, time + 0.06)
        return new, active

    def _session(self, event: Message, queue_id: str, lines: list[Line]) -> None:
        service = "submission/smtpd" if event.user else "smtpd"
        head = f"postfix/{service}[{self._pid()}]: "
        host = f"{event.name}[{event.client}]"
        login = f", sasl_method=LOGIN, sasl_username={event.user}" if event.user else ""
        lines.append((event.time, f"{head}connect from {host}"))
        lines.append((event.time + 0.05, f"{head}{queue_id}: client={host}{login}"))
        if event.aborted:
            lines.append((event.time + 9, f"{head}lost connection after RCPT from {host}"))
            self._free(queue_id, event.time + 9)
        commands = "ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"
        self._disconnect = f"{head}disconnect from {host} {commands}"

    def _deliveries(self, event: Message, queue_id: str, active: str, lines: list[Line]) -> None:
        time = event.time
        program = "lmtp" if event.kind == "inbound" else "smtp"
        relay = "10.0.0.26[10.0.0.26]:2400" if program == "lmtp" else None
        last, bounced, later = time + 0.3, False, []
        outcomes = event.outcomes
        head = f"postfix/{program}[{self._pid()}]: {queue_id}: to=<"
        for number, to in enumerate(event.recipients):
            outcome = outcomes.get(number) if outcomes else None
            at = time + 0.3 + number * 0.002
            if outcome is None or not (outcome.attempts or outcome.final == "bounced"):
                lines.append((at, f"{head}{to}{self._sent(at - time, relay)}"))
            elif outcome.attempts:
                self._attempt(event, at, to, outcome, head, lines)
                later.append((to, outcome))
            else:
                bounced = True
                lines.append((at, f"{head}{to}{self._bounced(at - time, to, outcome.text)}"))
            last = at
        if bounced:
            self._notice(queue_id, event.sender, last + 0.1, lines)
        if later:
            last = self._retries(event, queue_id, active, later, lines)
        lines.append((last + 0.2, f"postfix/qmgr[811]: {queue_id}: removed"))
        self._free(queue_id, last + 0.2)

    def _sent(self, delay: float, relay: str | None) -> str:
        self.number += 1
        relay = relay or "mx1.bigmail.example[198.51.100.30]:25"
        return (
            f">, relay={relay}, delay={_seconds(delay)}, delays=0.1/0.01/0.05/0.1, dsn=2.0.0, "
            f"status=sent (250 2.0.0 Ok: queued as {self.number:X})"
        )

    def _bounced(self, delay: float, to: str, text: int) -> str:
        reply = replies.BOUNCES[text]
        relay = "mx1.bigmail.example[198.51.100.30]:25" if "said" in reply.text else "none"
        return (
            f">, relay={relay}, delay={_seconds(delay)}, delays=0.1/0.01/0.05/0.1, dsn={reply.dsn}, "
            f"status=bounced ({reply.text.replace('{to}', to)})"
        )

    def _attempt(
        self, event: Message, at: float, to: str, outcome: Outcome, head: str, lines: list[Line]
    ) -> None:
        reply = replies.DEFERRALS[outcome.text]
        relay = "mx1.bigmail.example[198.51.100.30]:25" if "said" in reply.text else "none"
        lines.append(
            (
                at,
                (
                    f"{head}{to}>, relay={relay}, delay={_seconds(at - event.time)}, "
                    f"delays={_seconds(at - event.time)}/0.01/0.05/0.1, dsn={reply.dsn}, status=deferred "
                    f"({reply.text.replace('{to}', to)})"
                ),
            )
        )

    def _retries(
        self,
        event: Message,
        queue_id: str,
        active: str,
        later: list[tuple[str, Outcome]],
        lines: list[Line],
    ) -> float:
        """Log each further run: the active line once, then every recipient still waiting."""
        now, run = event.time, 0
        expired = False
        while later:
            run += 1
            now += max(outcome.attempts[run - 1] for _, outcome in later)
            lines.append((now, active))
            head = f"postfix/smtp[{self._pid()}]: {queue_id}: to=<"
            waiting = []
            for to, outcome in later:
                at = now + 0.3
                if run < len(outcome.attempts):
                    self._attempt(event, at, to, outcome, head, lines)
                    waiting.append((to, outcome))
                elif outcome.final == "sent":
                    lines.append((at, f"{head}{to}{self._sent(at - event.time, None)}"))
                else:  # one attempt more, then Postfix looks at the age
                    self._attempt(event, at, to, outcome, head, lines)
                    expired = True
            later = waiting
        if expired:
            text = f"from=<{event.sender}>, status=expired, returned to sender"
            lines.append((now + 0.4, f"postfix/qmgr[811]: {queue_id}: {text}"))
            self.truth.expired()
            self._notice(queue_id, event.sender, now + 0.5, lines)
        return now + 0.5

    def _notice(self, queue_id: str, sender: str, time: float, lines: list[Line]) -> None:
        """Postfix's own bounce message: a queue id without a client."""
        if not sender:
            return
        notice = self.queue_id(time)
        pid = self._pid()
        own = [
            f"postfix/cleanup[{pid}]: {notice}: message-id=<{notice}@mail.example.org>",
            f"postfix/bounce[{pid}]: {queue_id}: sender non-delivery notification: {notice}",
            f"postfix/qmgr[811]: {notice}: from=<>, size=3500, nrcpt=1 (queue active)",
            f"postfix/lmtp[{pid}]: {notice}: to=<{sender}{self._sent(0.1, '10.0.0.26[10.0.0.26]:2400')}",
            f"postfix/qmgr[811]: {notice}: removed",
        ]
        lines.extend((time + 0.01 * n, line) for n, line in enumerate(own))
        self.truth.notice()
        self._free(notice, time + 0.1)

    def _pid(self) -> int:
        self.number += 1
        return 1000 + self.number * 7919 % 4000


def _seconds(value: float) -> str:
    return f"{value:.2g}" if value < 100 else f"{value:.0f}"


def _base52(value: int, width: int, base: int = 52) -> str:
    digits = ""
    while value or len(digits) < width:
        value, digit = divmod(value, base)
        digits = _BASE52[digit] + digits
    return digits
