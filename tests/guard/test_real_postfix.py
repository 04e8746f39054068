"""The guard on a real Postfix: a botnet's burst, seen, held, listed and given back."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.doctor.checks import guard as check
from bmtick.doctor.context import Context
from bmtick.incident.programs import Programs
from bmtick.settings import load
from tests.guard.support import asking, burst, guard
from tests.support.postfix import postfix
from tests.support.servers import free_port, wait_for

ROOT = Path(__file__).parents[2]
VICTIM = "victim@example.org"
BOB = "bob@example.org"


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def server(port):
    with postfix(users=dict.fromkeys((VICTIM, BOB), "secret"), settings=asking(port)) as running:
        yield running


@pytest.fixture(autouse=True)
def empty(request):
    yield
    if "server" in request.fixturenames:
        server = request.getfixturevalue("server")
        server.command("postsuper", "-d", "ALL")
        server.remote.accepted.clear()


def run(command, running, *arguments, status=0):
    words = [command, "--config", str(running.config), *arguments]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == status, result.output
    return result


def held(running):
    return json.loads(run("held", running, "--format", "json").stdout)


def on_hold(server):
    return {m["queue_id"] for m in server.queue() if m["queue_name"] == "hold"}


def options(server):
    return ["--config-dir", str(server.config_directory)]


def test_holds_a_burst_and_gives_it_back(server, port, tmp_path):
    with guard(tmp_path / "g", "--mode", "hold", *options(server), port=port) as running:
        burst(server, VICTIM)
        server.submit("bob@example.org", ["friend@example.net"], user=BOB, password="secret")
        wait_for(lambda: not server.queue() or len(on_hold(server)) == len(server.queue()), "hold")
        out = [to for _, to in server.remote.accepted if not to[0].startswith("friend")]
        assert len(out) <= 40
        # One that was under way when it was put on hold is delivered; its file lies on hold, empty.
        assert len(out) + len(on_hold(server)) >= 300
        assert any(to == ["friend@example.net"] for _, to in server.remote.accepted)

        (entry,) = held(running)
        assert entry["user"] == VICTIM
        assert entry["messages"] == len(on_hold(server))
        assert entry["until"] is None
        wait_for(lambda: list(running.mails.glob("*.eml")), "the mail")
        (mail,) = running.mails.glob("*.eml")
        assert f"bmtick release {VICTIM}" in mail.read_text()
        assert f"bmtick respond -- {VICTIM}" in mail.read_text()

        run("release", running, VICTIM, *options(server))
        assert held(running) == []
        wait_for(lambda: not server.queue(), "the mail to go")
        spam = [to[0] for _, to in server.remote.accepted if not to[0].startswith("friend")]
        assert sorted(spam) == sorted(f"v{n}@example.net" for n in range(300))  # each once
        server.remote.accepted.clear()
        burst(server, VICTIM, 40, 40)
        wait_for(lambda: len(server.remote.accepted) == 40, "released mail to go")
        assert held(running) == []


def test_observes_without_holding(server, port, tmp_path):
    with guard(tmp_path / "g", *options(server), port=port) as running:
        burst(server, VICTIM, 120, 40)
        wait_for(lambda: len(server.remote.accepted) == 120, "all mail to go")
        (entry,) = held(running)
        assert entry["user"] == VICTIM
        assert entry["mode"] == "observe"
        assert entry["messages"] >= 80
        assert not on_hold(server)
        wait_for(lambda: list(running.mails.glob("*.eml")), "the mail")


def test_who_was_held_is_held_after_a_kill_and_mail_goes_on_meanwhile(server, port, tmp_path):
    with guard(tmp_path / "g", "--mode", "hold", *options(server), port=port) as running:
        burst(server, VICTIM, 100, 25)
        before = held(running)
        assert before[0]["messages"] >= 60
        running.kill()
        server.submit("victim@example.org", ["away@example.net"], user=VICTIM, password="secret")
        wait_for(
            lambda: ("victim@example.org", ["away@example.net"]) in server.remote.accepted, "away"
        )
        running.start()
        server.submit("victim@example.org", ["back@example.net"], user=VICTIM, password="secret")
        (entry,) = held(running)
        assert entry["messages"] == before[0]["messages"] + 1
        wait_for(lambda: len(on_hold(server)) == entry["messages"], "all to lie on hold")


def test_a_running_guard_notices_hold_and_release_by_hand(server, port, tmp_path):
    with guard(tmp_path / "g", *options(server), port=port) as running:
        run("hold", running, BOB, "--for", "2h", *options(server))
        server.submit(
            "bob@example.org", ["one@example.net"], user="bob@example.org", password="secret"
        )
        assert len(on_hold(server)) == 1
        (entry,) = held(running)
        assert (entry["user"], entry["messages"], entry["by"]) == (BOB, 1, "hand")
        run("release", running, BOB, *options(server))
        wait_for(lambda: len(server.remote.accepted) == 1, "the mail to go")
        server.submit(
            "bob@example.org", ["two@example.net"], user="bob@example.org", password="secret"
        )
        wait_for(lambda: len(server.remote.accepted) == 2, "the second to go")


def test_puts_on_hold_by_hand_what_is_queued_without_a_guard(server, tmp_path):
    server.command("postconf", "-e", "defer_transports=smtp")
    server.command("postfix", "reload")
    try:
        for user in (BOB, VICTIM):
            server.submit(user, ["x@example.net"], user=user, password="secret", client="192.0.2.7")
        server.submit("app@example.org", ["y@example.net"])
        folder = tmp_path / "g"
        folder.mkdir()
        config = folder / "bmtick.toml"
        config.write_text(f'[guard]\nstate = "{folder}/guard.state"\n')

        class Settings:
            pass

        Settings.config = config
        run("hold", Settings, "Bob@Example.org", *options(server))
        (entry,) = held(Settings)
        assert entry["messages"] == len(on_hold(server)) == 1
        run("hold", Settings, "127.0.0.1", *options(server))
        assert len(on_hold(server)) == 2
        run("release", Settings, BOB, *options(server))
        run("release", Settings, "127.0.0.1", *options(server))
        assert not on_hold(server)
        assert "nobody holds" in run("release", Settings, BOB, *options(server), status=2).stderr
    finally:
        server.command("postconf", "-X", "defer_transports")
        server.command("postfix", "reload")


def test_puts_on_hold_what_one_system_user_queued_whatever_it_writes_as(server, tmp_path):
    server.command("postconf", "-e", "defer_transports=smtp")
    server.command("postfix", "reload")
    try:
        submit_by_sendmail(server, (33, "a@b.example"), (33, "c@d.example"), (34, "a@b.example"))
        wait_for(lambda: len(server.queue()) == 3, "pickup")
        folder = tmp_path / "g"
        folder.mkdir()
        config = folder / "bmtick.toml"
        config.write_text(f'[guard]\nstate = "{folder}/guard.state"\n')

        class Settings:
            pass

        Settings.config = config
        run("hold", Settings, "sendmail:uid=33", *options(server))
        (entry,) = held(Settings)
        assert (entry["sender"], entry["messages"]) == ("uid=33", 2)
        assert {m["sender"] for m in server.queue() if m["queue_name"] != "hold"} == {"a@b.example"}
        run("release", Settings, "sendmail:uid=33", *options(server))
        assert not on_hold(server)
    finally:
        server.command("postconf", "-X", "defer_transports")
        server.command("postfix", "reload")


def submit_by_sendmail(server, *messages):
    """Submit as system users do: pickup takes the owner of the file as the user."""
    from tests.support.servers import find_program

    maildrop = server.queue_directory / "maildrop"
    server.command("postconf", "-M#", "pickup/unix")
    server.command("postfix", "reload")
    for uid, sender in messages:
        before = set(maildrop.iterdir())
        subprocess.run(
            [
                *(find_program("sendmail"), "-C", str(server.config_directory)),
                *("-f", sender, "x@example.net"),
            ],
            input=b"Subject: spam\nReceived: by x (Postfix, from userid 34)\n\nbuy\n",
            env={**os.environ, "MAIL_CONFIG": str(server.config_directory)},
            check=True,
        )
        (new,) = set(maildrop.iterdir()) - before
        os.chown(new, uid, -1)
    server.command("postconf", "-M", "pickup/unix=pickup unix n - n 60 1 pickup")
    server.command("postfix", "reload")


def test_holds_what_a_program_sends_by_sendmail_before_it_is_delivered(server, port, tmp_path):
    """By the sender, which Postfix says, and by the system user, whom only the log says."""
    arguments = ("--mode", "hold", "--log", str(server.log), *options(server))
    with guard(tmp_path / "g", *arguments, port=port) as running:
        run("hold", running, "sendmail:uid=33", *options(server))
        run("hold", running, "sendmail:c@d.example", *options(server))
        messages = [(33, f"v{n}@b.example") for n in range(20)]
        submit_by_sendmail(server, *messages, (34, "c@d.example"), (34, "a@b.example"))
        sent = server.remote.accepted
        wait_for(lambda: len(on_hold(server)) == 21 and len(sent) == 1, "all to be decided")
        assert sent == [("a@b.example", ["x@example.net"])]
        assert {m["messages"] for m in held(running)} == {1, 20}
        run("release", running, "sendmail:uid=33", *options(server))
        wait_for(lambda: len(sent) == 21, "the released mail to go")
        running.kill()
        submit_by_sendmail(server, (34, "c@d.example"))
        wait_for(lambda: ("c@d.example", ["x@example.net"]) in sent, "mail without a guard")


def examined(running, server, port):
    text = running.config.read_text()
    if "listen" not in text:
        running.config.write_text(f'{text}listen = "inet:127.0.0.1:{port}"\n')
    context = Context(load(str(running.config)), time.time(), None, None, None, None)
    context.programs = Programs(str(server.config_directory))
    return {found.name.removeprefix("guard: "): found for found in check.run(context)}


def mend(remedy, running, server):
    """Run a remedy as an administrator would paste it."""
    folder = running.config.parent / "bin"
    folder.mkdir(exist_ok=True)
    (folder / "bmtick").write_text(f'#!/bin/sh\nexec {sys.executable} -m bmtick "$@"\n')
    (folder / "bmtick").chmod(0o755)
    environment = os.environ | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "MAIL_CONFIG": str(server.config_directory),
        "BMTICK_CONFIG": str(running.config),
    }
    subprocess.run(["bash", "-c", remedy], env=environment, cwd=ROOT, check=True)


def status(found):
    return {name: one.status for name, one in found.items()}


def test_the_doctor_sees_a_guard_that_is_well_and_each_fault(server, port, tmp_path):
    names = ("postfix asks it", "mail by sendmail", "mail without it", "answers", "decisions")
    well = dict.fromkeys(names, "ok")
    with guard(tmp_path / "g", *options(server), port=port) as running:
        assert status(examined(running, server, port)) == well
        run("hold", running, BOB, *options(server))
        server.submit(BOB, ["x@example.net"], user=BOB, password="secret")
        found = examined(running, server, port)
        assert status(found) == well
        assert "1 messages of 1" in found["decisions"].finding

        (queue_id,) = on_hold(server)
        server.command("postconf", "-e", "defer_transports=smtp")
        server.command("postfix", "reload")
        server.command("postsuper", "-H", queue_id)
        server.command("postconf", "-X", "defer_transports")
        found = examined(running, server, port)["decisions"]
        assert found.status == "broken"
        assert f"postsuper -h {queue_id}" in found.remedy

        for name, value, broken in (
            ("smtpd_policy_service_default_action", "451 4.3.5 no", "mail without it"),
            ("smtpd_policy_service_timeout", "100s", "mail without it"),
            ("non_smtpd_milters", f"inet:127.0.0.1:{port}", "mail by sendmail"),
            ("non_smtpd_milters", "inet:127.0.0.1:2500", "mail by sendmail"),
            (
                "smtpd_end_of_data_restrictions",
                "check_policy_service inet:127.0.0.1:1",
                "postfix asks it",
            ),
        ):
            server.command("postconf", "-e", f"{name}={value}")
            red = examined(running, server, port)[broken]
            assert red.status == "broken"
            mend(red.remedy, running, server)
            assert status(examined(running, server, port))[broken] == "ok", red
        service = f"{server.host}:{server.submission_port}/inet"
        server.command("postconf", "-P", f"{service}/smtpd_end_of_data_restrictions=permit")
        red = examined(running, server, port)["postfix asks it"]
        assert f"{service} overrides" in red.finding
        mend(red.remedy, running, server)
        assert status(examined(running, server, port))["postfix asks it"] == "ok"
    found = examined(running, server, port)["answers"]
    assert (found.status, found.remedy) == ("broken", "systemctl start bmtick-guard")


@pytest.mark.parametrize(
    ("answer", "delay", "said"),
    [(b"220 hello\r\n", 0, "another program"), (b"action=DUNNO\n\n", 0.1, "answers after 1")],
)
def test_the_doctor_sees_who_answers_wrongly_or_late(answer, delay, said):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                time.sleep(delay)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        found = check._answers(f"inet:127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert found.status == "broken"
    assert said in found.finding


def test_the_lines_for_postfix_keep_what_is_there_and_take_it_back(server, port, tmp_path):
    """They are carried out as they are printed."""
    import shlex

    config = server.config_directory / "main.cf"
    names = [
        "smtpd_end_of_data_restrictions",
        "smtpd_policy_service_default_action",
        "smtpd_policy_service_timeout",
        "smtpd_policy_service_try_limit",
        "non_smtpd_milters",
    ]
    original = config.read_text()
    server.command("postconf", "-X", *names[1:-1])
    server.command("postconf", "-e", f"{names[-1]}=inet:127.0.0.1:2500")
    server.command("postconf", "-e", f"{names[0]}=reject_unauth_pipelining, permit_mynetworks")
    before = {name: server.command("postconf", "-h", name) for name in names}
    printed = CliRunner().invoke(cli, ["guard", "--print-postfix", *options(server)])
    there, _, back = printed.output.partition("# To take it back:")

    def carry_out(text):
        for line in text.splitlines():
            if line.startswith(("postconf", "postfix")):
                subprocess.run(shlex.split(line), check=True, capture_output=True)

    carry_out(there)
    asked = server.command("postconf", "-h", names[0]).strip()
    assert asked == (
        "reject_unauth_pipelining, permit_mynetworks, check_policy_service inet:127.0.0.1:10040"
    )
    assert server.command("postconf", "-h", names[1]).strip() == "DUNNO"
    milters = server.command("postconf", "-h", names[-1]).strip()
    assert milters.startswith("inet:127.0.0.1:2500, { inet:127.0.0.1:10040, connect_timeout=1s,")
    again = CliRunner().invoke(cli, ["guard", "--print-postfix", *options(server)])
    assert milters in again.output
    assert asked in again.output  # not twice
    assert asked + ", check" not in again.output
    carry_out(back)
    assert {name: server.command("postconf", "-h", name) for name in names} == before
    config.write_text(original)
    server.command("postfix", "reload")
