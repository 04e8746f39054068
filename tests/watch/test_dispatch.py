"""Deliveries never keep the watch from judging, whatever a peer does and whatever they raise."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bmtick.watch.dispatch import Threads
from bmtick.watch.failure import DeliveryError
from bmtick.watch.mail import compose
from bmtick.watch.outbox import Outbox
from tests.support.rude import rude
from tests.support.servers import wait_for
from tests.watch.support import BEGIN, Box, Script, watch

ROOT = Path(__file__).parents[2]
LENGTHS = [5, 300, 10, 500, 3]


def letter():
    return compose({"message": "m", "details": "d"}, "a@x.org", ["b@x.org"], "k", BEGIN)


def test_the_watch_judges_while_a_delivery_hangs():
    goes_on, warnings = threading.Event(), []

    class Hanging(Box):
        def send(self, mail):
            goes_on.wait(120)
            super().send(mail)

    box = Hanging()
    one = watch(Script(LENGTHS), box, dispatcher=Threads, warnings=warnings)
    one.start(from_start=True, now=BEGIN)
    for minute in range(len(LENGTHS) + 1):
        status = one.tick(BEGIN + 60 * minute + 5)
    assert (status.events, status.waiting, box.mails) == (4, 4, [])
    goes_on.set()
    one.finish(BEGIN + 600, 60)
    assert one.status(BEGIN + 600).waiting == 0
    assert [s.partition("]")[0] for s in box.subjects] == ["[CRITICAL", "[OK", "[CRITICAL", "[OK"]


@pytest.mark.parametrize("threads", [False, True])
def test_a_delivery_that_raises_anything_is_set_aside_and_retried(tmp_path, threads):
    warnings = []

    class Defect(Box):
        broken = True

        def send(self, mail):
            if self.broken and "300" in mail.subject:
                raise UnicodeEncodeError("utf-8", "x", 0, 1, "as once")
            super().send(mail)

    box, options = Defect(), {"dispatcher": Threads} if threads else {}
    one = watch(Script(LENGTHS), box, tmp_path / "state", warnings=warnings, **options)
    one.start(from_start=True, now=BEGIN)
    for minute in range(len(LENGTHS) + 1):
        one.tick(BEGIN + 60 * minute + 5)
        one.finish(BEGIN + 60 * minute + 5, 60)
    assert len(box.mails) == 3  # the others are not held up
    assert any("is set aside and tried again: UnicodeEncodeError" in w for w in warnings)
    one.stop()
    again = watch(Script(LENGTHS), box, tmp_path / "state", **options)
    again.start(from_start=True, now=BEGIN)
    assert again.tick(BEGIN + 400).waiting == 1
    again.finish(BEGIN + 400, 60)
    box.broken = False
    again.tick(BEGIN + 9000)
    again.finish(BEGIN + 9000, 60)
    assert again.status(BEGIN).waiting == 0
    again.stop()
    assert len(box.mails) == 4


@pytest.mark.parametrize(
    "rubbish",
    [None, 5, "x", [], {}, {"key": 1}, {"key": "k", "kind": "email", "args": 5}, {"unknown": "k"}],
)
def test_a_state_with_a_delivery_that_is_none_starts_and_keeps_it(tmp_path, rubbish):
    box, warnings = Box(), []
    box.failure = DeliveryError("down")
    one = watch(Script(LENGTHS), box, tmp_path / "state", gather=False)
    one.start(from_start=True, now=BEGIN)
    one.tick(BEGIN + 90)
    one._outbox.unreadable.append(rubbish)
    one._keep(BEGIN + 90)
    one.stop()
    box.failure = None
    again = watch(Script(LENGTHS), box, tmp_path / "state", warnings=warnings, gather=False)
    again.start(from_start=True, now=BEGIN)
    again.tick(BEGIN + 1000)
    again.stop()
    assert len(box.mails) == 4
    assert any("set aside" in w for w in warnings)
    assert again._outbox.unreadable == [rubbish]


def test_what_cannot_be_stored_is_kept_as_text():
    from bmtick.watch.outbox import _storable

    loop: dict = {}
    loop["self"] = loop
    for value in ({"a": b"\xff"}, {1: {2}}, [object()], loop):
        import json

        json.dumps(_storable(value))
    assert _storable({"a": [1, "x"]}) == {"a": [1, "x"]}


def test_when_one_of_a_kind_has_to_wait_the_others_are_not_tried():
    calls = []
    gate = threading.Event()

    def deliver(delivery):
        gate.wait(120)
        calls.append(delivery)
        raise DeliveryError("down")

    outbox = Outbox(100, 3600.0, lambda _: None)
    threads = Threads(deliver)
    one = watch(Script(LENGTHS), Box())
    one.start(from_start=True, now=BEGIN)
    for minute in range(len(LENGTHS) + 1):
        events = one._tasks.feed(one._source.read(BEGIN + 60 * minute + 5)[0])
        for event in events:
            outbox.put(event, BEGIN)
    others = len(outbox) - 1
    assert all(threads.submit(d) for d in outbox.waiting)
    gate.set()
    threads.wait(120)
    assert [r.outcome for r in threads.results()] == ["later"] + ["untried"] * others
    assert len(calls) == 1


def test_sigterm_is_heard_at_once_while_a_mail_server_drips(tmp_path):
    with rude("drip head", 0.5) as peer:
        (tmp_path / "mail.log").write_bytes((ROOT / "examples/outbreak/mail.log").read_bytes())
        (tmp_path / "bmtick.toml").write_text(
            f"""
[notify]
recipients = ["admin@example.org"]
[collect]
logs = ["mail.log"]
queue = "off"
[smtp]
port = {peer.port}
timeout = "10m"
[alerts.sender_outbreak]
"""
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "bmtick", "watch", "--from-start", "--state", "state"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for(lambda: peer.asked, "the mail")
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0, process.stderr.read()
    assert b'"outbox":[{' in (tmp_path / "state").read_bytes()
