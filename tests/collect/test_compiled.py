"""The compiled loops give what the Python beside them gives, on any bytes."""

import json
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bmtick.collect import compiled, emit, scan
from bmtick.collect.blocked import Blocked
from bmtick.collect.buckets import Buckets
from bmtick.collect.clock import LogClock
from bmtick.collect.counter import Counter
from bmtick.collect.emit import Emitter
from bmtick.collect.memory import MINUTES_OF_DAY, Memory, Record
from bmtick.collect.scan import Scanner

pytestmark = pytest.mark.skipif(
    compiled.feed is None,
    reason="the collector is not compiled: no C compiler or no Python headers at installation",
)

ROOT = Path(__file__).parents[2]
LOGS = sorted(ROOT.glob("tests/collect/cases/*/mail.log")) + sorted(
    ROOT.glob("examples/*/mail.log*")
)
NOW = 1_706_745_600.0  # February 2024
BLOCKED = Blocked()  # takes longer to read than a line to count


def counted(lines: list[bytes], *, by_pointers: bool, block: int = 50) -> tuple:
    """Return all that is known after some lines, read in blocks of so many lines."""
    counter, buckets = Counter(BLOCKED), Buckets(10)
    scanner = Scanner(counter, buckets, LogClock(NOW))
    for start in range(0, len(lines), block):
        data = b"".join(b"\n" + line for line in lines[start : start + block])
        (compiled.feed if by_pointers else Scanner._runs)(scanner, data)
        scanner.previous = scanner._said(data, len(data))
    memory = Memory(kind=compiled.memory.Record if by_pointers else Record)
    emitter = Emitter(10, 1000, memory)
    rows = [row for start, bucket in buckets.close() for row in emitter.rows(start, bucket, 0.0)]
    records = {entity: unordered(text) for entity, text in memory.dump()["records"].items()}
    kept = memory.dump()
    houses = {address: sorted(names) for address, names in memory.meeting.items()}, kept["house"]
    return rows, counter.dump(), scanner.clock.last, buckets.newest, records, houses


def unordered(text: str) -> list:
    """Return a record without the order in which a bucket's sets gave what they hold."""
    kept = json.loads(text)
    for at in range(7, 15):
        if kept[at]:
            *level, keys, values = kept[at]
            kept[at] = level, dict(zip(keys, values, strict=True))
    return kept


def same(lines: list[bytes]) -> None:
    assert counted(lines, by_pointers=True) == counted(lines, by_pointers=False)


def read(path: Path) -> list[bytes]:
    with scan_open(path) as log:
        return log.read().split(b"\n")


def scan_open(path: Path):
    from bmtick.collect.files import open_log

    return open_log(str(path), None)


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.parent.name)
def test_same_points_and_open_messages(path):
    same(read(path))


def kinds(lines: list[bytes]) -> dict[bytes, bytes]:
    """Return one line of each kind, by what is left without names, numbers and addresses."""
    found: dict[bytes, bytes] = {}
    for line in lines:
        found.setdefault(
            re.sub(rb"[0-9A-Fa-f.]*[0-9][0-9A-Za-z.:+-]*|[\w.-]+@[\w.-]+", b"#", line), line
        )
    return found


def test_same_for_lines_cut_anywhere():
    """A rotation, a crash or a full disk cuts lines."""
    lines = kinds([line for path in LOGS for line in read(path)[:60] if line])
    assert len(lines) > 100
    for number, line in enumerate(lines.values()):
        for end in range(number % 2, len(line), 2):  # lines are alike: another has the others
            assert one(line[:end], by_pointers=True) == one(line[:end], by_pointers=False)


def one(line: bytes, *, by_pointers: bool) -> tuple:
    """Count a line alone, after the lines that make it count."""
    queue_id = re.search(rb"\]: ([0-9A-Za-z]+): ", line)
    begin = [
        b"Feb  1 00:00:00 mail postfix/smtpd[1]: %s: client=a[192.0.2.1], sasl_username=u"
        % queue_id[1]
    ] if queue_id else []  # fmt: skip
    return counted([*begin, line], by_pointers=by_pointers)


KINDS = ("postfix_sender\nanna", "postfix_sender\nben", "postfix_client\n192.0.2.1\nfalse")
NETWORKS = ("10.0.0.1", "198.51.100.7", "203.0.113.9", "2001:db8::/64", "unknown", "")


def steps(random_: random.Random, number: int) -> list[tuple]:
    """Draw what some entities do over days: mostly little, at times like an attack."""
    found, minute = [], 28_400_000
    for _ in range(number):
        minute += random_.choice((0, 0, 1, 3, 20, 70, 400, MINUTES_OF_DAY, 9000, -30))
        loud = random_.choice((0, 0, 0, 1, 200))
        counts = [random_.randrange(3 + loud) for _ in range(7)]
        addresses = random_.sample(NETWORKS, random_.randrange(3))
        addresses += [
            f"{random_.randrange(20, 99)}.{n}.0.1" for n in range(random_.choice((0, loud)))
        ]
        seen = [random_.randrange(1 << 32) for _ in range(random_.choice((0, 1, 5, loud)))]
        found.append((random_.choice(KINDS), 60 * minute, counts, addresses, seen))
    return found


