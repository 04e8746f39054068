"""Bounds, formats, times: what the logs beside their points do not show."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmtick.collect.batch import points_of_logs
from bmtick.collect.blocked import Blocked
from bmtick.collect.clock import LogClock
from bmtick.collect.known import KnownClients
from bmtick.collect.options import Options
from bmtick.collect.postfix import events
from bmtick.errors import BmtickError
from tests.support import program

CASES = Path(__file__).parent / "cases"
ROOT = Path(__file__).parents[2]
STAMP = "2023-06-21T10:00:00+00:00 mx postfix/"


def points(tmp_path, text: str | bytes, **options) -> list:
    log = tmp_path / "mail.log"
    log.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(points_of_logs([str(log)], options=Options(now=1_700_000_000, **options)))


def mail(number: int, login: str, nrcpt: int) -> str:
    queue_id = f"{number:05X}A"
    return (
        f"{STAMP}smtpd[1]: {queue_id}: client={login}\n"
        f"{STAMP}qmgr[1]: {queue_id}: from=<>, size=10, nrcpt={nrcpt} (queue active)\n"
    )


def test_past_max_series_the_smallest_go_into_other(tmp_path):
    text = "".join(
        mail(n, f"h[10.0.0.1], sasl_method=PLAIN, sasl_username=u{n:02}", n) for n in range(1, 21)
    )
    text += "".join(mail(100 + n, f"h[10.0.{n}.1]", n + 1) for n in range(8))
    text += "".join(mail(200 + n, f"h[192.0.2.{n}]", n + 1) for n in range(8))
    found = points(tmp_path, text, max_series=5, known=["10.0.0.0/8"])
    users = {p.tags["user"]: p.fields for p in found if p.name == "postfix_sender"}
    assert set(users) == {"u20", "u19", "u18", "u17", "u16", "_other"}
    assert users["_other"].items() >= {
        "messages": 15, "recipients": 120, "bytes": 150, "refused": 0, "hour_recipients": 0,
    }.items()  # fmt: skip
    clients = {
        (p.tags["client"], p.tags["known"]): p.fields for p in found if p.name == "postfix_client"
    }
    assert len(clients) == 7
    assert sum(fields["recipients"] for fields in clients.values()) == 72
    assert {key for key in clients if key[0] == "_other"} == {
        ("_other", "true"),
        ("_other", "false"),
    }
    assert found[-1].fields["folded"] == 15 + 11


def test_twenty_thousand_names_cost_a_line_each(tmp_path):
    text = "".join(
        f"{STAMP}smtpd[1]: warning: unknown[10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}]: "
        f"SASL LOGIN authentication failed: no, sasl_username=user{n}\n"
        for n in range(20_000)
    )
    found = points(tmp_path, text)
    auth = [p for p in found if p.name == "postfix_auth"]
    assert len(auth) <= 1001 * len({p.time for p in auth})
    assert sum(p.fields["failures"] for p in auth) == 20_000
    assert len({(p.time, p.tags["client"]) for p in auth}) == len(auth)


def test_distinct_addresses_are_those_of_the_last_hour(tmp_path):
    text = ""
    for minute in range(0, 120, 10):
        when = f"2023-06-21T{10 + minute // 60}:{minute % 60:02}:00+00:00 mx postfix/"
        login = f"h[10.0.0.{minute}], sasl_method=PLAIN, sasl_username=anna"
        text += mail(minute, login, 1).replace(STAMP, when)
    clients = [p.fields["clients"] for p in points(tmp_path, text) if p.name == "postfix_sender"]
    assert clients == [1, 2, 3, 4, 5, 6, 6, 6, 6, 6, 6, 6]


def test_late_lines_are_neither_lost_nor_doubled(tmp_path):
    lines = []
    for n in range(300):
        when = f"2023-06-21T10:{n // 6 % 60:02}:{n % 6}5+00:00 mx postfix/"
        lines.append(
            mail(n, f"h[10.0.0.1], sasl_method=PLAIN, sasl_username=u{n % 3}", 2).replace(
                STAMP, when
            )
        )
    random.Random(1).shuffle(lines)
    found = points(tmp_path, "".join(lines))
    keys = [(p.name, tuple(p.tags.items()), p.time) for p in found]
    assert len(set(keys)) == len(keys)
    assert sum(p.fields["messages"] for p in found if p.name == "postfix_sender") == 300
    assert {p.time % 10_000_000_000 for p in found} == {0}


def test_json_lines_hold_the_same(tmp_path):
    log = CASES / "hostile" / "mail.log"
    done = program.run("collect", "--log", str(log), "--from-start", "--no-state", "--format=json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    sender = next(point for point in found if point["measurement"] == "postfix_sender")
    assert sender["tags"] == {"user": "a,b c=d\\"}
    assert sender["fields"]["refused"] == 2
    assert sender["time"] == 1687341600000000000


def test_a_line_of_any_length_and_any_bytes(tmp_path):
    login = b"h[10.0.0.1], sasl_method=PLAIN, sasl_username=jos\xe9\xff"
    text = (
        b"\x00\xff" * 100_000 + b"\n\n"
        + f"{STAMP}smtpd[1]: ABCDE: client=".encode() + login + b"\n"
        + f"{STAMP}qmgr[1]: ABCDE: from=<>, size=1, nrcpt=1 (queue active)".encode()
    )  # fmt: skip
    found = points(tmp_path, text)
    assert next(p for p in found if p.name == "postfix_sender").tags == {"user": "jos\ufffd\ufffd"}
    assert (
        found[-1].fields["lines"]
        + sum(p.fields["lines"] for p in found[:-1] if p.name == "bmtick_collector")
        == 4
    )


@pytest.mark.parametrize("ending", ["gz", "xz", "bz2", "zst"])
def test_compressed_logs(tmp_path, ending):
    import bz2
    import gzip
    import lzma

    import zstandard

    pack = {
        "gz": gzip.compress,
        "xz": lzma.compress,
        "bz2": bz2.compress,
        "zst": zstandard.compress,
    }
    data = (CASES / "content_filter" / "mail.log").read_bytes()
    log = tmp_path / f"mail.log.2.{ending}"
    log.write_bytes(pack[ending](data))
    found = list(points_of_logs([str(log)]))
    assert found == list(points_of_logs([str(CASES / "content_filter" / "mail.log")]))


@pytest.mark.parametrize("name", sorted(f.name for f in CASES.iterdir() if f.is_dir()))
def test_the_scanner_agrees_with_the_parser(name):
    """Two readers of one grammar: the fast one counts what the exact one says."""
    log = CASES / name / "mail.log"
    counted: Counter = Counter()
    for p in points_of_logs([str(log)], options=Options(now=1_700_000_000)):
        if p.name == "postfix_delivery":
            counted[p.tags["status"]] += p.fields["count"]
        elif p.name == "postfix_auth":
            counted["failures"] += p.fields["failures"]
    said: Counter = Counter()
    with log.open("rb") as lines:
        for _, event in events(iter(lines), LogClock(1_700_000_000)):
            kind = type(event).__name__
            if kind == "Delivery":
                said[event.status] += 1
            elif kind == "Expired":
                said["expired"] += 1
            elif kind == "AuthFailure":
                said["failures"] += 1
    assert counted == said


PIECES = st.sampled_from(
    [
        "smtpd[1]: AAAAA: client=h[10.0.0.1], sasl_method=PLAIN, sasl_username=anna",
        "smtpd[1]: AAAAA: client=h[10.0.0.2]",
        "smtpd[1]: BBBBB: client=l[127.0.0.1], orig_queue_id=AAAAA, orig_client=h[10.0.0.1]",
        "qmgr[1]: AAAAA: from=<a@b>, size=5, nrcpt=2 (queue active)",
        'qmgr[1]: BBBBB: from=<"a>, size=9, nrcpt=9 (queue active)"@b>, size=5, nrcpt=2 (queue active)',
        "qmgr[1]: AAAAA: removed",
        "smtp[1]: AAAAA: to=<c@d>, relay=x[1.2.3.4]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (no)",
        "smtp[1]: AAAAA: to=<c@d>, orig_to=<e>, relay=x[1.2.3.4]:25, conn_use=3, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (ok)",
        "relay/smtp[1]: AAAAA: to=<c@d>, relay=x[1.2.3.4]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (ok)",
        "smtpd[1]: warning: h[10.0.0.9]: SASL LOGIN authentication failed: no, sasl_username=x",
    ]
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=30), st.integers(1, 400))
def test_where_a_block_ends_does_not_matter(tmp_path_factory, pieces, size):
    from bmtick.collect import logfile

    text = "".join(f"{STAMP}{piece}\n" for piece in pieces)
    folder = tmp_path_factory.mktemp("blocks")
    expected = points(folder, text)
    before = logfile.BLOCK
    logfile.BLOCK = size
    try:
        assert points(folder, text) == expected
    finally:
        logfile.BLOCK = before


@pytest.mark.parametrize(
    ("line", "now", "last", "expected"),
    [
        (b"Jun 21 08:34:30 x", 1_700_000_000, None, 1_687_336_470),
        (b"May  5 00:08:55 x", 1_700_000_000, None, 1_683_245_335),
        (b"Dec 31 23:59:59 x", 1_700_000_000, None, 1_672_531_199),
        (b"Jan  1 00:00:01 x", 1_700_000_000, 1_672_531_199, 1_672_531_201),
        (b"Dec 31 23:59:59 x", 1_700_000_000, 1_672_531_201, 1_672_531_199),
        (b"Feb 29 12:00:00 x", 1_700_000_000, None, 1_582_977_600),
        (b"2023-06-21T08:34:30.123456+02:00 x", 0, None, 1_687_329_270),
        (b"2023-06-21T08:34:30Z x", 0, None, 1_687_336_470),
        (b"2023-06-21T08:34:30-0330 x", 0, None, 1_687_349_070),
        (b"Jun 31 08:34:30 x", 1_700_000_000, None, None),
        (b"Jun 21 08:34 x", 1_700_000_000, None, None),
        (b"", 0, None, None),
    ],
)
def test_times(line, now, last, expected, monkeypatch):
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert LogClock(now, last).read(line) == expected


def test_the_hour_that_comes_twice(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()
    try:
        clock = LogClock(1_700_000_000)
        read = [
            clock.read(f"Oct 29 {t} x".encode())
            for t in ("02:10:00", "02:59:59", "02:00:00", "02:30:00", "03:00:00")
        ]
        assert read == [1698538200, 1698541199, 1698541200, 1698543000, 1698544800]
    finally:
        monkeypatch.setenv("TZ", "UTC")
        time.tzset()


def test_known_clients():
    known = KnownClients(["127.0.0.0/8", "::1", "10.1.2.3", "fd00::/8"])
    inside = ("127.0.0.1", "127.255.0.1", "::1", "10.1.2.3", "fd12::7", "::ffff:127.0.0.1")
    assert all(address in known for address in inside)
    assert not any(address in known for address in ("128.0.0.1", "::2", "10.1.2.4", "unknown", ""))
    with pytest.raises(BmtickError):
        KnownClients(["10.0.0.0/33"])


@pytest.mark.parametrize(
    ("dsn", "reply", "expected"),
    [
        (
            "5.7.1",
            "host mx[1.2.3.4] said: 554 5.7.1 Service unavailable; Client host [1.2.3.4] blocked using zen.spamhaus.org",
            True,
        ),
        (
            "5.7.1",
            "host mx[1.2.3.4] said: 550 5.7.1 Message rejected as spam by content scanning",
            True,
        ),
        (
            "4.7.0",
            "host mx[1.2.3.4] said: 421 4.7.0 [TSS04] Messages from 1.2.3.4 temporarily deferred due to user complaints",
            True,
        ),
        ("5.7.606", "host x said: 550 5.7.606 Access denied, banned sending IP [1.2.3.4]", True),
        (
            "5.7.1",
            "host x said: 550 5.7.1 Unfortunately, messages from [1.2.3.4] weren't sent. part of their network is on our block list (S3140).",
            True,
        ),
        (
            "5.1.1",
            "host mx.antispam.example[1.2.3.4] said: 550 5.1.1 <spam@example.org>: User unknown",
            False,
        ),
        ("5.7.1", "host x said: 554 5.7.1 <a@b>: Relay access denied", False),
        ("4.2.0", "host x said: 450 4.2.0 <a@b>: Recipient address rejected: Greylisted", False),
        ("4.4.1", "connect to mx.spamhaus.example[1.2.3.4]:25: Connection timed out", False),
        ("5.2.2", "host x said: 552 5.2.2 Mailbox full", False),
        ("4.4.2", "lost connection with mx.spam.example[1.2.3.4] while sending RCPT TO", False),
    ],
)
def test_which_refusals_are_blocked(dsn, reply, expected):
    assert Blocked()(dsn.encode(), reply.encode()) is expected


def test_own_rules_for_blocked_refusals():
    blocked = Blocked(["5.7.x + go away", "! go away please"])
    assert blocked(b"5.7.9", b"Go Away")
    assert not blocked(b"5.1.0", b"go away")
    assert not blocked(b"5.7.9", b"go away please")
    with pytest.raises(BmtickError):
        Blocked(["  "])


def test_a_queue_id_that_is_used_again_after_days_is_young():
    """The first message was never removed, as far as the log tells."""
    from bmtick.collect.blocked import Blocked
    from bmtick.collect.counter import MAX_OPEN
    from bmtick.collect.counter import Counter as MessageCounter

    counter = MessageCounter(Blocked())
    counter.client(b"AAAAA:", b"h[10.0.0.1]")
    counter.active(b"AAAAA:", b"a@example.org", 1, 1)
    counter.trim(1_700_000_000)
    counter.client(b"AAAAA:", b"h[10.0.0.2]")
    counter.trim(1_700_000_000 + 3 * 86_400)
    counter.active(b"AAAAA:", b"a@example.org", 1, 1)
    assert {entity: sums[0] for entity, sums in counter.bucket.entities.items()} == {
        "postfix_client\n10.0.0.1\nfalse": 1,
        "postfix_client\n10.0.0.2\nfalse": 1,
    }
    for number in range(MAX_OPEN * 3 // 4):
        counter.client(b"%06X:" % number, b"h[10.0.0.1]")
    counter.trim(1_700_000_000 + 3 * 86_400)
    assert len(counter.waiting) == MAX_OPEN * 3 // 4


def test_a_client_without_an_address_is_unknown(tmp_path):
    found = points(tmp_path, mail(1, "03.0.113.9], sasl_method=PLAIN", 2))
    assert [
        (p.tags["client"], p.fields["recipients"]) for p in found if p.name == "postfix_client"
    ] == [("unknown", 2)]
