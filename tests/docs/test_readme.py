"""The README is true: its commands do what it says, and print what it shows."""

import html
import os
import re
import shlex
import shutil
import subprocess
from contextlib import ExitStack
from email import message_from_bytes, policy
from functools import partial

import click
import pytest
from click.testing import CliRunner

from bmtick import settings
from bmtick.cli.root import cli, main_context
from tests.docs.blocks import ROOT, missing, read, squeezed
from tests.docs.machine import ACCOUNT, Machine
from tests.support import servers
from tests.support.fake_kapacitor import fake_kapacitor
from tests.support.postfix import postfix
from tests.support.servers import find_program, wait_for

README = read("README.md")
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = README.commands
OFFLINE = re.compile(r"apt-get |make |PIPX_|bmtick (render|check) ")  # what needs no server
INNOCENTS = ("a.berger@example.org", "newsletter@example.org")


@pytest.fixture(scope="module")
def machine(tmp_path_factory, influx, sink):
    users = dict.fromkeys((ACCOUNT, *INNOCENTS), "secret")
    folder = tmp_path_factory.mktemp("readme")
    real = bool(os.environ.get("KAPACITORD") or shutil.which("kapacitord"))
    [watch] = README.others["toml"]
    with ExitStack() as stack:
        server = stack.enter_context(postfix(users=users))
        ordinary_mail(server)
        kapacitor = stack.enter_context(
            servers.kapacitor(folder / "kapacitor", influx, sink) if real else fake_kapacitor()
        )
        made = Machine(folder, influx, sink, kapacitor.url, real, server, watch)
        stack.callback(made.close)
        yield made


def ordinary_mail(server):
    for user in INNOCENTS:
        with server.connect(client="192.0.2.10", user=user, password="secret") as session:
            for n in range(3):
                server.submit(user, [f"friend{n}@elsewhere.example"], session=session)


def outbreak(server):
    """A stolen account: from many addresses, to many, refused by many."""
    for n in range(12):
        with server.connect(
            client=f"203.0.113.{n + 1}", user=ACCOUNT, password="secret"
        ) as session:
            kinds = ("listed", "listed", "unknown", "defer", "victim", "victim")
            to = [f"{kind}{n}.{i}@elsewhere.example" for i, kind in enumerate(kinds)]
            server.submit(ACCOUNT, to, session=session)
    with server.connect(client="127.0.0.9") as session:  # a trusted machine, without a login
        for n in range(3):
            server.submit("crm@example.org", [f"customer{n}@elsewhere.example"], session=session)


class Run:
    """The README's commands, one after the other; a test may ask for any of them."""

    def __init__(self, machine, commands):
        self.machine = machine
        self.commands = commands
        self.done = []

    def until(self, command):
        """Return what the command did, and the mails that came of it."""
        index = self.commands.index(command)
        mails = self.machine.sink.messages if self.machine.sink else []
        while len(self.done) <= index:
            command = self.commands[len(self.done)]
            before = len(mails)
            done = self.machine.run(command)
            if command.text == "systemctl enable --now bmtick-watch":
                outbreak(self.machine.postfix)
                wait_for(partial(told, mails, before), "the mail about the outbreak")
            self.done.append((done, mails[before:]))
        return self.done[index]


def told(mails, before):
    return [m for m in mails[before:] if f"{ACCOUNT} sends spam" in m["subject"]]


@pytest.fixture(scope="module")
def run(machine):
    return Run(machine, [c for c in COMMANDS if not OFFLINE.match(c.text)])


@pytest.fixture(scope="module")
def run_offline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("offline")
    return Run(Machine(folder), [c for c in COMMANDS if OFFLINE.match(c.text)])


TEST_MAIL = next(command.text for command in COMMANDS if "--test-mail" in command.text)
# What must be seen of a command beside exit status 0: (status, in stdout, in stderr).
EXPECTED = {
    "bmtick plan": (1, "+ create bmtick-sender_outbreak", ""),  # 1: there is something to change
    "bmtick apply": (0, "done: 10 changed, all proved on the server", "apply this?"),
    "bmtick fire postfix_queue": (0, "sent by email: [TEST] postfix_queue", ""),
    "bmtick doctor": (1, "kapacitor: http://", ""),  # 1: the tests have no Telegraf
    "bmtick doctor (2)": (0, "All checks passed.", ""),
    "bmtick status (2)": (0, "sender_outbreak", ""),
    "bmtick rollback": (2, "", "the history holds 0 earlier states"),  # of one apply there is none
    "bmtick destroy": (0, "- remove bmtick-postfix_queue", ""),
    TEST_MAIL: (0, "a test mail to you@elsewhere.net", ""),
    "journalctl -u bmtick-watch": (0, f"CRITICAL postfix_sender-outbreak-{ACCOUNT}_bm-master", ""),
    "bmtick suspects": (0, f"{ACCOUNT}: first suspicious", ""),
    "bmtick relays": (0, "127.0.0.9", ""),
    "bmtick queue": (0, ACCOUNT, ""),
    "bmtick respond USER": (0, "hold", ""),
    "bmtick audit": (0, "do: ", ""),
    "bmtick report -o incident.html": (0, "", "wrote incident.html"),
}
MAILED = {  # the mails that a command must bring
    "bmtick fire postfix_queue": "[TEST] postfix_queue",
    TEST_MAIL: "[TEST] bmtick watch",
    "systemctl enable --now bmtick-watch": f"{ACCOUNT} sends spam",
}


