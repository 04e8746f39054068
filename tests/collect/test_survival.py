"""A writer logs, rotates and truncates; the collector is run, killed and run again; sums stay true.

Points are kept as InfluxDB keeps them: one of the same series and time replaces the one before.
``BMTICK_SEEDS`` sets how many random histories are tried.
"""

import gzip
import os
import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from bmtick.points import parse_lines
from tests.support import program

SEEDS = int(os.environ.get("BMTICK_SEEDS", "12"))
ROOT = Path(__file__).parents[2]


class Writer:
    """Logs messages of some users; knows what a perfect reader counts."""

    def __init__(self, log: Path, dice: random.Random) -> None:
        self.log, self.dice = log, dice
        self.time = 1_700_000_000
        self.number = self.lines = self.bytes = 0
        self.truth: Counter = Counter()
        self.pending: list[str] = []
        self.rest = b""
        self.compressed = 0
        log.touch()

    def message(self) -> None:
        self.number += 1
        queue_id = f"{self.number:06X}F"
        user = f"user{self.dice.randrange(4)}"
        nrcpt = self.dice.randrange(1, 5)
        lines = [
            f"smtpd[1]: {queue_id}: client=h[10.0.0.{self.dice.randrange(9)}], sasl_method=PLAIN, sasl_username={user}",
            f"qmgr[1]: {queue_id}: from=<{user}@x>, size=100, nrcpt={nrcpt} (queue active)",
            *[
                f"smtp[1]: {queue_id}: to=<r{n}@y>, relay=h[1.2.3.4]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)"
                for n in range(nrcpt)
            ],
            f"qmgr[1]: {queue_id}: removed",
        ]
        # Lines of several messages lie between each other, across rotations and kills.
        keep = self.dice.random() < 0.3
        self.pending += lines
        if not keep:
            for line in self.pending:
                self._put(line)
            self.pending = []
        self.truth[user, "messages"] += 1
        self.truth[user, "recipients"] += nrcpt
        self.truth["sent"] += nrcpt

    def _put(self, line: str) -> None:
        self.time += self.dice.choice((0, 0, 0, 1, 3, 25))
        stamp = time.strftime("%b %e %H:%M:%S", time.localtime(self.time))
        data = f"{stamp} mx postfix/{line}\n".encode()
        self.lines += 1
        self.bytes += len(data)
        with self.log.open("ab") as log:
            if self.dice.random() < 0.1 and not self.rest:
                cut = self.dice.randrange(1, len(data))
                log.write(data[:cut])
                self.rest = data[cut:]
            else:
                log.write(self.rest + data)
                self.rest = b""

    def finish(self) -> None:
        for line in self.pending:
            self._put(line)
        self.pending = []
        if self.rest:
            with self.log.open("ab") as log:
                log.write(self.rest)
            self.rest = b""

    def rotate(self) -> None:
        """As logrotate does: numbers go up, the third and older are compressed."""
        if self.rest:  # a log daemon finishes its line before it reopens
            with self.log.open("ab") as log:
                log.write(self.rest)
            self.rest = b""
        self._shift()
        self.log.rename(f"{self.log}.1")
        self.log.touch()

    def copytruncate(self) -> None:
        self._shift()
        shutil.copyfile(self.log, f"{self.log}.1")
        os.truncate(self.log, 0)

    def _shift(self) -> None:
        for number in range(40, 0, -1):
            for ending in ("", ".gz"):
                old = Path(f"{self.log}.{number}{ending}")
                if old.exists():
                    old.rename(f"{self.log}.{number + 1}{ending}")
        second = Path(f"{self.log}.2")
        if second.exists() and self.dice.random() < 0.7:
            stat = second.stat()
            with second.open("rb") as plain, gzip.open(f"{second}.gz", "wb") as packed:
                shutil.copyfileobj(plain, packed)
            os.utime(f"{second}.gz", ns=(stat.st_atime_ns, stat.st_mtime_ns))
            second.unlink()


class Store:
    """Keeps points as InfluxDB does."""

    def __init__(self) -> None:
        self.points: dict = {}
        self.runs: list[set] = []

    def take(self, output: str) -> None:
        for point in parse_lines(output.splitlines(keepends=True)):
            self.points[point.name, tuple(sorted(point.tags.items())), point.time] = point.fields

    def sums(self) -> Counter:
        total: Counter = Counter()
        for (name, tags, _), fields in self.points.items():
            if name == "postfix_sender":
                user = dict(tags)["user"]
                total[user, "messages"] += fields["messages"]
                total[user, "recipients"] += fields["recipients"]
            elif name == "postfix_delivery":
                total["sent"] += fields["count"]
            elif name == "bmtick_collector":
                total["lines"] += fields["lines"]
                total["bytes"] += fields["bytes"]
        return total


def run(log: Path, state: Path, store: Store, kill_after: float | None = None) -> None:
    arguments = ("--log", str(log), "--state", str(state), "--queue", "off")
    done = program.run_text("collect", *arguments, kill_after=kill_after)
    assert kill_after is not None or done.returncode == 0, done.stderr
    store.take(done.stdout)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_sums_stay_true(seed, tmp_path):
    dice = random.Random(seed)
    writer, store = Writer(tmp_path / "mail.log", dice), Store()
    state = tmp_path / "state"
    run(writer.log, state, store)
    for _ in range(30):
        action = dice.random()
        if action < 0.5:
            for _ in range(dice.randrange(1, 12)):
                writer.message()
        elif action < 0.62:
            writer.rotate()
        elif action < 0.72:
            writer.copytruncate()
        elif action < 0.86:
            run(writer.log, state, store)
        else:
            run(writer.log, state, store, dice.uniform(0, 0.02))
    writer.finish()
    run(writer.log, state, store)
    expected = writer.truth + Counter(lines=writer.lines, bytes=writer.bytes)
    assert store.sums() == expected
    assert state.stat().st_mode & 0o777 == 0o600
