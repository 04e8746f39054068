"""What ``bmtick watch`` costs on a busy server: ``python -m benchmarks.watch_load``.

A log grows second by second, of so many users who send so many mails a second; the watch looks at
it each second of its own clock, as it would, but without waiting. CPU is that of the looks alone.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from random import Random

from bmtick.alerts import catalogue, render
from bmtick.cli.watch import collector_of
from bmtick.collect.state import StateFile
from bmtick.live.board import Board
from bmtick.settings import Collect, Settings
from bmtick.watch.dispatch import Inline
from bmtick.watch.outbox import Outbox
from bmtick.watch.service import Watch
from bmtick.watch.tail import Observed
from bmtick.watch.tasks import Tasks

_PAUSE = 60  # seconds of the log between two lines of the table


def lines(random: Random, second: int, mails: int, users: int, number: int) -> str:
    """Return what Postfix logs of one second of mail, message by message."""
    stamp = time.strftime("%b %e %H:%M:%S mail postfix", time.localtime(second))
    found = []
    for n in range(mails):
        user = random.randrange(users)
        qid = f"{number + n:X}"
        found.append(
            f"{stamp}/submission/smtpd[{user % 900 + 100}]: {qid}: client=unknown[10.{user >> 16 & 255}."
            f"{user >> 8 & 255}.{user & 255}], sasl_method=PLAIN, sasl_username=u{user}@example.org\n"
            f"{stamp}/cleanup[77]: {qid}: message-id=<{qid}@example.org>\n"
            f"{stamp}/qmgr[99]: {qid}: from=<u{user}@example.org>, size=4021, nrcpt=1 (queue active)\n"
            f"{stamp}/smtp[{n % 900 + 100}]: {qid}: to=<x{random.randrange(10**7)}@d{random.randrange(10**4)}"
            ".example>, relay=mx.example[192.0.2.7]:25, delay=0.6, delays=0.1/0/0.2/0.3, dsn=2.0.0, "
            "status=sent (250 2.0.0 Ok)\n"
            f"{stamp}/qmgr[99]: {qid}: removed\n"
        )
    return "".join(found)


class Counted(StateFile):
    """A state that knows how often and how much of it was written."""

    writes = written = size = 0

    def commit(self) -> None:
        super().commit()
        self.size = Path(self.path).stat().st_size
        self.writes += 1
        self.written += self.size


def resident() -> tuple[int, int]:
    """Return resident memory in MiB: now, and the most so far."""
    text = Path("/proc/self/status").read_text("ascii")
    fields = dict(line.split(":", 1) for line in text.splitlines())
    return tuple(int(fields[name].split()[0]) >> 10 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watch_load", description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=1000, help="mails a second")
    parser.add_argument("--seconds", type=int, default=600, help="of the log")
    given = parser.parse_args(arguments)
    random = Random(1)
    with tempfile.TemporaryDirectory() as name:
        log, path = Path(name) / "mail.log", str(Path(name) / "state")
        log.touch()
        settings = Settings(collect=Collect(logs=[str(log)], queue="off"))
        alerts = [
            render(alert, {"recipients": ["a@example.org"]})
            for alert in catalogue().values()
            if alert.recommended
        ]
        state = Counted(path)
        watch = Watch(
            Observed(collector_of(settings, (str(log),), "mail", print, path), Board("mail")),
            Tasks(alerts, "mail", print),
            Outbox(1000, 3600.0, print),
            Inline(lambda _: None),
            state,
            warn=print,
            tell=lambda event, _: print(event.message),
        )
        begin = int(time.time()) - given.seconds
        watch.start(from_start=True, now=begin)
        spent, base = 0.0, resident()[0]
        for second in range(begin, begin + given.seconds):
            text = lines(random, second, given.rate, given.users, (second - begin) * given.rate + 1)
            with log.open("a", encoding="ascii") as file:
                file.write(text)
            os.utime(log, (second + 1, second + 1))
            before = time.process_time()
            watch.tick(second + 1)
            spent += time.process_time() - before
            done = second + 1 - begin
            if not done % _PAUSE:
                now, most = resident()
                memory = Path(f"{path}.memory").stat().st_size
                print(
                    f"{done:6} s: CPU {spent / done:.1%} of a core, {spent / done / given.rate * 1e6:.0f} "
                    f"µs a mail; {now} MiB resident (most {most}, at the start {base}); state "
                    f"{state.size / 1e6:.1f} MB, {state.writes} writes of {state.written / 1e6:.0f} MB "
                    f"together; memory file {memory / 1e6:.0f} MB",
                    flush=True,
                )
        watch.stop()


if __name__ == "__main__":
    main()
