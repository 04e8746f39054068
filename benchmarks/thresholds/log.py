"""A Postfix log that grows message by message, as Postfix 3.7 and BlueMind write it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

_BASE52 = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"

# Outcomes of a delivery.
SENT, UNKNOWN, BLOCKED, THROTTLED, SLOW = "sent", "unknown", "blocked", "throttled", "slow"
_REPLIES = {
    UNKNOWN: (
        "5.1.1",
        (
            "host {mx} said: 550 5.1.1 <{to}>: Recipient address rejected: User unknown (in reply to RCPT TO command)",
            "host {mx} said: 550-5.1.1 The email account that you tried to reach does not exist (in reply to RCPT TO command)",
            "host {mx} said: 550 No such user here (in reply to RCPT TO command)",
        ),
    ),
    BLOCKED: (
        "5.7.1",
        (
            "host {mx} said: 554 5.7.1 Message rejected as spam by content filtering (in reply to end of DATA command)",
            "host {mx} said: 550 5.7.1 Service unavailable; client blocked using zen.spamhaus.org (in reply to RCPT TO command)",
            "host {mx} said: 550-5.7.1 Our system has detected that this message is likely unsolicited mail (in reply to end of DATA command)",
        ),
    ),
    THROTTLED: (
        "4.7.0",
        (
            "host {mx} said: 421-4.7.0 Our system has detected an unusual rate of mail originating from your IP address (in reply to end of DATA command)",
            "host {mx} said: 450 4.7.1 <{to}>: too many messages, slow down (in reply to RCPT TO command)",
            "host {mx} refused to talk to me: 421 4.7.0 Too many connections",
        ),
    ),
    SLOW: (
        "4.4.1",
        (
            "connect to {mx}:25: Connection timed out",
            "host {mx} said: 451 4.7.1 Greylisting in action, please come back later (in reply to RCPT TO command)",
        ),
    ),
}


class Sort(NamedTuple):
    """How one server writes its log."""

    host: str
    domains: tuple[str, ...]
    iso: bool
    long_ids: bool
    full: bool  # connect, cleanup and disconnect lines as well
    submission: str  # the program name of submission
    filtered: bool  # amavis on 10024, back on 10025
    traced: bool  # the content filter hands XFORWARD on
    relayhost: str  # takes all outward mail; then nothing is refused
    store: str  # where lmtp hands over to
    sending: str = "postfix/smtp"  # the program name of deliveries
    offset: int = 0  # minutes east of Greenwich, of RFC 3339 times


class Log:
    """Collects lines with their times. Recipients are pairs of address and outcome."""

    def __init__(self, random: Random, sort: Sort) -> None:
        self.random, self.sort = random, sort
        self.lines: list[tuple[float, int, str, int]] = []
        self._message = 0  # the number of the message that is being written
        self._number = itertools.count(random.randrange(1, 3000))
        self._order = itertools.count()

    def line(self, time: float, text: str) -> None:
        """Add a line without time and host."""
        self.lines.append((time, next(self._order), text, self._message))

    def queue_id(self, time: float) -> str:
        """Return a new id as Postfix forms it."""
        number = next(self._number)
        if self.sort.long_ids:
            micros = int(time * 1e6) % 1_000_000
            return f"{_base52(int(time), 6)}{_base52(micros, 4)}z{_base52(number, 3)}"
        return f"{int(time * 1e6) % 0x100000:05X}{0x40000 + number % 0xBFFFF:05X}"

    def mail(
        self,
        time: float,
        client: str,
        sender: str,
        to: Sequence[tuple[str, str]],
        *,
        user: str = "",
        uid: int = -1,
        alias: str = "",
        method: str = "PLAIN",
    ) -> None:
        """Write one message from its session to its last delivery.

        Args:
            time: when it comes in.
            client: its address; empty for pickup.
            sender: the envelope sender.
            to: recipients with what becomes of them.
            user: the SASL login, as the client spells it.
            uid: of pickup.
            alias: the address of ours that forwards it (``orig_to``).
            method: of SASL.
        """
        random, sort, line = self.random, self.sort, self.line
        self._message += 1
        qid = self.queue_id(time)
        size = int(random.lognormvariate(8.5, 1.2)) + 400
        if not client:
            line(
                time,
                f"postfix/pickup[{random.randrange(900, 999)}]: {qid}: uid={uid} from=<{sender}>",
            )
        else:
            name = f"{host_name(client)}[{client}]"
            program = (
                f"{sort.submission if user else 'postfix/smtpd'}[{random.randrange(1000, 9000)}]"
            )
            sasl = f", sasl_method={method}, sasl_username={user}" if user else ""
            if sort.full:
                line(time - 0.2, f"{program}: connect from {name}")
            line(time, f"{program}: {qid}: client={name}{sasl}")
            if sort.full:
                n = len(to)
                auth = " auth=1" if user else ""
                line(
                    time + 0.3,
                    f"{program}: disconnect from {name} ehlo=1{auth} mail=1 rcpt={n} data=1 quit=1 commands={n + 4 + bool(user)}",
                )
        if sort.full:
            line(
                time + 0.02,
                f"postfix/cleanup[{random.randrange(1000, 9000)}]: {qid}: message-id=<{qid.lower()}@{sort.host}>",
            )
        if sort.filtered:
            qid = self._through_filter(time, qid, client, sender, to, size)
        self._active(time + 0.1, qid, sender, size, len(to))
        self._deliver(time + 0.1, qid, sender, size, to, alias)

    def _through_filter(
        self,
        time: float,
        qid: str,
        client: str,
        sender: str,
        to: Sequence[tuple[str, str]],
        size: int,
    ) -> str:
        """Hand the message to the content filter, which gives it back under a new id."""
        back = self.queue_id(time + 0.5)
        self._active(time + 0.05, qid, sender, size, len(to))
        origin = (
            f", orig_queue_id={qid}, orig_client={host_name(client)}[{client}]"
            if self.sort.traced and client
            else ""
        )
        self.line(
            time + 0.06,
            f"postfix/smtpd[{self.random.randrange(1000, 9000)}]: {back}: client=localhost[127.0.0.1]{origin}",
        )
        for address, _ in to:
            self.line(
                time + 0.09,
                f"postfix/amavis/smtp[{self.random.randrange(1000, 9000)}]: {qid}: to=<{address}>, relay=127.0.0.1[127.0.0.1]:10024, "
                f"delay=0.4, delays=0.1/0/0/0.3, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as {back})",
            )
        self.line(time + 0.095, f"postfix/qmgr[811]: {qid}: removed")
        return back

    def _active(self, time: float, qid: str, sender: str, size: int, count: int) -> None:
        self.line(
            time,
            f"postfix/qmgr[811]: {qid}: from=<{sender}>, size={size}, nrcpt={count} (queue active)",
        )

    def _deliver(
        self,
        time: float,
        qid: str,
        sender: str,
        size: int,
        to: Sequence[tuple[str, str]],
        alias: str,
    ) -> None:
        random = self.random
        end = time
        bounced = False
        later: list[tuple[str, float]] = []
        for address, drawn in to:
            at, outcome = time + random.uniform(0.2, 3), drawn
            local = address.rpartition("@")[2] in self.sort.domains
            if local or (self.sort.relayhost and drawn != SLOW):
                outcome = UNKNOWN if local and drawn == UNKNOWN else SENT
            if outcome in (THROTTLED, SLOW):
                self._attempt(at, qid, address, outcome, alias)
                later.append(
                    (address, at + random.choice((300, 600, 1200, 1800)) * random.uniform(1, 1.3))
                )
                end = max(end, at)
                continue
            self._attempt(at, qid, address, outcome, alias)
            bounced = bounced or outcome != SENT
            end = max(end, at)
        for address, again in later:
            tries = (
                [again] if random.random() < 0.75 else [again, again + random.uniform(600, 2400)]
            )
            for at in tries:
                self._active(at, qid, sender, size, len(to))
                self._attempt(at + 1, qid, address, SENT if at == tries[-1] else THROTTLED, alias)
            end = max(end, tries[-1] + 1)
        if bounced and sender:
            self._notify(end + 0.1, qid, sender)
        self.line(end + 0.2, f"postfix/qmgr[811]: {qid}: removed")

    def _notify(self, time: float, qid: str, sender: str) -> None:
        """The non-delivery report, back into the sender's mailbox."""
        report = self.queue_id(time)
        self.line(
            time,
            f"postfix/bounce[{self.random.randrange(1000, 9000)}]: {qid}: sender non-delivery notification: {report}",
        )
        self._active(time + 0.01, report, "", 3500, 1)
        self._attempt(time + 0.2, report, sender, SENT, "")
        self.line(time + 0.3, f"postfix/qmgr[811]: {report}: removed")

    def _attempt(self, time: float, qid: str, address: str, outcome: str, alias: str) -> None:
        random, sort = self.random, self.sort
        domain = address.rpartition("@")[2]
        origin = f", orig_to=<{alias}>" if alias else ""
        pid = random.randrange(1000, 9000)
        times = "delay=0.9, delays=0.1/0/0.3/0.5"
        if domain in sort.domains:
            if outcome == SENT:
                self.line(
                    time,
                    f"postfix/lmtp[{pid}]: {qid}: to=<{address}>{origin}, relay={sort.store}, {times}, dsn=2.1.5, status=sent (250 2.1.5 OK)",
                )
            else:
                self.line(
                    time,
                    f"postfix/lmtp[{pid}]: {qid}: to=<{address}>{origin}, relay={sort.store}, {times}, dsn=5.1.1, status=bounced (host {sort.store} said: 550 5.1.1 User unknown (in reply to RCPT TO command))",
                )
            return
        mx = sort.relayhost or f"mx.{domain}[{_mx(domain)}]"
        if outcome == SENT:
            self.line(
                time,
                f"{sort.sending}[{pid}]: {qid}: to=<{address}>{origin}, relay={mx}:25, {times}, dsn=2.0.0, status=sent (250 2.0.0 OK {pid}-{int(time)} - gsmtp)",
            )
            return
        dsn, texts = _REPLIES[outcome]
        status = "deferred" if outcome in (THROTTLED, SLOW) else "bounced"
        text = random.choice(texts).format(mx=mx, to=address)
        self.line(
            time,
            f"{sort.sending}[{pid}]: {qid}: to=<{address}>{origin}, relay={mx}:25, {times}, dsn={dsn}, status={status} ({text})",
        )

    def failure(self, time: float, client: str, user: str, method: str = "LOGIN") -> None:
        """Write one failed login."""
        self._message += 1
        name = f"{host_name(client)}[{client}]"
        program = f"{self.sort.submission}[{self.random.randrange(1000, 9000)}]"
        named = f", sasl_username={user}" if user else ""
        self.line(
            time,
            f"{program}: warning: {name}: SASL {method} authentication failed: UGFzc3dvcmQ6{named}",
        )
        if self.sort.full:
            self.line(
                time + 0.5, f"{program}: disconnect from {name} ehlo=1 auth=0/1 quit=1 commands=2/3"
            )

    def reject(self, time: float, client: str, sender: str, to: str, reason: str) -> None:
        """Write one refused recipient of a session."""
        name = f"{host_name(client)}[{client}]"
        self.line(
            time,
            f"postfix/smtpd[{self.random.randrange(1000, 9000)}]: NOQUEUE: reject: RCPT from {name}: {reason}; from=<{sender}> to=<{to}> proto=ESMTP helo=<x>",
        )

    def write(self, path: Path, share: tuple[int, int] = (0, 1)) -> None:
        """Write the lines in order of time: of several hosts, those of one."""
        number, hosts = share
        stamps: dict[int, str] = {}
        iso, host, offset = self.sort.iso, self.sort.host, self.sort.offset
        shift = timedelta(minutes=offset)
        zone = f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}"
        with path.open("w", encoding="utf-8", newline="\n") as out:
            for time, _, text, message in sorted(self.lines):
                if message % hosts != number:
                    continue
                second = int(time)
                stamp = stamps.get(second)
                if stamp is None:
                    day = datetime.fromtimestamp(second, UTC)
                    stamp = (
                        f"{day + shift:%Y-%m-%dT%H:%M:%S}"
                        if iso
                        else f"{day:%b} {day.day:2d} {day:%H:%M:%S}"
                    )
                    stamps[second] = stamp
                if iso:
                    out.write(f"{stamp}.{int(time * 1e6) % 1_000_000:06d}{zone} {host} {text}\n")
                else:
                    out.write(f"{stamp} {host} {text}\n")


def host_name(client: str) -> str:
    """Return the name that an address resolves to."""
    if client.startswith("127."):
        return "localhost"
    return f"host{client.rpartition('.')[2]}.lan" if client.startswith("10.") else "unknown"


def _mx(domain: str) -> str:
    number = sum(map(ord, domain))
    return f"198.51.{number % 100}.{1 + number % 250}"


def _base52(value: int, width: int) -> str:
    text = ""
    while value or len(text) < width:
        value, digit = divmod(value, 52)
        text = _BASE52[digit] + text
    return text[-width:]
