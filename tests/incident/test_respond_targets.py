"""A response to a machine, to a part of the queue, and to sessions that are open now."""

import json
import smtplib

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.collect.clock import LogClock
from bmtick.collect.postqueue import QueueEntry, Recipient
from bmtick.errors import BmtickError
from bmtick.incident.account import Account
from bmtick.incident.origin import Origin
from bmtick.incident.programs import Programs
from bmtick.incident.response.names import full_addresses
from bmtick.incident.response.plan import make_plan
from bmtick.incident.response.recovery import removals
from bmtick.incident.response.selection import Selection, select
from bmtick.incident.response.smtp_sessions import update_sessions
from bmtick.incident.response.target import Target, client_network
from tests.support.postfix import postfix
from tests.support.servers import wait_for

ERP, OTHER = "192.0.2.111", "192.0.2.112"
USERS = ("alice@example.org", "bob@example.org", "admin")


@pytest.fixture(scope="module")
def server():
    users = dict.fromkeys((*USERS[:2], "admin@example.org"), "pw")
    settings = {"defer_transports": "smtp, lmtp"}
    with postfix(users=users, networks=f"127.0.0.0/8 {ERP} 192.0.2.112/29", settings=settings) as s:
        yield s


@pytest.fixture
def empty(server):
    yield server
    server.command("postsuper", "-d", "ALL")


def submit(server, count=2, sender="x@forged.example", to="example.net", **options):
    before = len(server.queue())
    with server.connect(**options) as session:
        for number in range(count):
            server.submit(sender, [f"r{number}@{to}"], session=session)
    wait_for(
        lambda: sum(m["queue_name"] != "active" for m in server.queue()) == before + count, "mail"
    )


def respond(server, folder, *arguments, status=0):
    words = ["respond", "--config-dir", str(server.config_directory), "--folder", str(folder)]
    words += ["--log", str(server.log), "--format", "json", *arguments]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == status, result.output
    return json.loads(result.stdout) if status != 2 else result.stderr


def ids(server, queue):
    return {m["queue_id"] for m in server.queue() if m["queue_name"] == queue}


def test_a_machines_mail_is_held_deleted_and_restored_but_nobody_elses(empty, tmp_path):
    server = empty
    submit(server, 3, client=ERP)
    theirs = {m["queue_id"] for m in server.queue()}
    submit(server, client=OTHER)
    submit(server, client=ERP, user="alice@example.org", password="pw")
    everything = {m["queue_id"] for m in server.queue()}

    plan = respond(server, tmp_path / "i", "--client", ERP)
    assert (plan["client"], plan["user"]) == (ERP, None)
    assert {m["queue_id"] for m in plan["matched"]} == theirs
    assert [s["reason"] for s in plan["spared"]] == ["from this client, with a login"] * 2
    names = [s["name"] for s in plan["steps"]]
    assert names[:3] == ["networks", "firewall", "connections"]
    assert "password" not in names

    do = ("--client", ERP, "--do")
    assert set(respond(server, tmp_path / "i", *do, "hold")["done"]["hold"]["queue_ids"]) == theirs
    assert ids(server, "hold") == theirs
    respond(server, tmp_path / "i", *do, "delete", "--yes")
    assert {m["queue_id"] for m in server.queue()} == everything - theirs
    # Another target has nothing to take back.
    said = respond(server, tmp_path / "i", "--client", OTHER, "--undo", "--yes", status=2)
    assert "nothing to take back" in said
    respond(server, tmp_path / "i", "--client", ERP, "--undo", "--yes")
    wait_for(lambda: len(server.queue()) == len(everything), "the restored mail")
    back = [m for m in server.queue() if m["queue_id"] not in everything]
    assert sorted(m["recipients"][0]["address"] for m in back) == [
        f"r{n}@example.net" for n in range(3)
    ]
    # It is still known where it came from.
    assert len(respond(server, tmp_path / "i", "--client", ERP)["matched"]) == 3
    assert "no step 'password'" in respond(server, tmp_path / "i", *do, "password", status=2)