def remembered(done: list[tuple], kind: type[Record]) -> list:
    """Return all that a memory says while this happens, put away and taken up now and then."""
    memory, said = Memory(kind=kind), []
    for number, (entity, time, counts, addresses, seen) in enumerate(done):
        for due, who, record in memory.silent(time // 60):
            said.append((due, who, list(record.recent), list(record.hour), list(record.day)))
        record = memory.add(
            entity,
            time,
            counts,
            addresses=addresses,
            recipients=seen,
            senders=seen[:9],
            domains=seen[:4],
        )
        sums = [*counts, 0, 0]
        said.append((memory.gauges(entity, time), record.clients(time // 60), record.due()))
        said.append(list(record.sending_fields(memory, entity, time // 60, sums)))
        said.append(list(record.relaying_fields(time // 60, sums)))
        if number % 7 == 0:
            kept = memory.dump()
            said.append(kept)
            memory = Memory(kind=kind)
            memory.restore(kept)
    return said


@pytest.mark.parametrize("seed", range(40))
def test_same_memory_over_weeks(seed):
    done = steps(random.Random(seed), 80)
    assert remembered(done, compiled.memory.Record) == remembered(done, Record)


def test_same_memory_of_counts_beyond_32_bits():
    """Slots are of 32 bits: what does not fit goes into several, and comes out as one."""
    done = []
    for minute in (0, 0, 0, 1, 20, 61, 62, 80, 200, 1500):
        counts = [(1 << 32) - 1, 3 << 32, 1 << 31, 0, 1, (1 << 32) + 1, 7]
        done.append((KINDS[0], 60 * (28_400_000 + minute), counts, [], []))
    assert remembered(done, compiled.memory.Record) == remembered(done, Record)


def test_same_where_the_patterns_add_to_what_was_read_by_pointers():
    """What the compiled reader saw once is not in the sets that the patterns add to."""
    lines = []
    for number, (sender, recipient) in enumerate(
        ((b"a@x.example", b"r1@y.example"), (b'"a b"@x.example', b'"r 2"@y.example')) * 2
        + ((b"c@z.example", b"r3@y.example"),)
    ):
        qid = b"4dkvYs1Trtz3%03d" % number
        lines += [
            b"Feb  1 00:00:00 mail postfix/smtpd[1]: %s: client=a[192.0.2.1], sasl_method=LOGIN, "
            b"sasl_username=u" % qid,
            b"Feb  1 00:00:00 mail postfix/qmgr[1]: %s: from=<%s>, size=9, nrcpt=1 (queue active)"
            % (qid, sender),
            b"Feb  1 00:00:01 mail postfix/smtp[1]: %s: to=<%s>, relay=a[192.0.2.9]:25, delay=1, "
            b"delays=1/0/0/0, dsn=2.0.0, status=sent (250 ok)" % (qid, recipient),
        ]
    for end in range(1, len(lines) + 1):
        same(lines[:end])
        same(lines[end:])


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_damaged_record_is_refused_or_read(data):
    """Also where the Python beside it is more patient: nothing but a ValueError comes."""
    memory = Memory(kind=Record)
    for entity, time, counts, addresses, seen in steps(random.Random(4), 40):
        memory.add(entity, time, counts, addresses=addresses, recipients=seen, domains=seen[:4])
    text = memory.records[KINDS[0]].dump(0)
    at, size = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 5))
    put = data.draw(
        st.sampled_from(("", "0", "-1", "9" * 30, "[", "]", "null", '""', ",", "{}", "1.5"))
    )
    damaged_text = text[:at] + put + text[at + size :]
    try:
        record = compiled.memory.Record.restored(damaged_text, 0)
    except ValueError:
        return
    record.take(record.last, 0, [1] * 7, ["192.0.2.1"], [1], [2], [3])


PIECES = (
    b" ", b"  ", b"\t", b"\0", b"\xff", b"[", b"]", b"]: ", b"/", b",", b"<", b">", b'"', b"\\", b":",
    b"=", b"(", b")", b"0", b"9" * 17, b"9" * 18, b"9" * 19, b"9" * 40, b"client=", b"from=<", b"to=<",
    b"uid=0 ", b"removed", b"repeated ", b"message repeated 2 times: [ ", b"warning: ", b" SASL ",
    b"SASL LOGIN authentication failed: ", b", sasl_username=", b", size=", b", nrcpt=", b" (queue active)",
    b", orig_to=<root>", b", orig_to=<a@b.example>", b", conn_use=2", b"queued as ", b"queued as 4dkvYs1Tr",
    b", relay=", b", delay=", b", delays=", b", dsn=", b", status=", b"sent", b"sent ", b"bounced (",
    b"NOQUEUE: ", b"NOQUEUE: client=", b"last message repeated 3 times", b"postfix/smtpd[1]: ", b"qmgr",
    b", status=expired, returned to sender", b", status=force-expired, returned to sender", b'"a b"@',
    b'"a\\"> "', b">, size=1, nrcpt=2 (queue active)", b"postsuper", b"smtpd", b"Z", b"+02:00", b"+0200", b".5", b"2024-02-01T00:00:0", b"Feb  1 00:00:0",
)  # fmt: skip
SAMPLE = [line for path in LOGS for line in read(path)[:400] if line]


@st.composite
def damaged(draw: st.DrawFn) -> list[bytes]:
    """Draw some real lines with pieces of the grammar put in, taken out or written over."""
    lines = []
    for index in draw(st.lists(st.integers(0, len(SAMPLE) - 1), min_size=1, max_size=8)):
        line = SAMPLE[index]
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.integers(0, len(line)))
            piece = draw(st.sampled_from(PIECES))
            line = line[:at] + piece + line[at + draw(st.integers(0, 12)) :]
        lines.append(line.replace(b"\n", b" "))
    return lines


def test_same_for_rarer_forms_of_deliveries():
    """Aliases, connections used again, filters that give messages back, quotes, what expired."""
    lines = []
    for line in SAMPLE:
        lines += [
            line,
            line.replace(b", relay=", b", orig_to=<Info@example.org>, relay="),
            line.replace(b", delay=", b", conn_use=3, delay="),
            line.replace(b", relay=", b', orig_to=<"a b"@example.org>, relay='),
            line.replace(b" to=<", b' to=<"a b"@'),
            line.replace(b" to=<", b' to=<"a\\">, \\" b"c'),
            line.replace(b" to=<", b' to=<"a b@'),
            line.replace(b" from=<", b' from=<"x>, size=1, nrcpt=99 (queue active)"@'),
            line.replace(b", size=", b", status=expired, returned to sender, size="),
            re.sub(rb"(?<=>), size=.*", b", status=expired, returned to sender", line),
            re.sub(rb"(?<=>), size=.*", b", status=force-expired, returned to sender", line),
        ]
    assert sum(b"orig_to" in line for line in lines) > 100
    same(lines)


@given(damaged())
@settings(max_examples=400, deadline=None)
def test_same_for_damaged_lines(lines):
    same(lines)


@given(st.lists(st.binary(max_size=80).map(lambda b: b.replace(b"\n", b"")), max_size=6))
@settings(max_examples=200, deadline=None)
def test_same_for_any_bytes(lines):
    same(lines)


def test_same_for_a_long_mixed_log():
    random_ = random.Random(7)
    lines = [random_.choice(SAMPLE) for _ in range(5000)]
    same(lines)


@given(
    st.binary(max_size=20),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=6),
    st.integers(-(2**63), 2**63 - 1),
)
def test_same_line_protocol(head, fields, time):
    from bmtick.collect._points import fill

    template = b",".join(b"f=%di" for _ in fields) + b" %d\n"
    assert fill(head, template, fields, time) == head + template % (*fields, time)


@pytest.mark.parametrize("fields", [[], [1], [1, 2, 3]])
def test_fields_that_do_not_fit_a_template(fields):
    from bmtick.collect._points import fill

    with pytest.raises(ValueError, match="fields for the template"):
        fill(b"", b"a=%di,b=%di %d\n", fields, 0)


def test_an_integer_that_does_not_fit():
    from bmtick.collect._points import fill

    with pytest.raises(OverflowError):
        fill(b"", b"a=%di %d\n", [2**63], 0)


def test_same_points_in_both_forms(monkeypatch):
    rows, *_ = counted(SAMPLE, by_pointers=True)
    rows += [("postfix_queue", ("deferred",), [3, 4096, 61.25], 10), *rows]
    by_pointers = emit.to_influx(rows)
    monkeypatch.setattr(emit, "lines", None)
    assert emit.to_influx(rows) == by_pointers
    assert by_pointers.count(b"\n") == len(rows)


def test_both_are_used():
    assert scan.feed is compiled.feed
    assert emit.lines is compiled.lines


@pytest.mark.parametrize("template", [b"%", b"%%", b"a=%ai %d\n", b"%d%"])
def test_other_places_than_integers_are_left_to_python(template):
    from bmtick.collect._points import fill

    assert fill(b"", template, [1], 0) is None


@given(st.text(max_size=12), st.text(max_size=12))
def test_same_heads_of_lines(client, known):
    rows = [("postfix_client", (client, known), [0] * 27, 5)]
    with pytest.MonkeyPatch.context() as patch:
        by_pointers = emit.to_influx(rows)
        patch.setattr(emit, "lines", None)
        assert emit.to_influx(rows) == by_pointers
