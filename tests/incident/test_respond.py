"""The response: who is meant, what is shown, what is run; bm-cli is played by a small program."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bmtick.cli.root import cli
from bmtick.collect.postqueue import QueueEntry, Recipient
from bmtick.errors import BmtickError
from bmtick.incident.account import Account
from bmtick.incident.origin import Origin
from bmtick.incident.programs import Programs
from bmtick.incident.queue_files import checked_id, parse_envelopes
from bmtick.incident.response.actions import random_password
from bmtick.incident.response.copies import new_folder, quoted_address
from bmtick.incident.response.journal import Journal, held_by_bmtick
from bmtick.incident.response.plan import make_plan
from bmtick.incident.response.selection import Selection, select
from bmtick.incident.response.target import Target
from tests.support.postfix import postfix
from tests.support.servers import wait_for

USER = "login@domain.net"


def entry(queue_id="A1B2C3D4", sender=USER, queue="deferred"):
    return QueueEntry(queue_id, queue, 0, 1, sender, (Recipient("x@example.net", ""),))


def judged(sender, origin, *, aliases=(), by_sender=True):
    target = Target(Account(USER, aliases), by_sender=by_sender)
    origins = {"A1B2C3D4": origin} if origin else {}
    selection = select([entry(sender=sender)], origins, target, lambda c: c.startswith("10."))
    return bool(selection.matches), [reason for _, reason in selection.spared]


@pytest.mark.parametrize(
    ("sender", "origin", "taken"),
    [
        ("anybody@forged.example", Origin(USER, "1.2.3.4"), True),
        (USER, Origin(USER, "1.2.3.4"), True),
        ("x@y.example", Origin("LOGIN@Domain.NET", "1.2.3.4"), True),
        (USER, Origin("other@domain.net", "1.2.3.4"), False),
        (USER, Origin("xlogin@domain.net", "1.2.3.4"), False),
        (USER, Origin("login@domain.network", "1.2.3.4"), False),
        (USER, Origin("login", "1.2.3.4"), False),
        (USER, Origin("", "198.51.100.7"), False),  # forged from outside
        (USER, Origin("", "10.0.0.1"), True),  # webmail, a trusted machine
        (USER, Origin("", ""), True),  # this machine itself
        (USER, None, True),
        ("x" + USER, None, False),
        (USER + ".uk", None, False),
        ("login@domainXnet", None, False),
        ('"login"@domain.net', None, True),
        ("MAILER-DAEMON", None, False),
        ("", Origin("", "10.0.0.1"), False),
    ],
)
def test_exact_names_decide(sender, origin, taken):
    assert judged(sender, origin)[0] is taken


def test_what_only_looks_like_the_account_is_spared_and_said():
    assert judged(USER, Origin("other@domain.net", "1.2.3.4")) == (
        False,
        ["sender forged: another login"],
    )
    assert judged(USER, Origin("", "198.51.100.7"))[1] == ["sender forged: from outside, no login"]
    assert judged(USER, None, by_sender=False) == (False, ["sender"])


def test_alias_is_another_name_of_the_account():
    assert judged("x@y.example", Origin("login", "1.2.3.4"), aliases=("login",))[0]


@given(st.text(min_size=1), st.text(min_size=1))
def test_only_equal_names_match(name, other):
    account = Account(name)
    assert account.is_login(name)
    if name.lower() != other.lower() and '"' not in name + other:
        assert not account.is_login(other)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        (USER, USER),
        ("login", None),  # bm-cli could take it for a domain
        ("all", None),  # bm-cli: every user of every domain
        ("domain.net", None),
        ("-rf@domain.net", None),
        ("@domain.net", None),  # picocli: a file of arguments
        ("a b@domain.net", None),
        ("$(id)@domain.net", None),
        ("login@domain.net ", None),
    ],
)
def test_bm_cli_is_only_given_one_plain_address(name, target):
    assert Account(name).cli_target() == target


@pytest.mark.parametrize(
    ("address", "quoted"),
    [
        ("a@b.example", "a@b.example"),
        ("a b@b.example", '"a b"@b.example'),
        ('a"b\\c@b.example', '"a\\"b\\\\c"@b.example'),
        ("a..b@b.example", '"a..b"@b.example'),
        ("a@c@b.example", '"a@c"@b.example'),
        ("$(id);@b.example", '"$(id);"@b.example'),
        ("", ""),
        ("local", "local"),
    ],
)
def test_addresses_leave_in_the_form_of_mail(address, quoted):
    assert quoted_address(address) == quoted


@pytest.mark.parametrize("bad", ["", "-h", "ALL", "../x", "A1B2C3 D4", "A1B2C3D4\n", "A;B12345"])
def test_nothing_but_a_queue_id_is_one(bad):
    if bad == "ALL":  # postsuper would take it for all messages; too short for an id
        assert len(bad) < 6
    with pytest.raises(BmtickError):
        checked_id(bad)


def test_envelope_is_not_fooled_by_its_own_text():
    text = (
        "*** ENVELOPE RECORDS deferred/A/A1B2C3D4 ***\n"
        "message_size:       341        660      1       0       341        0\n"
        "message_arrival_time: Tue Nov 24 02:50:38 2026\n"
        "named_attribute: sasl_username=john doe=x\n"
        "named_attribute: helo_name=x sasl_username=victim\n"
        "named_attribute: sasl_username=second\n"
        "sender: \n"
        "original_recipient: a@b\n"
        "recipient: a b@example.net\n"
        "done_recipient: c@example.net\n"
        "*** MESSAGE CONTENTS deferred/A/A1B2C3D4 ***\n"
        "sender: forged@example.org\n"
    )
    (envelope,) = parse_envelopes(text)
    assert envelope.queue_id == "A1B2C3D4"
    assert (envelope.sender, envelope.size) == ("", 341)
    assert (envelope.pending, envelope.done) == (["a b@example.net"], ["c@example.net"])
    assert envelope.origin.user == "john doe=x"


def test_password_suits_any_policy_and_argument_file():
    for _ in range(50):
        password = random_password()
        assert len(password) == 32
        assert not set(password) & set("\"'#@\\ $")


def test_journal_is_private_and_survives_a_cut_line(tmp_path):
    journal = Journal(tmp_path / "incidents")
    first = journal.begin(f"user {USER}", "hold", {"A1B2C3": 7})
    journal.write(first, f"user {USER}", "hold", "end", ids=["A1B2C3"])
    with journal.path.open("a") as file:
        file.write('{"user": "login@dom')
    journal.begin("client 192.0.2.7", "hold", {"D4E5F6": 8})
    one, other = journal.operations()
    assert (one.who, one.ended, one.done) == (f"user {USER}", True, {"A1B2C3"})
    assert (other.who, other.ended) == ("client 192.0.2.7", False)
    assert held_by_bmtick([one, other]) == {"A1B2C3": 7, "D4E5F6": 8}
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.folder.stat().st_mode) == 0o700
    journal.folder.chmod(0o755)
    with pytest.raises(BmtickError, match="others can enter"):
        journal.begin(USER, "hold", {})


def test_journal_of_an_older_version_is_read(tmp_path):
    journal = Journal(tmp_path)
    tmp_path.chmod(0o700)
    line = {"time": "2026-06-01T00:00:00+00:00", "user": "Login@domain.net", "step": "hold"}
    journal.path.write_text(
        json.dumps({**line, "phase": "begin", "ids": ["A1B2C3", "B1B2C3"], "commands": []})
        + "\n"
        + json.dumps({**line, "phase": "end", "ids": ["A1B2C3"], "ok": True})
        + "\n"
    )
    (operation,) = journal.operations()
    assert operation.who == f"user {USER}"
    assert (operation.ended, operation.done) == (True, {"A1B2C3"})
    assert set(held_by_bmtick([operation])) == {"A1B2C3"}


@pytest.mark.parametrize("name", ["../../etc", "-rf", "a/b\x00c", "." * 80, "\u00e9\n"])
def test_folder_names_are_harmless(tmp_path, name):
    from datetime import UTC, datetime

    now = datetime(2026, 6, 1, tzinfo=UTC)
    first = new_folder(tmp_path, name, now)
    first.mkdir()
    second = new_folder(tmp_path, name, now)
    assert first.parent == second.parent == tmp_path
    assert first != second
    assert first.name.startswith("20260601T000000Z-")


def test_shown_commands_are_quoted_for_the_shell():
    account = Account("a'; rm -rf /;'@example.org")
    selection = Selection(
        tuple(select([entry(sender=account.name)], {}, Target(account)).matches), (), 1
    )
    plan = make_plan(Target(account), selection, programs=Programs("/etc/post fix"))
    shown = plan.step("hold").commands[0].shown()
    assert shown == "printf '%s\\n' A1B2C3D4 | postsuper -c '/etc/post fix' -h -"
    assert plan.step("password").by_hand


FAKE_CLI = """#!{python}
import json, os, sys
record = {{"arguments": sys.argv[1:], "seen": open("/proc/self/cmdline").read().split(chr(0))}}
for word in sys.argv[1:]:
    if word.startswith("@"):
        record["mode"] = oct(os.stat(word[1:]).st_mode & 0o777)
        record["file"] = open(word[1:]).read()
        record["at"] = os.readlink(word[1:])
