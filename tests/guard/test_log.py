"""The guard learns from the logs that are there, goes on with them, and keeps what it learned."""

import gzip
import time
from datetime import datetime

import pytest

from bmtick.collect.options import Options
from bmtick.guard.log import LogReader
from bmtick.guard.memory import GuardMemory
from bmtick.guard.subject import Subject
from tests.support.servers import wait_for

BOB = "postfix_sender\nbob@x.org"
DAY = 86400


def stamp(at):
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")


def mail(
    at, queue_id, user="bob@x.org", client="1.2.3.4", recipients=1, status="sent", dsn="2.0.0"
):
    sasl = f", sasl_method=PLAIN, sasl_username={user}" if user else ""
    lines = [
        f"smtpd[1]: {queue_id}: client=u[{client}]{sasl}",
        f"qmgr[1]: {queue_id}: from=<bob@x.org>, size=9, nrcpt={recipients} (queue active)",
        *(
            f"smtp[1]: {queue_id}: to=<a{n}@y.org>, relay=mx.y.org[9.9.9.9]:25, delay=1, "
            f"delays=0/0/0/1, dsn={dsn}, status={status} (text)"
            for n in range(recipients)
        ),
    ]
    return "".join(f"{stamp(at)} mx postfix/{line}\n" for line in lines)


class Machine:
    def __init__(self, folder):
        self.log, self.kept, self.said = folder / "mail.log", folder / "guard.memory", []
        self.memory = GuardMemory()

    def start(self, *names):
        reader = LogReader(
            names or [str(self.log)], Options(interval=1), self.memory, self.kept, self.said.append
        )
        reader.start()
        assert reader.learned.wait(120)
        return reader

    def gauges(self, entity=BOB):
        return self.memory.gauges(entity, int(time.time()))


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_learns_from_rotated_logs_and_tails(machine):
    now = time.time()
    with gzip.open(f"{machine.log}.2.gz", "wt") as old:
        old.write(mail(now - 3 * DAY, "AAAAA1", recipients=7))
    machine.log.with_name("mail.log.1").write_text(mail(now - 2 * DAY, "AAAAA2", recipients=3))
    machine.log.write_text(mail(now - 30, "AAAAA3", recipients=2))
    reader = machine.start()
    try:
        wait_for(lambda: machine.gauges()["hour_recipients"] == 2, "the log")
        assert machine.gauges()["usual"] == 7
        assert machine.gauges()["days"] == 2
        with machine.log.open("a") as log:
            log.write(mail(time.time(), "AAAAA4", status="bounced", dsn="5.1.1"))
        wait_for(lambda: machine.gauges()["hour_refused"] == 1, "what is new")
        assert BOB in reader.take()
        assert reader.ids_of(Subject("user", "bob@x.org"))
        assert "AAAAA4" in reader.ids_of(Subject("user", "bob@x.org"))
        assert reader.ids_of(Subject("user", "eve")) == []
    finally:
        reader.stop()
    assert not machine.said


def test_knows_what_pickup_took_and_whose_domains_are_here(machine):
    now = time.time()
    machine.log.write_text(
        f"{stamp(now)} mx postfix/pickup[1]: BBBBB1: uid=33 from=<www@x.org>\n"
        f"{stamp(now)} mx postfix/qmgr[1]: BBBBB1: from=<www@x.org>, size=9, nrcpt=1 (queue active)\n"
        f"{stamp(now)} mx postfix/lmtp[1]: BBBBB2: to=<a@x.org>, relay=l[10.0.0.2]:24, delay=1, "
        "delays=0/0/0/1, dsn=2.0.0, status=sent (250 OK)\n"
    )
    reader = machine.start()
    try:
        wait_for(lambda: reader.ids_of(Subject("local", "www@x.org")) == ["BBBBB1"], "pickup")
        wait_for(lambda: reader.is_ours("X.org"), "the domain")
        assert reader.is_ours("y.org") is False
    finally:
        reader.stop()


def test_what_was_learned_is_kept_over_a_restart(machine):
    now = time.time()
    machine.log.write_text(mail(now - 2 * DAY, "AAAAA2", recipients=5) + mail(now, "AAAAA3"))
    reader = machine.start()
    wait_for(lambda: machine.gauges()["hour_recipients"] == 1, "the log")
    reader.stop()
    assert machine.kept.stat().st_mode & 0o777 == 0o600
    again = Machine(machine.log.parent)
    with machine.log.open("a") as log:
        log.write(mail(time.time(), "AAAAA5", recipients=2))
    reader = again.start()
    try:
        wait_for(lambda: again.gauges()["hour_recipients"] == 3, "what came meanwhile")
        assert again.gauges()["usual"] == 5
    finally:
        reader.stop()


@pytest.mark.parametrize(
    "damage", [b"", b"{}\n", b"\xff\xfe", b'{"bmtick": "guard memory", "version": 1}\n{}\n']
)
def test_a_damaged_memory_is_told_and_learned_anew(machine, damage):
    machine.kept.write_bytes(damage)
    machine.log.write_text(mail(time.time(), "AAAAA3", recipients=2))
    reader = machine.start()
    try:
        wait_for(lambda: machine.gauges()["hour_recipients"] == 2, "the log")
    finally:
        reader.stop()
    assert any("cannot be used" in text for text in machine.said)


def test_a_log_that_is_not_there_is_told_and_waited_for(machine):
    reader = machine.start()
    try:
        wait_for(lambda: machine.said, "a word")
        assert "mail.log" in machine.said[0]
        machine.log.write_text(mail(time.time(), "AAAAA3", recipients=2))
        wait_for(lambda: machine.gauges()["hour_recipients"] == 2, "the log")
    finally:
        reader.stop()


def test_a_disk_that_takes_nothing_is_told(machine, tmp_path):
    (tmp_path / "file").touch()
    machine.kept = tmp_path / "file" / "guard.memory"
    machine.log.write_text(mail(time.time(), "AAAAA3"))
    machine.start().stop()
    assert any("cannot keep" in text for text in machine.said)
