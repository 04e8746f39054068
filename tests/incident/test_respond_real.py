"""The response on a real Postfix: 2,000 queued messages, 500 of them the spammer's."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from tests.support.postfix import postfix
from tests.support.servers import wait_for

SPAMMER = "victim@example.org"
OTHERS = ("xvictim@example.org", "victim@example.org.uk", "victim2@example.org", "bob@example.org")
# What a spammer's program may put there; every one of them must stay a mere name.
HOSTILE = (
    '"$(touch /tmp/bmtick-owned)"@example.org',
    '"a b"@example.org',
    "o'neil`id`@example.org",
    '"; rm -rf /;"@example.org',
    ".*@example.org",
    '"[a-z]+"@example.org',
    '"{a,b}*?"@example.org',
    '"quo\\"te"@example.org',
    "xvictim@example.org",
    "bob@example.org",
)


def respond(server, folder, *arguments, user=SPAMMER, status=0):
    words = ["respond", "--log", str(server.log), "--config-dir", str(server.config_directory)]
    words += ["--folder", str(folder), "--format", "json", *arguments, "--", user]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def crowded():
    """2,000 messages that wait."""
    users = dict.fromkeys((SPAMMER, *OTHERS), "secret")
    later = {"defer_transports": "smtp, lmtp"}
    with postfix(users=users, networks="127.0.0.0/8 10.0.0.0/8", settings=later) as server:
        spam(server, 500)
        legitimate(server)
        wait_for(
            lambda: sum(m["queue_name"] == "deferred" for m in server.queue()) == 2000,
            "2,000 deferred messages",
            120,
        )
        yield server


def spam(server, count):
    for start in range(0, count, 50):
        with server.connect(
            client=f"203.0.113.{start // 50 + 1}", user=SPAMMER, password="secret"
        ) as session:
            for number in range(start, start + 50):
                # Some with the account's own address, most with forged ones.
                forged = (SPAMMER, *HOSTILE)
                sender = forged[number % len(forged)]
                to = [f"s{number}@example.net", f"t{number}@example.net"]
                refused = server.submit(sender, to, session=session, body=f"buy {number}\r\n.\r\n")
                assert not refused


def legitimate(server):
    """1,500 messages that look like the spammer's to anybody who compares loosely."""
    number = iter(range(1500))
    for user in OTHERS:
        with server.connect(client="10.0.0.7", user=user, password="secret") as session:
            for _ in range(250):
                n = next(number)
                # Forged by another account, or with the victim's name in every other place.
                sender = SPAMMER if n % 3 == 0 else f"x{SPAMMER}"
                server.submit(sender, [f"u{n}@example.net"], session=session, subject=SPAMMER)
    with server.connect(client="198.51.100.9") as session:  # a stranger, to people here
        for _ in range(250):
            server.submit(SPAMMER, [f"u{next(number)}@example.org"], session=session)
    with server.connect(client="10.0.0.8") as session:  # a trusted machine, not the victim
        for _ in range(250):
            sender = f"{SPAMMER}.example.com"
            server.submit(sender, [f"u{next(number)}@example.net"], session=session, body=SPAMMER)
    assert next(number, None) is None


def ids(server, queue):
    return {m["queue_id"] for m in server.queue() if m["queue_name"] == queue}


def spam_ids(server):
    return {
        m["queue_id"]
        for m in server.queue()
        if any(r["address"].startswith(("s", "t")) for r in m["recipients"])
    }


def test_holds_exactly_the_spammers_mail_and_loses_none(crowded, tmp_path):
    server = crowded
    folder = tmp_path / "incidents"
    theirs = spam_ids(server)
    assert len(theirs) == 500

    plan = respond(server, folder)
    assert {m["queue_id"] for m in plan["matched"]} == theirs
    assert plan["examined"] == 2000
    assert not ids(server, "hold")  # the plan alone does nothing
    assert len(plan["spared"]) == 250 + sum(1 for n in range(1000) if n % 3 == 0)

    done = respond(server, folder, "--do", "hold")
    assert set(done["done"]["hold"]["queue_ids"]) == theirs
    assert ids(server, "hold") == theirs

    server.command("postconf", "-e", "defer_transports=")
    server.command("postfix", "reload")
    server.flush()
    wait_for(lambda: len(server.queue()) == 500, "the others' mail to leave", 180)
    delivered = [r for _, to in server.remote.accepted for r in to]
    assert sorted(delivered) == sorted(
        f"u{n}@example.{'org' if 1000 <= n < 1250 else 'net'}" for n in range(1500)
    )
    server.remote.accepted.clear()

    refused = CliRunner().invoke(
        cli,
        [
            *("respond", SPAMMER, "--do", "delete", "--log", str(server.log)),
            *("--config-dir", str(server.config_directory), "--folder", str(folder)),
        ],
    )
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    assert len(server.queue()) == 500

    gone = respond(server, folder, "--do", "delete", "--yes")["done"]["delete"]
    assert set(gone["queue_ids"]) == theirs
    assert not server.queue()
    copies = Path(gone["folder"])
    assert all(len(list(copies.glob(f"*.{x}"))) == 500 for x in ("eml", "json", "queue"))
    for path in (folder, copies):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for path in (*copies.iterdir(), folder / "audit.jsonl"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    back = respond(server, folder, "--undo", "--yes")["done"]["restore"]
    assert set(back["queue_ids"]) == theirs
    wait_for(lambda: len(server.remote.accepted) == 500, "the restored mail", 120)
    server.wait_until_empty()
    forged = (SPAMMER, *HOSTILE)
    wanted = [
        (forged[n % len(forged)], sorted([f"s{n}@example.net", f"t{n}@example.net"]))
        for n in range(500)
    ]
    assert sorted((s, sorted(to)) for s, to in server.remote.accepted) == sorted(wanted)
    again = respond(server, folder, "--do", "restore", "--yes")["done"]["restore"]
    assert again["queue_ids"] == []  # never twice
    assert not Path("/tmp/bmtick-owned").exists()
    steps = [json.loads(x) for x in (folder / "audit.jsonl").read_text().splitlines()]
    assert [(s["step"], s["phase"]) for s in steps] == [
        *(("hold", "begin"), ("hold", "end")),
        *(("delete", "begin"), ("delete", "copied"), ("delete", "end")),
        *(("restore", "begin"), *[("restore", "staged")] * 3, ("restore", "end")),
    ]