def label(command):
    """The command's text, and which time it is that the README has it."""
    same = [other for other in COMMANDS if other.text == command.text]
    return command.text if same[0] == command else f"{command.text} ({same.index(command) + 1})"


@pytest.mark.parametrize("command", COMMANDS, ids=label)
def test_the_command_does_what_the_readme_says(command, request):
    if command.name == "apt-get":
        find_program("apt-cache")
    run = request.getfixturevalue("run_offline" if OFFLINE.match(command.text) else "run")
    done, _ = run.until(command)
    status, stdout, stderr = EXPECTED.get(label(command), (0, "", ""))
    assert done.code == status, f"{done.stdout}\n{done.stderr}"
    assert stdout in done.stdout
    assert stderr in done.stderr
    assert "Traceback" not in done.stderr
    assert not missing(command.shown, done.stdout), done.stdout


@pytest.mark.parametrize("text", MAILED)
def test_the_mail_arrives(run, text):
    _, mails = run.until(next(command for command in COMMANDS if command.text == text))
    if "fire" in text and not run.machine.real_kapacitor:
        pytest.skip("the Kapacitor in memory sends no mail (name a real one in $KAPACITORD)")
    assert any(MAILED[text] in mail["subject"] for mail in mails)


def test_every_expectation_is_of_a_command():
    assert {*EXPECTED, *MAILED} <= {label(command) for command in COMMANDS}


def test_the_mail_is_the_one_that_the_demo_writes(tmp_path):
    """The page shows it whole, as far as its text goes."""
    page = (ROOT / "docs" / "alert-mail.md").read_text(encoding="utf-8")
    quoted = re.search(r"^((?:>.*\n)+)", page, re.MULTILINE)[1]
    words = re.sub(r"^> ?", "", quoted, flags=re.MULTILINE)
    words = re.sub(
        r"\|-+\|-+\||[*`|]|^\d\. |^Subject: ", "", words.replace("**", ""), flags=re.MULTILINE
    )
    result = CliRunner().invoke(cli, ["demo", "-o", str(tmp_path)], obj=main_context())
    assert result.exit_code == 0
    [path] = tmp_path.glob("*sender_outbreak-critical.eml")
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    body = re.sub(r"<small>.*</small>|<h2>.*?</h2>", "", mail.get_body(("html",)).get_content())
    assert squeezed(words) == squeezed(f"{mail['Subject']} {html.unescape(plain(body))}")


def plain(body):
    return re.sub(r"<[^>]+>", " ", re.sub(r"</?(?:b|code)>", "", body))


def test_the_settings_of_the_readme_are_settings():
    [text] = README.others["toml"]
    found = settings.parse(text, file="README.md")
    assert list(found.alerts) == [
        "sender_outbreak", "relay_client", "relay_open", "local_spam", "forward_spam",
        "login_guessing", "postfix_queue",
    ]  # fmt: skip


CONTRIBUTING = read("CONTRIBUTING.md").commands


@pytest.mark.parametrize("command", CONTRIBUTING, ids=lambda c: c.text)
def test_what_contributors_run_is_there(command):
    """These are the tests themselves, so they are looked at and not run."""
    if command.name == "make":
        make = shutil.which("make")
        result = subprocess.run(
            [make, "-n", *command.words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr
    else:
        assert command.name == "bash"
        assert (ROOT / command.words[1]).is_file()


INLINE = re.compile(r"`(bmtick [^`]*)`")
SHORT = {  # commands that are named in a text without what they need
    "silence": ["--for", "2h", "--reason", "x"],
    "respond": ["p.martin@example.org"],
    "fire": ["postfix_queue"],
    "report": ["-o", "x.html"],
    "eval": ["x.tick", "--points", "x.lp"],
}


@pytest.mark.parametrize("text", sorted({*INLINE.findall(TEXT)}))
def test_commands_within_the_text_exist(text):
    words = shlex.split(text.replace("NAME", "postfix_queue"))[1:]
    if len(words) == 1:
        words += SHORT.get(words[0], [])
    context = click.Context(cli, info_name="bmtick")
    command = cli.get_command(context, words[0])
    assert command is not None
    command.make_context(words[0], words[1:], parent=context)


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", TEXT))))
def test_links_lead_somewhere(target):
    assert (ROOT / target).exists()
