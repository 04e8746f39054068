"""The simulator's truth against a plain reading of its log: two counts that share no code."""

import gzip
import json
import re
from collections import Counter, defaultdict

import pytest

from benchmarks.simulator.__main__ import options_of
from benchmarks.simulator.simulate import simulate

CLIENT = re.compile(
    r" postfix/(?:submission/)?smtpd\[\d+\]: (\w+): client=[^\[]*\[([^\]]*)\]"
    r"(?:, orig_queue_id=(\w+), orig_client=.*|, sasl_method=LOGIN, sasl_username=(.*))?$"
)
ACTIVE = re.compile(
    r" postfix/qmgr\[\d+\]: (\w+): from=<.*>, size=(\d+), nrcpt=(\d+) \(queue active\)$"
)
STATUS = re.compile(
    r" postfix/(?:smtp|lmtp)\[\d+\]: \w+: to=<.*?>, relay=\S+, .*?dsn=[\d.]+, status=(\w+)"
)
EXPIRED = re.compile(r" postfix/qmgr\[\d+\]: \w+: from=<.*>, status=expired, ")
FAILED = re.compile(
    r" (?:message repeated (\d+) times: \[ )?warning: [^\[]*\[([^\]]*)\]: SASL LOGIN auth"
)
REMOVED = re.compile(r" postfix/qmgr\[\d+\]: (\w+): removed$")


def read(lines):
    """Count a log line by line."""
    owner, counted = {}, set()
    found = {
        "users": defaultdict(Counter),
        "clients": defaultdict(Counter),
        "places": defaultdict(set),
    }
    statuses, failures = Counter(), Counter()
    for line in lines:
        if match := CLIENT.search(line):
            counted.discard(match[1])
            owner[match[1]] = (match[2], match[4])
            if match[3]:  # handed back by a content filter: counted already
                counted.add(match[1])
        elif match := ACTIVE.search(line):
            if match[1] in counted:
                continue
            counted.add(match[1])
            client, user = owner.get(match[1], ("", None))
            if user is not None:
                found["places"][user].add(client)
            if client:
                own = found["users"][user] if user is not None else found["clients"][client]
                own.update(messages=1, bytes=int(match[2]), recipients=int(match[3]))
        elif match := STATUS.search(line):
            statuses[match[1]] += 1
        elif EXPIRED.search(line):
            statuses["expired"] += 1
        elif match := FAILED.search(line):
            failures[match[2]] += int(match[1] or 1)
        elif match := REMOVED.search(line):
            owner.pop(match[1], None)
            counted.discard(match[1])
    return found, statuses, failures


def run(folder, *words):
    options, given = options_of([*words, "-o", str(folder / "mail.log")])
    return json.loads(json.dumps(simulate(options, given.output)))


def logged(folder):
    """All lines of all files, oldest first."""
    packed = sorted(folder.glob("mail.log.*.gz"), key=lambda p: -int(p.suffixes[-2][1:]))
    plain = [p for p in (folder / "mail.log.1", folder / "mail.log") if p.exists()]
    data = b"".join(
        [*(gzip.decompress(p.read_bytes()) for p in packed), *(p.read_bytes() for p in plain)]
    )
    return data.decode().splitlines()


CASES = [
    ["--lines", "20000", "--outbreaks", "1"],
    ["--lines", "20000", "--short-ids", "--iso", "--seed", "2"],
    ["--days", "3", "--per-day", "1000", "--rotate", "--outbreaks", "2", "--seed", "3"],
    ["--lines", "20000", "--filtered", "0.7", "--seed", "4"],
    ["--lines", "20000", "--filtered", "0.7", "--seed", "5", "--short-ids"],
    ["--lines", "5000", "--tame", "--utc-offset", "7200", "--noise", "0"],
]


@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_a_plain_reading_of_the_log_gives_the_truth(tmp_path, words):
    truth = run(tmp_path, *words)
    lines = logged(tmp_path)
    assert len(lines) == truth["lines"]
    found, statuses, failures = read(lines)
    for kind in ("users", "clients"):
        wanted = {
            name: {key: count[key] for key in ("messages", "recipients", "bytes")}
            for name, count in truth[kind].items()
        }
        assert {name: dict(count) for name, count in found[kind].items()} == wanted
    assert {u: len(p) for u, p in found["places"].items()} == {
        u: c["clients"] for u, c in truth["users"].items()
    }
    assert dict(statuses) == {s: c["count"] for s, c in truth["deliveries"].items()}
    assert dict(failures) == {c: n["failures"] for c, n in truth["auth"].items()}
    stamps = [line.split(" mail ", 1)[0] for line in lines]
    assert stamps == sorted(stamps)


def test_exactly_as_many_lines_as_wanted(tmp_path):
    assert run(tmp_path, "--lines", "3000")["lines"] == 3000


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    logs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        run(tmp_path / name, "--lines", "3000", "--seed", "7")
        logs.append((tmp_path / name / "mail.log").read_bytes())
    assert logs[0] == logs[1]


def test_every_style_of_outbreak_happens(tmp_path):
    for style in ("botnet", "single", "bulk", "slow", "few", "relay"):
        truth = run(
            tmp_path, "--days", "0.3", "--per-day", "500", "--outbreaks", "1", "--style", style
        )
        (outbreak,) = truth["outbreaks"]
        assert outbreak["style"] == style
        sender = truth["users"].get(outbreak["user"]) or truth["clients"]["10.0.0.12"]
        assert sender["recipients"] >= outbreak["recipients_sent"] > 0
