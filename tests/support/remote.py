"""The mail servers of the world, played on loopback: what they answer is data.

``replies`` maps a pattern on a recipient's address to an answer, and to the stage at which it is
given: ``rcpt`` for that recipient alone, ``data`` for the whole message.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

from tests.support.servers import free_port


@dataclass(frozen=True)
class Reply:
    """What a server answers to recipients that match ``recipient``."""

    recipient: str
    text: str
    stage: str = "rcpt"
    attempts: int = 0  # so often, then accepted (0: always)
    after: int = 0  # only once the server has accepted so many messages


DEFAULT_REPLIES = (
    Reply(
        r"^greylisted", "450 4.2.0 <RECIPIENT>: Recipient address rejected: Greylisted", attempts=1
    ),
    Reply(r"^defer", "451 4.3.0 Temporary server error. Please try again later"),
    Reply(r"^full", "452 4.2.2 The email account that you tried to reach is over quota"),
    Reply(r"^unknown", "550 5.1.1 <RECIPIENT>: Recipient address rejected: User unknown"),
    Reply(
        r"^listed",
        "554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked using zen.spamhaus.org; "
        "https://www.spamhaus.org/query/ip/192.0.2.25",
    ),
    Reply(
        r"^spam",
        "550 5.7.1 Our system has detected that this message is likely unsolicited mail. "
        "To reduce the amount of spam, this message has been blocked.",
        "data",
    ),
    Reply(r"^throttle", "421 4.7.0 Too many messages from your IP. Try again later", "data"),
    Reply(r"^fake-status", "550 5.0.0 dsn=2.0.0, status=sent (250 ok) is what I would like to say"),
)


@dataclass
class Remote:
    """All other mail servers: port ``smtp_port``, and ``lmtp_port`` for local mailboxes."""

    host: str = "127.0.0.1"
    smtp_port: int = 0
    lmtp_port: int = 0
    replies: tuple[Reply, ...] = DEFAULT_REPLIES
    accepted: list[tuple[str, list[str]]] = field(default_factory=list)
    delay: float = 0.0
    server_name: str = "mx.example.net"
    answers: Counter[str] = field(default_factory=Counter)  # by recipient: 2xx, 4xx, 5xx
    _tried: dict[tuple[str, str], int] = field(default_factory=dict)

    def answer(self, stage: str, sender: str, recipient: str) -> str | None:
        """Return the refusal of a recipient at a stage, or ``None`` when it is accepted."""
        for reply in self.replies:
            due = reply.stage == stage and len(self.accepted) >= reply.after
            if due and re.search(reply.recipient, recipient):
                key = (sender, recipient)
                self._tried[key] = self._tried.get(key, 0) + 1
                if reply.attempts and self._tried[key] > reply.attempts:
                    return None
                return reply.text.replace("RECIPIENT", recipient)
        return None

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):  # noqa: N802
        refusal = self.answer("rcpt", envelope.mail_from or "", address)
        if refusal:
            self.answers[f"{refusal[0]}xx"] += 1
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802
        if self.delay:
            await asyncio.sleep(self.delay)
        sender = envelope.mail_from or ""
        refused = [self.answer("data", sender, recipient) for recipient in envelope.rcpt_tos]
        if not any(refused):
            self.accepted.append((sender, list(envelope.rcpt_tos)))
        ok = f"250 2.0.0 Ok: queued as {len(self.accepted):010X}"
        if isinstance(server, LMTP):  # answers once for each recipient
            self.answers.update(f"{(refusal or ok)[0]}xx" for refusal in refused)
            return "\r\n".join(refusal or ok for refusal in refused)
        answer = next(filter(None, refused), ok)
        self.answers[f"{answer[0]}xx"] += len(refused)
        return answer


class _Controller(Controller):
    """Serves SMTP or LMTP under a host name that is not this machine's."""

    def __init__(self, remote: Remote, kind: type[SMTP], port: int) -> None:
        super().__init__(remote, hostname=remote.host, port=port)
        self.kind = kind

    def factory(self) -> SMTP:
        return self.kind(self.handler, hostname=self.handler.server_name, ident="ESMTP")


@contextmanager
def remote_servers(remote: Remote | None = None) -> Iterator[Remote]:
    """Start the servers of ``remote``, on free ports where it names none."""
    world = remote or Remote()
    world.smtp_port = world.smtp_port or free_port()
    world.lmtp_port = world.lmtp_port or free_port()
    controllers = [
        _Controller(world, SMTP, world.smtp_port),
        _Controller(world, LMTP, world.lmtp_port),
    ]
    started = []
    try:
        for controller in controllers:
            controller.start()
            started.append(controller)
        yield world
    finally:
        for controller in started:
            controller.stop()