def test_console_and_firewall_lines_of_a_machine(server, tmp_path):
    steps = {s["name"]: s for s in respond(server, tmp_path / "i", "--client", ERP)["steps"]}
    said = steps["networks"]["by_hand"]
    assert f"remove {ERP} from 'My networks'" in said
    assert "postconf -e 'mynetworks = 127.0.0.0/8 192.0.2.112/29' && postfix reload" in said
    assert "mynetworks = 127.0.0.0/8 192.0.2.111 192.0.2.112/29" in steps["networks"]["undo"]
    rule = f"INPUT -s {ERP} -p tcp -m multiport --dports 25,465,587 -j DROP"
    assert steps["firewall"]["by_hand"] == f"iptables -I {rule}"
    assert steps["firewall"]["undo"] == f"iptables -D {rule}"
    steps = {s["name"]: s for s in respond(server, tmp_path / "i", "--client", OTHER)["steps"]}
    assert "replace 192.0.2.112/29" in steps["networks"]["by_hand"]
    assert f"mynetworks = !{OTHER} 127.0.0.0/8" in steps["networks"]["by_hand"]
    steps = {s["name"]: s for s in respond(server, tmp_path / "i", "--client", "::1")["steps"]}
    assert "the server itself" in steps["firewall"]["nothing_to_do"]
    assert "does not trust it" in steps["networks"]["nothing_to_do"]
    # Its own entry alone is not all that trusts it.
    target = Target(client=client_network("10.0.0.7"))
    both = make_plan(
        target, Selection(()), programs=Programs(), mynetworks="10.0.0.7, 10.0.0.0/8"
    ).step("networks")
    assert "replace 10.0.0.0/8" in both.by_hand
    assert "'mynetworks = !10.0.0.7 10.0.0.0/8'" in both.by_hand


@pytest.mark.parametrize("text", ["", "alice", "192.0.2.0/24", "1.2.3", "-h", "::1/128"])
def test_what_is_no_machine_is_refused(text):
    with pytest.raises(BmtickError, match="not the address of a machine"):
        client_network(text)


def test_an_ipv6_machine_is_its_64():
    target = Target(client=client_network("2001:DB8::7"))
    assert target.key == "client 2001:db8::/64"
    entries = [
        QueueEntry(i, "active", 0, 1, "a@b.example", (Recipient("x@y.example", ""),))
        for i in ("A1B2C3", "B1B2C3")
    ]
    origins = {"A1B2C3": Origin("", "2001:db8::ffff:1"), "B1B2C3": Origin("", "2001:db8:0:1::7")}
    assert select(entries, origins, target).ids == ["A1B2C3"]
    plan = make_plan(target, Selection(()), programs=Programs(), mynetworks="[2001:db8::]/64 ::1")
    assert "mynetworks = ::1'" in plan.step("networks").by_hand
    assert plan.step("firewall").by_hand.startswith("ip6tables -I INPUT -s 2001:db8::/64 ")


def test_filters_of_the_queue_hold_and_release(empty, tmp_path):
    server = empty
    submit(server, 2, sender="news@forged.example", client=ERP)
    submit(server, 2, client=ERP, to="freemail.example")
    submit(server, 1, sender="news@forged.example", user="bob@example.org", password="pw")
    chosen = ("--sender", "news@forged.example", "--domain", "example.net")
    done = respond(server, tmp_path / "i", *chosen, "--do", "hold")
    assert done["filter"] == "sender='news@forged.example' domain='example.net'"
    assert len(done["done"]["hold"]["queue_ids"]) == len(ids(server, "hold")) == 3
    respond(server, tmp_path / "i", *chosen, "--undo", "--yes")
    assert not ids(server, "hold")
    # A filter restricts what an account or a machine means.
    both = respond(server, tmp_path / "i", "bob@example.org", "--reason", "no such reason")
    assert both["matched"] == []
    machine = respond(server, tmp_path / "i", "--client", ERP, "--domain", "freemail.example")
    assert len(machine["matched"]) == 2
    assert "nobody is named" in respond(server, tmp_path / "i", status=2)
    assert "two targets" in respond(server, tmp_path / "i", "bob", "--client", ERP, status=2)


