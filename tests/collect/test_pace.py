"""What Telegraf takes at once is bounded: a backlog is given out over several runs, exactly."""

import gzip
import random
import time
from collections import Counter

import pytest

from bmtick.collect import session as module
from bmtick.collect.options import Options
from bmtick.collect.session import Session

START = 1_700_000_000


def backlog(dice: random.Random, messages: int, users: int) -> tuple[str, Counter]:
    text, truth, now = "", Counter(), START
    for number in range(messages):
        now += dice.choice((0, 0, 1, 1, 5))
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(now))
        user = f"u{dice.randrange(users)}"
        truth[user] += 1
        text += f"{stamp} mx postfix/smtpd[1]: {number:06X}: client=h[10.0.0.1], sasl_method=PLAIN, sasl_username={user}\n"
        text += (
            f"{stamp} mx postfix/qmgr[1]: {number:06X}: from=<>, size=5, nrcpt=1 (queue active)\n"
        )
    return text, truth


def taken(session: Session, now: int, most: int) -> tuple[Counter, int]:
    """Run until nothing comes; return the sums and the largest run, no point being given twice."""
    total: Counter = Counter()
    seen: set = set()
    largest = 0
    for _ in range(1000):
        rows = session.run_paced(now, most)
        if not rows:
            return total, largest
        largest = max(largest, len(rows))
        for name, tags, fields, at in rows:
            assert (name, tags, at) not in seen
            seen.add((name, tags, at))
            if name == "postfix_sender":
                total[tags[0]] += fields[0]
        again = Session(session.names, Options(), lambda _: None)
        again.restore(session.dump())
        session = again
    pytest.fail("it does not end")


@pytest.mark.parametrize("step", [1, 1 << 12, 1 << 16])
def test_a_backlog_comes_in_portions_and_whole(step, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PACED_STEP", step)
    text, truth = backlog(random.Random(step), 4000, 30)
    log = tmp_path / "mail.log"
    log.write_text(text)
    session = Session([str(log)], Options(), lambda _: None)
    session.begin(None, START)
    total, largest = taken(session, START + 100_000, 200)
    assert total == truth
    assert largest < (200 + 40 if step < 1 << 16 else 600), (
        "the last bucket of a run is given out whole"
    )


def test_a_line_without_end_is_passed_in_portions(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PACED_STEP", 1 << 12)
    text, truth = backlog(random.Random(1), 300, 5)
    log = tmp_path / "mail.log"
    log.write_text(text + "x" * 3_000_000 + "\n" + text.replace("2023-11", "2023-12"))
    session = Session([str(log)], Options(), lambda _: None)
    session.begin(None, START)
    total, _ = taken(session, START + 90 * 86_400, 100)
    assert total == truth + truth


def test_two_logs_of_which_one_is_read_later_share_their_intervals(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PACED_STEP", 1 << 14)
    truth: Counter = Counter()
    for name in ("a.log", "b.log"):
        text, part = backlog(random.Random(7), 1500, 9)
        (tmp_path / name).write_text(text.replace(" mx ", f" {name} "))
        truth += part
    session = Session([str(tmp_path / "a.log"), str(tmp_path / "b.log")], Options(), lambda _: None)
    session.begin(None, START)
    total, _ = taken(session, START + 100_000, 100)
    assert total == truth


def test_a_packed_rotated_log_is_part_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PACED_STEP", 1 << 14)
    text, truth = backlog(random.Random(9), 2000, 9)
    lines = text.splitlines(keepends=True)
    log = tmp_path / "mail.log"
    log.write_text("".join(lines[:500]))
    session = Session([str(log)], Options(), lambda _: None)
    session.begin(None, START)
    first, _ = taken(session, START + 100_000, 50)
    again = Session([str(log)], Options(), lambda _: None)
    again.begin(None, START)
    again.run_paced(START, 0)
    (tmp_path / "mail.log.1.gz").write_bytes(gzip.compress("".join(lines[:3000]).encode()))
    log.unlink()
    log.write_text("".join(lines[3000:]))
    total, _ = taken(again, START + 100_000, 50)
    assert total == truth
    assert sum(first.values()) == 250
