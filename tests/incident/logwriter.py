"""Writes small Postfix logs for tests, in the form of a real 3.7.11."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

START = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp())
MINUTE, HOUR, DAY = 60, 3600, 86400


class Log:
    """Lines with their times; ``write`` sorts them, as a log is."""

    def __init__(self, seed: int = 1) -> None:
        self.lines: list[tuple[int, int, str]] = []
        self.random = random.Random(seed)
        self.number = 0

    def add(self, time: int, text: str) -> None:
        self.lines.append((time, len(self.lines), text))

    def queue_id(self) -> str:
        self.number += 1
        return f"4jY{self.number:07d}z1SC"

    def mail(
        self,
        time: int,
        *,
        user: str = "",
        client: str = "10.1.0.5",
        name: str = "unknown",
        sender: str | None = None,
        to: int = 1,
        domain: str = "elsewhere.example",
        refused: int = 0,
        blocked: int = 0,
        agent: str = "smtp",
        removed: bool = True,
        queue_id: str = "",
    ) -> str:
        """One message and what became of it."""
        qid = queue_id or self.queue_id()
        sender = user if sender is None else sender
        login = f", sasl_method=LOGIN, sasl_username={user}" if user else ""
        self.add(time, f"postfix/submission/smtpd[11]: {qid}: client={name}[{client}]{login}")
        self.add(time, f"postfix/cleanup[12]: {qid}: message-id=<{qid}@mail.example.org>")
        self.add(
            time, f"postfix/qmgr[13]: {qid}: from=<{sender}>, size=1000, nrcpt={to} (queue active)"
        )
        for number in range(to):
            status, dsn, text = "sent", "2.0.0", "250 2.0.0 Ok: queued as 0000000001"
            if number < blocked:
                status, dsn = "bounced", "5.7.1"
                text = "host mx[198.51.100.9] said: 554 5.7.1 Service unavailable; Client host blocked using zen.spamhaus.org"
            elif number < refused:
                status, dsn = "bounced", "5.1.1"
                text = "host mx[198.51.100.9] said: 550 5.1.1 User unknown"
            self.add(
                time + 1,
                f"postfix/{agent}[14]: {qid}: to=<u{number}@{domain}>, relay=mx[198.51.100.9]:25, "
                f"delay=1, delays=0/0/0/1, dsn={dsn}, status={status} ({text})",
            )
        if removed:
            self.add(time + 2, f"postfix/qmgr[13]: {qid}: removed")
        return qid

    def failure(self, time: int, client: str, user: str = "") -> None:
        name = f", sasl_username={user}" if user else ""
        self.add(
            time,
            f"postfix/smtpd[11]: warning: unknown[{client}]: SASL LOGIN authentication failed: "
            f"authentication failure{name}",
        )

    def ordinary(self, days: int, users: int = 8) -> Log:
        """Some people's ordinary days, from START on."""
        for day in range(days):
            for number in range(users):
                for hour in (9, 11, 14, 16):
                    at = START + day * DAY + hour * HOUR + self.random.randrange(HOUR)
                    self.mail(
                        at,
                        user=f"user{number}@example.org",
                        client=f"10.1.{number}.5",
                        to=self.random.choice((1, 1, 1, 2, 4)),
                    )
        return self

    def text(self) -> str:
        out = []
        for time, _, text in sorted(self.lines):
            stamp = datetime.fromtimestamp(time, UTC)
            out.append(f"{stamp:%Y-%m-%dT%H:%M:%S}+00:00 mail {text}\n")
        return "".join(out)

    def write(self, path: Path) -> Path:
        path.write_text(self.text(), encoding="utf-8", errors="surrogateescape")
        return path