def test_running_sessions_end_and_the_service_goes_on(empty, tmp_path):
    server = empty
    mine = server.connect(user="alice@example.org", password="pw", client="203.0.113.5")
    others = server.connect(user="bob@example.org", password="pw", client="203.0.113.5")
    for session in (mine, others):
        server.submit("x@forged.example", ["a@example.net"], session=session)
    # The log is written with some delay.
    server.wait_for_line("sasl_username=bob@example.org")
    plan = respond(server, tmp_path / "i", "ALICE@example.org")
    assert [c["client"] for c in plan["connections"]] == ["127.0.0.1"]
    done = respond(server, tmp_path / "i", "ALICE@example.org", "--do", "connections", "--yes")
    assert done["done"]["connections"]["message"] == "1 SMTP session ended"
    with pytest.raises(smtplib.SMTPServerDisconnected):
        mine.noop()
    assert others.noop()[0] == 250
    others.quit()
    server.wait_for_line("disconnect from")
    assert not any("throttling" in line for line in server.lines())
    wait_for(
        lambda: not respond(server, tmp_path / "i", "alice@example.org")["connections"], "the end"
    )


def test_sessions_are_followed_in_the_log():
    lines = b"""\
Jun  1 10:00:00 mx postfix/smtpd[7]: connect from a.example[192.0.2.1]
Jun  1 10:00:01 mx postfix/smtpd[7]: 3F1A2B: client=a.example[192.0.2.1], sasl_method=PLAIN, sasl_username=x, y
Jun  1 10:00:02 mx postfix/submission/smtpd[8]: connect from unknown[2001:db8::1]
Jun  1 10:00:03 mx postfix/smtpd[9]: connect from b.example[192.0.2.3]
Jun  1 10:00:04 mx postfix/smtpd[9]: disconnect from b.example[192.0.2.3] ehlo=1 quit=1 commands=2
Jun  1 10:00:05 mx postfix/smtpd[8]: disconnect from unknown[2001:db8::1] commands=0/0
Jun  1 10:00:06 mx postfix/smtpd[8]: connect from c.example[192.0.2.4]
Jun  1 10:00:07 mx postfix/cleanup[10]: 3F1A2C: message-id=<smtpd[11]: connect from d.example[192.0.2.5]>
"""
    found = {}
    update_sessions(lines.splitlines(keepends=True), LogClock(1_780_000_000), found)
    assert {pid: (s.peer, set(s.logins)) for pid, s in found.items()} == {
        7: ("192.0.2.1", {"x, y"}),
        8: ("192.0.2.4", set()),
    }


def test_a_bare_login_finds_its_address():
    logins = ("admin", "Admin@example.org", "badmin@example.org", "bob@example.com")
    assert full_addresses("ADMIN", logins, ["example.com"]) == ["admin@example.org"]
    assert full_addresses("admin", ("admin",), ["Example.com"]) == ["admin@example.com"]
    assert full_addresses("admin", ("admin",), ["a.example", "b.example"]) == [
        "admin@a.example",
        "admin@b.example",
    ]


def test_a_bare_login_and_its_address_are_one_account(empty, tmp_path):
    server = empty
    submit(server, 2, user="admin@example.org", password="pw")
    plan = respond(server, tmp_path / "i", "admin")
    assert plan["aliases"] == ["admin@example.org"]
    assert "'admin' is admin@example.org" in plan["warnings"]
    assert len(plan["matched"]) == 2
    assert Target(Account("admin", ("Admin@example.org",))).key == "user admin@example.org"
    respond(server, tmp_path / "i", "admin", "--do", "hold")
    # Held by one name, released by the other.
    respond(server, tmp_path / "i", "Admin@Example.org", "--undo", "--yes")
    assert not ids(server, "hold")
    assert "did you mean 'admin@example.org'?" in respond(
        server, tmp_path / "i", "amdin@example.org", status=2
    )


def test_who_removed_a_message_is_read_from_the_log(tmp_path):
    log = tmp_path / "mail.log"
    log.write_text(
        "2026-06-01T10:00:00+00:00 mx postfix/qmgr[1]: 3F1A2B: removed\n"
        "2026-06-01T10:00:09+00:00 mx postfix/postsuper[2]: 3F1A2B: removed\n"
        "2026-06-01T10:00:09+00:00 mx postfix/qmgr[1]: 3F1A2C: removed\n"
    )
    begun = 1780308008.0  # 10:00:08
    assert removals([str(log)], begun) == ({"3F1A2B"}, {"3F1A2C"})
    assert removals([str(tmp_path / "gone")], begun) == (frozenset(), frozenset())
