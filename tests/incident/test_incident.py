"""The guided way: each step confirmed, watched until nothing leaves, in three languages."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bmtick import languages
from bmtick.cli.incident import _ask
from bmtick.cli.root import cli
from bmtick.collect.clock import LogClock
from bmtick.collect.postqueue import QueueEntry
from bmtick.errors import BmtickError
from bmtick.incident.account import Account
from bmtick.incident.ledger import Ledger
from bmtick.incident.programs import Programs
from bmtick.incident.queued import Origins
from bmtick.incident.response.actions import Outcome
from bmtick.incident.response.guide import Accused, Flow, Guide
from bmtick.incident.response.journal import Operation
from bmtick.incident.response.outflow import LogTail, Outflow
from bmtick.incident.response.plan import Held, make_plan
from bmtick.incident.response.selection import Match, Selection
from bmtick.incident.response.situation import _warnings
from bmtick.incident.response.target import Target, client_network

DEMO_LOG = Path(__file__).parents[2] / "examples/outbreak/mail.log"

VICTIM = Accused("user", "victim@example.org", 1_780_000_000, ("300 recipients, usually 5",))
ERP = Accused("client", "192.0.2.111", 1_780_000_000, ("strange \x1b[31m senders",), held=True)


@pytest.fixture(autouse=True)
def english():
    yield
    languages.set_language("en")


class FakeActions:
    """A queue in which holding works; the flow is what a test says."""

    def __init__(self, flows, waiting=3):
        self.waiting, self.held, self.done = waiting, 0, []
        self.flows, self.last = iter(flows), None
        self.broken = ""

    def plan(self, accused):
        queues = ["deferred"] * self.waiting + ["hold"] * self.held
        matches = tuple(
            Match(QueueEntry(f"A1B2C{n}", queue, 7, 1, "a@b.example", ()), "login (log)", None)
            for n, queue in enumerate(queues)
        )
        ours = {m.entry.queue_id: 7 for m in matches if m.entry.queue_name == "hold"}
        target = Target(Account(accused.name))
        if accused.kind == "client":
            target = Target(client=client_network(accused.name))
        return make_plan(
            target,
            Selection(matches, (), len(matches)),
            programs=Programs(path=""),
            held=Held(ours, 0),
            mynetworks="192.0.2.0/24",
        )

    def do(self, plan, step):
        self.done.append(step)
        if self.broken:
            raise BmtickError(self.broken, remedy="run as root")
        ids = tuple(plan.step(step).messages)
        if step == "hold":
            self.held, self.waiting = self.held + self.waiting, 0
        return Outcome(True, "", ids, "/folder")

    def watch(self, plan):
        def look():
            self.last = next(self.flows, self.last)
            return self.last

        return look

    def report(self):
        return "/report.html"


class Terminal:
    """Answers by what is asked, and a clock that only sleeping moves."""

    def __init__(self, **answers):
        self.answers, self.text, self.time = answers, [], 0.0

    def ask(self, question):
        self.text.append(question)
        return next((a for part, a in self.answers.items() if part in question), "")

    def sleep(self, seconds):
        self.time += seconds

    def lead(self, actions, accused, alerts=()):
        guide = Guide(actions, self.text.append, self.ask, lambda: self.time, self.sleep)
        return guide.lead(accused, alerts)

    @property
    def shown(self):
        return "\n".join(self.text)


def test_from_the_first_look_to_nothing_leaves_any_more():
    actions = FakeActions([Flow(0, 0, 0), Flow(2, 0, 0), Flow(2, 0, 0)])
    terminal = Terminal(Whom="1", Do="y", Write="y")
    assert terminal.lead(actions, [VICTIM, ERP], ["The queue is long"])
    assert actions.done == ["hold", "delete", "release"]
    shown = terminal.shown
    assert "Firing: The queue is long" in shown
    assert "1. The account victim@example.org, since " in shown
    assert "300 recipients, usually 5" in shown
    assert "2. The machine 192.0.2.111" in shown
    assert "(its mail is held already)" in shown
    assert "\x1b" not in shown
    assert "Hold 3 queued messages" in shown
    assert "By hand: set a new password" in shown
    assert "3 messages are on hold now." in shown
    assert "2 recipients elsewhere got mail, 0 new messages were taken, 0 wait." in shown
    assert "Nothing of victim@example.org leaves any more: no mail since 60 seconds." in shown
    assert "Written: /report.html" in shown
    assert 60 <= terminal.time <= 64  # the quiet counts from the last that left


def test_nothing_is_done_without_a_yes():
    actions = FakeActions([Flow(0, 0, 3)])
    terminal = Terminal(Whom="1")
    assert not terminal.lead(actions, [VICTIM])
    assert actions.done == []
    assert "It has not stopped yet" in terminal.shown
    assert terminal.time >= 900


@pytest.mark.parametrize("answer", ["q", "Q"])
def test_nobody_may_be_stopped(answer):
    actions = FakeActions([])
    assert not Terminal(Whom=answer).lead(actions, [VICTIM])
    assert actions.done == []


def test_a_quiet_server_has_nothing_to_do():
    terminal = Terminal()
    assert terminal.lead(FakeActions([]), [])
    assert "Nobody behaves suspiciously" in terminal.shown


def test_what_comes_in_while_watching_is_held_too():
    actions = FakeActions([Flow(0, 0, 0), Flow(0, 2, 2), Flow(0, 2, 0)], waiting=0)
    real = actions.watch

    def watch(plan):
        look = real(plan)

        def once():
            flow = look()
            actions.waiting = flow.moving
            return flow

        return once

    actions.watch = watch
    assert Terminal(Whom="1", Do="y").lead(actions, [VICTIM])
    assert actions.done == ["hold", "delete", "release"]
    assert actions.held == 2


def test_it_gives_up_where_mail_goes_on():
    flows = (Flow(n, n, 0) for n in range(10_000))
    terminal = Terminal(Whom="1", Do="y")
    assert not terminal.lead(FakeActions(flows), [VICTIM])
    assert "It has not stopped yet" in terminal.shown
    assert 900 <= terminal.time < 910


def test_a_step_that_fails_is_told_and_the_way_goes_on():
    actions = FakeActions([Flow(0, 0, 0)])
    actions.broken = "postsuper failed"
    terminal = Terminal(Whom="1", Do="y")
    assert terminal.lead(actions, [VICTIM])
    assert "It failed: postsuper failed" in terminal.shown


def test_a_machine_has_console_and_firewall_instead_of_a_password():
    terminal = Terminal(Whom="1", Do="y")
    assert terminal.lead(FakeActions([Flow(0, 0, 0)]), [ERP])
    assert "Take the machine out of the trusted networks" in terminal.shown
    assert "iptables -I INPUT -s 192.0.2.111" in terminal.shown
    assert "password" not in terminal.shown


@pytest.mark.parametrize(
    ("language", "yes", "proof"),
    [
        ("de", "j", "Von victim@example.org geht nichts mehr hinaus"),
        ("fr", "o", "Plus rien de victim@example.org ne sort"),
    ],
)
def test_it_speaks_german_and_french(language, yes, proof):
    languages.set_language(language)
    actions = FakeActions([Flow(0, 0, 0)])
    terminal = Terminal(Wen="1", Qui="1", Ausführen=yes, Exécuter=yes)
    assert terminal.lead(actions, [VICTIM])
    assert "hold" in actions.done
    assert proof in terminal.shown


LINES = b"""\
Jun  1 10:00:00 mx postfix/smtpd[1]: 3F1A2B: client=h[192.0.2.1], sasl_method=LOGIN, sasl_username=A@b.example
Jun  1 10:00:01 mx postfix/qmgr[2]: 3F1A2B: from=<x@y.example>, size=9, nrcpt=2 (queue active)
Jun  1 10:00:02 mx postfix/smtp[3]: 3F1A2B: to=<r@c.example>, relay=c[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)
Jun  1 10:00:02 mx postfix/smtp[3]: 3F1A2B: to=<s@c.example>, relay=none, delay=1, delays=0/0/0/1, dsn=4.0.0, status=deferred (no)
Jun  1 10:00:03 mx postfix/lmtp[3]: 3F1A2B: to=<t@b.example>, relay=b[127.0.0.1]:24, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)
Jun  1 10:00:04 mx postfix/smtpd[1]: 3F1A2C: client=h[192.0.2.1], sasl_method=LOGIN, sasl_username=c@b.example
Jun  1 10:00:05 mx postfix/qmgr[2]: 3F1A2C: from=<a@b.example>, size=9, nrcpt=1 (queue active)
Jun  1 10:00:06 mx postfix/smtp[3]: 3F1A2C: to=<r@c.example>, relay=c[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)
Jun  1 10:00:07 mx postfix/smtpd[1]: 3F1A2D: client=h[192.0.2.1]
Jun  1 10:00:08 mx postfix/qmgr[2]: 3F1A2D: from=<a@b.example>, size=9, nrcpt=1 (queue active)
Jun  1 10:00:09 mx postfix/relay/smtp[3]: 3F1A2D: to=<r@c.example>, relay=c[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)
"""


def test_what_leaves_is_counted_for_the_target_alone():
    account = Outflow(Target(Account("a@b.example")), Ledger())
    machine = Outflow(Target(client=client_network("192.0.2.1")), Ledger())
    for flow in (account, machine):
        flow.feed(iter(LINES.splitlines()), LogClock(1_780_400_000))
    # By the login, and by the sender where nobody logged in; never what stays here.
    assert (account.accepted, account.left) == (2, 2)
    assert (machine.accepted, machine.left) == (1, 1)


def test_the_log_is_followed_over_rotation_and_half_lines(tmp_path):
    log = tmp_path / "mail.log"
    log.write_bytes(b"old\n")
    tail = LogTail([str(log)])
    with log.open("ab") as file:
        file.write(b"one\ntw")
    assert list(tail.lines()) == [b"one"]
    with log.open("ab") as file:
        file.write(b"o\n")
    log.rename(tmp_path / "mail.log.1")
    log.write_bytes(b"three\n")
    assert list(tail.lines()) == [b"two", b"three"]
    log.write_bytes(b"4\n")
    assert list(tail.lines()) == [b"4"]
    tail.close()


def test_without_a_terminal_it_prints_the_plan_and_does_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    result = CliRunner().invoke(
        cli, ["incident", "--log", str(DEMO_LOG), "--folder", str(tmp_path / "i")]
    )
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["accused"][0]["user"]
    assert document["accused"][0]["evidence"]
    assert not (tmp_path / "i").exists()


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("de", ("die Warteschlange ist leer", "unterbrochen")),
        ("fr", ("la file d'attente est vide", "interrompue")),
    ],
)
def test_notes_about_queue_and_journal_are_in_her_language(language, texts):
    languages.set_language(language)
    begun = Operation("id", "user a@b.example", "hold", 1_780_000_000.0)
    account = Target(Account("a@b.example"))
    notes = _warnings(account, [], Origins({}, frozenset()), Selection(()), [begun])
    assert not any("the " in note for note in notes)
    for text in texts:
        assert text in " ".join(notes)


def test_a_question_in_french_has_a_space_before_its_colon():
    @click.command()
    def ask():
        _ask("Numéro")

    languages.set_language("fr")
    assert "Numéro : " in CliRunner().invoke(ask, input="1\n").output
