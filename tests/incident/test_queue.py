"""The queue filtered and grouped: by data, on a real Postfix, and with 100,000 messages."""

import json
import os
import random
import sys

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.collect.postqueue import QueueEntry, Recipient
from bmtick.incident.grouping import Filter, choose, group, plain_reason
from bmtick.incident.networks import parse_networks
from bmtick.incident.origin import Origin
from tests.incident.logwriter import START, Log
from tests.support.postfix import postfix
from tests.support.servers import find_program, wait_for

LATER = (
    "host mx.example.net[192.0.2.9] said: 451 4.3.0 <u{n}@example.net>: try later, id 4jYS{n:05d}ab"
)


def entry(number, sender, *domains, queue="deferred", reason="", age=0):
    recipients = tuple(Recipient(f"u{number}@{d}", reason) for d in domains)
    return QueueEntry(f"ID{number:06d}", queue, START - age, 100, sender, recipients)


ENTRIES = [
    entry(1, "a@example.org", "one.example", "two.example", reason=LATER.format(n=1), age=7200),
    entry(2, "xa@example.org", "one.example", reason=LATER.format(n=2)),
    entry(3, "MAILER-DAEMON", "One.Example", reason="connect to mx[192.0.2.9]:25: timed out"),
    entry(4, '"a b"@example.org', "three.example", queue="hold"),
]
ORIGINS = {
    "ID000001": Origin("alice@example.org", "203.0.113.5"),
    "ID000002": Origin("", "10.0.0.7"),
    "ID000003": Origin("", ""),
}


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Filter(), [1, 2, 3, 4]),
        (Filter(sender="a@example.org"), [1]),
        (Filter(sender="A@EXAMPLE.ORG"), [1]),
        (Filter(sender="<>"), [3]),
        (Filter(sender="a b@example.org"), [4]),
        (Filter(sender="example.org"), []),
        (Filter(user="alice@example.org"), [1]),
        (Filter(user="lice@example.org"), []),
        (Filter(clients=parse_networks("203.0.113.0/24")), [1]),
        (Filter(clients=parse_networks("10.0.0.7")), [2]),
        (Filter(older_than=START - 3600), [1]),
        (Filter(reason="TRY LATER"), [1, 2]),
        (Filter(reason="timed out", sender="<>"), [3]),
        (Filter(domain="one.example"), [1, 2, 3]),
        (Filter(domain="ne.example"), []),
        (Filter(queue="hold"), [4]),
    ],
)
def test_filters_compare_whole_names(wanted, ids):
    assert [int(e.queue_id[2:]) for e in choose(ENTRIES, wanted, ORIGINS)] == ids


def test_groups():
    found = group(ENTRIES, ORIGINS)
    assert (found.total.messages, found.total.recipients, found.total.size) == (4, 5, 400)
    assert found.total.oldest == START - 7200

    def counts(kind):
        return {g.name: (g.messages, g.recipients) for g in found.top(kind, 10)}

    assert counts("user") == {
        "(no login)": (2, 2),
        "alice@example.org": (1, 2),
        "(unknown)": (1, 1),
    }
    assert counts("domain") == {
        "one.example": (3, 3),
        "two.example": (1, 1),
        "three.example": (1, 1),
    }
    assert counts("client")["(this machine)"] == (1, 1)
    assert counts("sender")["<>"] == (1, 1)
    assert found.top("reason", 1)[0].messages == 2  # two ids and addresses, one reason


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (LATER.format(n=1), LATER.format(n=2), True),
        ("connect to a.example[192.0.2.1]:25: x", "connect to b.example[2001:db8::1]:25: x", True),
        ("451 4.3.0 later", "452 4.2.2 full", False),
        ("", "", True),
    ],
)
def test_reasons_are_told_apart_by_their_words(one, other, same):
    assert (plain_reason(one) == plain_reason(other)) is same


def run(*arguments, status=0):
    result = CliRunner().invoke(cli, ["queue", *arguments])
    assert result.exit_code == status, result.output
    return result


def test_real_postfix(tmp_path):
    users = {"alice@example.org": "pw"}
    with postfix(users=users, settings={"defer_transports": "smtp"}) as server:
        server.submit(
            "forged@bank.example",
            ["a@one.example", "b@two.example"],
            user="alice@example.org",
            password="pw",
            client="203.0.113.5",
        )
        server.submit("bob@example.org", ["c@one.example"], client="127.0.0.9")
        wait_for(lambda: sum(m["queue_name"] == "deferred" for m in server.queue()) == 2, "mail")
        base = ["--config-dir", str(server.config_directory), "--format", "json"]
        for log in (str(server.log), str(tmp_path / "none.log")):  # by the log, by the files
            document = json.loads(run(*base, "--log", log).stdout)
            assert (document["messages"], document["recipients"]) == (2, 3)
            users = {g["name"]: g["messages"] for g in document["groups"]["user"]}
            assert users == {"alice@example.org": 1, "(no login)": 1}
            clients = {g["name"] for g in document["groups"]["client"]}
            assert clients == {"203.0.113.5", "127.0.0.9"}
            listed = json.loads(
                run(*base, "--log", log, "--list", "--client", "203.0.113.0/24").stdout
            )
            assert [(m["sender"], m["user"]) for m in listed] == [
                ("forged@bank.example", "alice@example.org")
            ]
        shown = run("--config-dir", str(server.config_directory), "--log", str(server.log)).output
        assert "2 messages, 3 recipients" in shown
        none = run(*base, "--log", str(server.log), "--older", "1h")
        assert json.loads(none.stdout)["messages"] == 0


FAKE = "#!{python}\nimport sys\nsys.stdout.write(open(r'{file}').read())\n"


def test_twenty_thousand_messages(tmp_path, monkeypatch):
    """Counted right; how fast is measured in benchmarks, never in a test."""
    drawn = random.Random(1)
    log, lines = Log(), []
    for number in range(20_000):
        queue_id = f"4jY{number:07d}z1SC"
        user = f"user{drawn.randrange(50)}@example.org"
        if number % 100 == 0:
            log.add(
                START,
                f"postfix/smtpd[1]: {queue_id}: client=x[203.0.113.{number % 200}], "
                f"sasl_method=PLAIN, sasl_username={user}",
            )
        item = {
            "queue_name": "deferred",
            "queue_id": queue_id,
            "arrival_time": START,
            "message_size": 1000,
            "forced_expire": False,
            "sender": f"s{number % 7}@example.org",
            "recipients": [
                {"address": f"u@d{number % 11}.example", "delay_reason": LATER.format(n=number)}
            ],
        }
        lines.append(json.dumps(item) + "\n")
    data = tmp_path / "queue.json"
    data.write_text("".join(lines))
    for name, text in (("postqueue", FAKE.format(python=sys.executable, file=data)),):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    words = ["--format", "json", "--by", "sender", "--by", "reason", "--by", "domain"]
    document = json.loads(run(*words).stdout)
    assert document["messages"] == 20_000
    assert sum(g["messages"] for g in document["groups"]["sender"]) == 20_000
    assert [g["messages"] for g in document["groups"]["reason"]] == [20_000]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--client", "gateway"], "is no address"),
        (["--older", "long"], "is not a duration"),
        (["--config-dir", "/nowhere"], "postqueue failed"),
    ],
)
def test_wrong_use_is_one_clear_line(arguments, message):
    if "--config-dir" in arguments:
        find_program("postqueue")
    result = CliRunner().invoke(cli, ["queue", *arguments])
    assert result.exit_code == 2
    assert message in result.stderr
