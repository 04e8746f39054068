"""The mail about a hold: at once, later where the server is away, after a restart too."""

import dataclasses
import time

from bmtick.errors import BmtickError
from bmtick.guard.hold_mail import write_hold_mail
from bmtick.guard.holds import HOLD, Hold, Journal, hold_record, notified_record
from bmtick.guard.notify import HoldNotifier
from bmtick.guard.subject import Subject
from tests.guard.support import RunningGuard
from tests.support.servers import free_port, wait_for

BOB = Subject("user", "bob@x.org")
ADMIN, OTHER = "admin@x.org", "other@x.org"


class World:
    def __init__(self, *recipients):
        self.sent, self.said, self.told, self.failing = [], [], [], {}
        self.notifier = HoldNotifier(recipients, self.send, self.said.append)
        self.notifier._on_notified = self.told.append
        self.hold = Hold(BOB, 1000.0, None, "why", "guard", HOLD)

    def send(self, holds, recipient):
        if error := self.failing.get(recipient):
            raise error
        self.sent.append((" ".join(str(hold.who) for hold in holds), recipient))


def test_a_mail_server_that_is_away_for_an_hour_gets_the_mail_later():
    world = World(ADMIN)
    world.failing[ADMIN] = BmtickError("away")
    now, tries = 0.0, 0
    wait = world.notifier.step(world.hold, now)
    while now + wait < 3600:
        now += wait
        tries += 1
        wait = world.notifier.step(None, now)
    assert tries < 20
    assert not world.told
    world.failing.clear()
    assert world.notifier.step(None, now + wait) is None
    assert world.sent == [(str(BOB), ADMIN)]
    assert world.told == [world.hold]
    assert "retrying in 15 s: away" in world.said[0]


def test_nobody_gets_it_twice_and_who_never_can_is_given_up():
    world = World(ADMIN, "never@x.org", OTHER)
    world.failing = {OTHER: OSError("away"), "never@x.org": ValueError("no such user")}
    wait = world.notifier.step(world.hold, 0.0)
    world.failing.pop(OTHER)
    assert world.notifier.step(None, wait) is None
    assert world.sent == [(str(BOB), ADMIN), (str(BOB), OTHER)]
    assert "gave up the mail to never@x.org: no such user" in world.said[0]


def test_the_strangers_of_an_open_relay_are_told_of_in_a_mail_a_minute():
    world = World(ADMIN)
    now = 0.0
    for n in range(60):
        hold = Hold(Subject("client", f"203.0.113.{n}"), now, None, "open relay", "guard", HOLD)
        world.notifier.step(hold, now)
        now += 2.0
    wait = world.notifier.step(world.hold, now)
    while wait is not None:
        now += wait
        wait = world.notifier.step(None, now)
    counts = [len(names.split()) for names, _ in world.sent]
    assert counts == [1, 1, 1, 31, 27]
    assert len(world.told) == 61
    world.sent.clear()
    assert world.notifier.step(world.hold, now + 700) is None  # it is quiet again
    assert world.sent == [(str(BOB), ADMIN)]


def test_a_mail_of_many_names_each_and_why():
    holds = [
        Hold(Subject("client", f"10.0.0.{n}"), 1.0, None, "a<b", "guard", HOLD) for n in range(3)
    ]
    letter = write_hold_mail(holds, "mx1")
    assert letter["message"] == "mx1 holds the mail of 3 more"
    assert "<tr><td>10.0.0.2</td><td>a&lt;b</td></tr>" in letter["details"]
    watched = [dataclasses.replace(hold, mode="observe") for hold in holds]
    assert "would hold" in write_hold_mail(watched, "mx1")["message"]


def test_it_is_remembered_who_was_told(tmp_path):
    journal = Journal(tmp_path / "state")
    record = hold_record(BOB, 1.0, "why", until=None, by="guard", mode=HOLD)
    journal.append([record, notified_record(BOB), notified_record(Subject("user", "eve"))])
    journal.poll()
    assert journal.holds.held[BOB].notified
    journal.compact(2.0, always=True)
    assert journal.holds.held[BOB].notified
    assert not journal.holds.damaged


def test_what_was_not_told_is_told_after_a_restart_and_only_once(tmp_path):
    running = RunningGuard(tmp_path / "g", free_port())
    journal = Journal(running.state)
    for user in ("bob@x.org", "eve@x.org"):
        who = Subject("user", user)
        journal.append([hold_record(who, time.time(), "why", until=None, by="guard", mode=HOLD)])
    journal.append([notified_record(Subject("user", "eve@x.org"))])
    for _ in range(2):
        running.start()
        try:
            wait_for(lambda: b'"told":["user","bob' in running.state.read_bytes(), "the mail")
        finally:
            running.stop()
    (mail,) = running.mails.glob("*.eml")
    assert "bmtick release bob@x.org" in mail.read_text()