open(r"{record}", "a").write(json.dumps(record) + "\\n")
sys.exit({status})
"""


@pytest.fixture
def bm_cli(tmp_path, monkeypatch):
    """A bm-cli that records what it was told; returns where, and how to make it fail."""
    record = tmp_path / "bm-cli.jsonl"

    def install(status=0):
        path = tmp_path / "bin" / "bm-cli"
        path.parent.mkdir(exist_ok=True)
        path.write_text(FAKE_CLI.format(python=sys.executable, record=record, status=status))
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
        return record

    return install


@pytest.fixture(scope="module")
def server():
    users = {
        "alice@example.org": "pw",
        "john doe@example.org": "pw",
        "o'x\"$(id)`@example.org": "pw",
    }
    settings = {"defer_transports": "smtp, lmtp"}
    with postfix(users=users, networks="127.0.0.0/8", settings=settings, long_ids=False) as running:
        yield running


def submit(server, user, count=3):
    before = len(server.queue())
    with server.connect(user=user, password="pw", client="203.0.113.5") as session:
        for number in range(count):
            server.submit("x@forged.example", [f"r{number}@example.net"], session=session)
    wait_for(
        lambda: sum(m["queue_name"] != "active" for m in server.queue()) == before + count, "mail"
    )


def respond(server, folder, user, *arguments, status=0, **more):
    words = ["respond", "--config-dir", str(server.config_directory), "--folder", str(folder)]
    words += ["--log", more.get("log", str(server.log)), "--format", "json", *arguments, "--", user]
    result = CliRunner().invoke(cli, words, input=more.get("input"))
    assert result.exit_code == status, result.output
    return json.loads(result.stdout) if status != 2 else result.stderr


@pytest.mark.parametrize("user", ["john doe@example.org", "o'x\"$(id)`@example.org"])
def test_hostile_logins_with_short_ids_hold_release_delete(server, tmp_path, user):
    submit(server, user)
    submit(server, "alice@example.org", 2)
    folder = tmp_path / "i"
    everything = {m["queue_id"] for m in server.queue()}
    held = set(respond(server, folder, user, "--do", "hold")["done"]["hold"]["queue_ids"])
    assert len(held) == 3
    assert {m["queue_id"] for m in server.queue() if m["queue_name"] == "hold"} == held
    assert "--yes" in respond(server, folder, user, "--do", "release", status=2)
    released = respond(server, folder, user, "--undo", "--yes")["done"]["release"]
    assert set(released["queue_ids"]) == held
    assert not [m for m in server.queue() if m["queue_name"] == "hold"]
    # Not on hold: nothing is deleted.
    nothing = respond(server, folder, user, "--do", "delete", "--yes")["done"]["delete"]
    assert nothing["queue_ids"] == []
    assert {m["queue_id"] for m in server.queue()} == everything
    both = respond(server, folder, user, "--do", "hold", "--do", "delete", "--yes")["done"]
    assert set(both["delete"]["queue_ids"]) == held
    assert {m["queue_id"] for m in server.queue()} == everything - held
    for queue_id in everything - held:
        server.command("postsuper", "-d", queue_id)


def test_without_a_log_the_queue_file_tells_the_login(server, tmp_path):
    submit(server, "alice@example.org")
    empty = tmp_path / "gone.log"
    plan = respond(server, tmp_path / "i", "alice@example.org", log=str(empty))
    assert [m["reason"] for m in plan["matched"]] == ["login (queue file)"] * 3
    assert any("log tells nothing" in w for w in plan["warnings"])
    server.command("postsuper", "-d", "ALL")


def test_lookalike_logins_are_pointed_out(server, tmp_path):
    submit(server, "alice@example.org", 1)
    said = respond(server, tmp_path / "i", "alice@example.net", status=2)
    assert "did you mean 'alice@example.org'?" in said
    plan = respond(server, tmp_path / "i", "alice@example.net", "--force")
    assert plan["matched"] == []
    assert any("'alice@example.org'" in w and "--alias" in w for w in plan["warnings"])
    plan = respond(server, tmp_path / "i", "alice@example.net", "--alias", "alice@example.org")
    assert len(plan["matched"]) == 1
    server.command("postsuper", "-d", "ALL")


@pytest.mark.parametrize("user", ["-h", "--yes", "-rf@example.org", "", "a\nb"])
def test_strange_names_match_nothing_and_break_nothing(server, tmp_path, user):
    if not user:
        assert "empty" in respond(server, tmp_path / "i", user, status=2)
        return
    submit(server, "alice@example.org", 1)
    assert "no login" in respond(server, tmp_path / "i", user, status=2)
    assert respond(server, tmp_path / "i", user, "--force")["matched"] == []
    server.command("postsuper", "-d", "ALL")


def test_password_reaches_bm_cli_in_memory_only(server, tmp_path, bm_cli):
    record = bm_cli()
    folder = tmp_path / "i"
    words = ("--do", "password", "--do", "lock", "--do", "sessions", "--yes")
    done = respond(server, folder, "alice@example.org", *words)["done"]
    assert all(done[step]["ok"] for step in ("password", "lock", "sessions"))
    update, lock, logout = [json.loads(x) for x in record.read_text().splitlines()]
    assert lock["arguments"][2:] == ["alice@example.org", "--set-password-must-change"]
    assert update["arguments"][:3] == ["user", "update", "alice@example.org"]
    assert update["mode"] == "0o600"
    secret = update["file"].strip().removeprefix("--password=")
    assert len(secret) == 32
    assert not any(secret in word for word in update["seen"])
    assert logout["arguments"] == ["user", "logout", "--email", "alice@example.org"]
    assert "memfd" in update["at"]  # never on disk, where others may rename or replace it
    assert secret not in (folder / "audit.jsonl").read_text()
    assert {p.name for p in folder.iterdir()} == {"audit.jsonl", "lock"}


def test_bm_cli_that_fails_is_a_finding(server, tmp_path, bm_cli):
    record = bm_cli(status=51)
    words = ("--do", "sessions", "--yes")
    done = respond(server, tmp_path / "i", "alice@example.org", *words, status=1)["done"]
    assert not done["sessions"]["ok"]
    tried = [json.loads(x)["arguments"] for x in record.read_text().splitlines()]
    # Both forms: of BlueMind 5, and of older ones.
    assert tried == [
        ["user", "logout", "--email", "alice@example.org"],
        ["user", "logout", "alice@example.org"],
    ]


def test_without_bm_cli_it_says_what_to_do_by_hand(server, tmp_path):
    plan = respond(server, tmp_path / "i", "alice@example.org")
    steps = {s["name"]: s for s in plan["steps"]}
    assert "console" in steps["password"]["by_hand"]
    assert "LDAP" in steps["password"]["by_hand"]
    message = respond(
        server, tmp_path / "i", "alice@example.org", "--do", "password", "--yes", status=2
    )
    assert "set a new password" in message
    assert not (tmp_path / "i").exists()


def test_dry_run_shows_exact_commands_and_changes_nothing(server, tmp_path):
    submit(server, "alice@example.org")
    words = ["respond", "--config-dir", str(server.config_directory), "--log", str(server.log)]
    words += ["--folder", str(tmp_path / "i"), "alice@example.org"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0
    assert "3 of 3 queued messages, 0 of them on hold" in result.output
    assert f"| postsuper -c {server.config_directory} -h -" in result.output
    assert "Nothing is done without --do STEP." in result.output
    assert not (tmp_path / "i").exists()
    assert not [m for m in server.queue() if m["queue_name"] == "hold"]
    asked = CliRunner().invoke(cli, [*words, "--interactive"], input="y\nn\nn\n")
    assert "3 messages on hold" in asked.output
    assert len(server.queue()) == 3
    server.command("postsuper", "-d", "ALL")


def test_nothing_to_take_back(server, tmp_path):
    assert "nothing to take back" in respond(server, tmp_path / "i", USER, "--undo", status=2)


def test_no_postfix_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("bmtick.incident.programs._ADMIN_PATH", str(tmp_path))
    result = CliRunner().invoke(cli, ["respond", "x", "--folder", str(tmp_path / "i")])
    assert result.exit_code == 2
    assert "there is no program 'postqueue'" in result.stderr
    assert not Path(tmp_path / "i").exists()
