"""The harness itself: a real Postfix that logs, logs in, relays, refuses, retries and bounces."""

import re
import smtplib

import pytest

from tests.support.postfix import postfix
from tests.support.servers import wait_for

USERS = {"alice@example.org": "secret", "john doe@example.org": "a b", "x=y,z@example.org": "pw"}


@pytest.fixture(scope="module")
def server():
    with postfix(users=USERS, networks="127.0.0.0/8 192.0.2.7", retry=2) as running:
        yield running


def test_log_has_the_traditional_form(server):
    server.submit("a@example.com", ["b@example.net"])
    form = re.compile(r"^[A-Z][a-z]{2} [ 0-9][0-9] \d\d:\d\d:\d\d \S+ postfix[^\[]*\[\d+\]: ")
    assert all(form.match(line) for line in server.lines())


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_login_from_any_address(server, user, mechanism):
    server.submit(
        "alice@example.org",
        ["b@example.net", "c@example.net"],
        client="203.0.113.9",
        user=user,
        password=USERS[user],
        mechanism=mechanism,
    )
    wanted = f"client=unknown[203.0.113.9], sasl_method={mechanism}, sasl_username={user}"
    assert server.wait_for_line(wanted).endswith(wanted)


def test_a_wrong_password_is_logged(server):
    with pytest.raises(smtplib.SMTPAuthenticationError):
        server.connect(client="203.0.113.66", user="alice@example.org", password="no")
    server.wait_for_line("203.0.113.66]: SASL PLAIN authentication failed")


def test_relaying_is_for_known_networks(server):
    assert not server.submit("a@example.com", ["b@example.net"], client="192.0.2.7")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        server.submit("a@example.com", ["b@example.net"], client="192.0.2.8")
    server.wait_for_line("NOQUEUE: reject: RCPT from unknown[192.0.2.8]")


def test_sent_deferred_bounced_and_greylisted(server):
    server.submit(
        "alice@example.org",
        [f"{n}@example.net" for n in ("ok", "unknown", "listed", "full", "greylisted")],
        user="alice@example.org",
        password="secret",
    )
    server.submit("a@example.com", ["bob@example.org", "carol@example.org"])

    def statuses() -> set[str]:
        found = set()
        for line in server.lines():
            match = re.search(r"to=<([a-z]+)@.* dsn=(\S+), status=(\w+)", line)
            if match:
                found.add(match.groups())
        return found

    wanted = {
        ("ok", "2.0.0", "sent"),
        ("unknown", "5.1.1", "bounced"),
        ("listed", "5.7.1", "bounced"),
        ("full", "4.2.2", "deferred"),
        ("greylisted", "4.2.0", "deferred"),
        ("greylisted", "2.0.0", "sent"),
        ("bob", "2.0.0", "sent"),
        ("carol", "2.0.0", "sent"),
    }
    wait_for(lambda: wanted <= statuses(), "all deliveries in the log")
    waiting = [m for m in server.queue() if m["queue_name"] == "deferred"]
    assert [r["address"] for m in waiting for r in m["recipients"]] == ["full@example.net"]
    server.command("postsuper", "-d", waiting[0]["queue_id"])
    server.wait_until_empty()


def test_old_mail_expires_and_short_ids_run_beside(server):
    quick = {"maximal_queue_lifetime": "2s", "bounce_queue_lifetime": "2s"}
    with postfix(long_ids=False, retry=1, settings=quick) as other:
        other.submit("a@example.com", ["defer@example.net"])
        other.wait_for_line("status=expired")
        assert any(re.search(r": [0-9A-F]{10,12}: client=", line) for line in other.lines())
    assert other.process.returncode is not None
