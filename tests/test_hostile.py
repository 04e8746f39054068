"""500 hostile texts, in every place of a log, in everything that shows them.

No header, element, option or answer comes of a text; nothing that would turn a terminal or hide is
printed; what machines read, they read back as it was.
"""

import csv
import io
import json
import re
from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest

from bmtick.alerts.quoting import go_text, tick_string
from bmtick.collect.raw import username
from bmtick.engine.gotemplate.template import Template
from bmtick.errors import BmtickError, printable
from bmtick.guard.core import BY_HAND, Guard
from bmtick.guard.holds import HOLD, Journal, hold_record
from bmtick.guard.protocol import ProtocolError, Requests
from bmtick.guard.subject import user
from bmtick.live.board import Board
from bmtick.points import parse_lines
from bmtick.tick import ast
from bmtick.tick.parser import parse
from bmtick.web.page import page
from tests.support import program
from tests.support.hostile import hostile, in_a_line, log_of
from tests.web.support import outbreak

BEGIN = 1_767_600_000
TEXTS = hostile(500)
HARMLESS = [f"user{number}@example.org" for number in range(500)]
SETTINGS = (
    '[notify]\nrecipients = ["a@example.org"]\n[alerts.sender_outbreak]\n[alerts.forward_spam]\n'
)
HEADERS = ["Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]  # fmt: skip
# C0 but the line end, C1, marks and overrides of direction, other line ends, surrogates
NO_TEXT = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def bmtick(folder, *arguments):
    done = program.run("--config", f"{folder}/bmtick.toml", *arguments, cwd=folder)
    assert done.returncode in {0, 1}, done.stderr.decode(errors="replace")
    assert b"Traceback" not in done.stderr
    assert not NO_TEXT.search(done.stderr.decode()), arguments
    return done.stdout.decode()


def place(folder, texts):
    (folder / "mail.log").write_bytes(log_of(texts, BEGIN))
    (folder / "bmtick.toml").write_text(
        f'{SETTINGS}[collect]\nlogs = ["{folder}/mail.log"]\nstate = "{folder}/state"\n'
        f'[guard]\nstate = "{folder}/guard.state"\n[influxdb]\nurl = "http://127.0.0.1:9"\n'
    )
    return folder


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    """A folder with the log, and a guard's journal that holds everybody."""
    folder = place(tmp_path_factory.mktemp("evil"), TEXTS)
    journal = Journal(folder / "guard.state")
    journal.append(
        [
            hold_record(user(text), BEGIN, text[:300], until=None, by=BY_HAND, mode=HOLD)
            for text in logins()
        ]
    )
    return folder


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """The same with harmless texts."""
    return place(tmp_path_factory.mktemp("twin"), HARMLESS)


@pytest.fixture(scope="module")
def points(evil):
    text = bmtick(evil, "collect", "--from-start", "--no-state", "--queue=off", "--log=mail.log")
    return list(parse_lines(text.split("\n")))


def logins():
    """What the logins are called: folded and of bounded length."""
    return [username(in_a_line(t)[:150] + b"%03d" % n) for n, t in enumerate(TEXTS)]


def stored(text):
    text = "".join("?" if ord(c) < 32 or ord(c) == 127 else c for c in text)
    return re.sub(r"\\(?=[\\,= ])", "/", text) if '"' in text else text


def test_points(points):
    senders = [point for point in points if point.name == "postfix_sender"]
    assert {point.tags["user"] for point in senders} == set(map(stored, logins()))
    for name, count in (("messages", 3), ("recipients", 30), ("blocked", 29), ("refused", 29)):
        assert {p.fields[name] for p in senders} == {count}, name
    [collector] = {p.fields["unparsed"] for p in points if p.name == "bmtick_collector"}
    assert collector == 0
    lines = sum(p.fields["lines"] for p in points if p.name == "bmtick_collector")
    assert lines == log_of(TEXTS, BEGIN).count(b"\n")


def test_points_as_json(evil, points):
    text = bmtick(
        evil, "collect", "--from-start", "--no-state", "--queue=off", "--log=mail.log", "--format=json"
    )  # fmt: skip
    found = [json.loads(line) for line in text.split("\n") if line]
    assert len(found) == len(points)
    assert not NO_TEXT.search(text)
    senders = [one for one in found if one["measurement"] == "postfix_sender"]
    assert set(logins()) == {one["tags"]["user"] for one in senders}


class Page(HTMLParser):
    """The names of all elements, each with those of its attributes."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.scripts = set(), [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements |= {tag, *(f"{tag} {name}" for name, _ in attrs)}
        self.open.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] in {"script", "style"}:
            self.scripts.append(data)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass


def mails_of(folder):
    bmtick(folder, "watch", "--once", "--no-state", "--mail-dir=mails")
    return [path.read_bytes() for path in sorted((folder / "mails").glob("*.eml"))]


def test_mails(evil, twin):
    raw = mails_of(evil)
    assert len(raw) > 50
    usual = set()
    for mail in mails_of(twin)[:20]:
        body = message_from_bytes(mail, policy=policy.default).get_body(("html",))
        usual |= Page(body.get_content()).elements
    for mail in raw:
        head, _, body = re.sub(rb"\r?\n", rb"\r\n", mail).partition(b"\r\n\r\n")
        assert re.fullmatch(rb"[ -~\r\n]*", head)
        names = [
            line.split(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in b" \t"
        ]
        assert sorted(names) in (sorted(HEADERS), sorted([*HEADERS, "References", "In-Reply-To"]))
        parsed = message_from_bytes(mail, policy=policy.default)
        assert parsed["To"] == "a@example.org"
        assert not NO_TEXT.search(parsed["Subject"])
        plain, html = (parsed.get_body((kind,)).get_content() for kind in ("plain", "html"))
        assert not NO_TEXT.search(re.sub("\r\n|\t", "", plain + html))
        assert Page(html).elements <= usual


def test_the_report(evil, twin):
    for folder in (evil, twin):
        bmtick(folder, "report", "--log=mail.log", "-o", "page.html")
    ours, theirs = ((folder / "page.html").read_text("utf-8") for folder in (evil, twin))
    assert Page(ours).elements == Page(theirs).elements
    assert len(Page(ours).scripts) == len(Page(theirs).scripts)
    assert sorted(NO_TEXT.findall(ours)) == sorted(NO_TEXT.findall(theirs)), "those of the library"


def test_the_web_page(points):
    def shown_page(texts, given):
        board = Board("mx")
        board.feed(given)
        for number, text in enumerate(texts):
            outbreak(board, text, f"id-{number} {text}")
        held = [
            {"who": text, "since": "2027-01-15T08:00:00+00:00", "until": None, "reason": text}
            | {"messages": 1, "mode": "hold", "user": text}
            for text in texts
        ]
        return page(board.snapshot(1_800_000_000), held, actions=True)

    ours, theirs = shown_page(logins(), points), shown_page(HARMLESS, [])
    assert not NO_TEXT.search(ours.replace("\t", ""))
    assert Page(ours).elements <= Page(theirs).elements
    assert Page(ours).scripts == []


@pytest.mark.parametrize(
    "command",
    [
        "suspects --no-queue --log mail.log",
        "relays --log mail.log",
        "held",
        "top --once --log mail.log",
        "backtest --log mail.log sender_outbreak",
    ],
    ids=lambda command: command.split()[0],
)
def test_the_terminal(evil, command):
    text = bmtick(evil, *command.split())
    assert text
    assert not NO_TEXT.search(text)


def test_json(evil):
    names = set(logins())
    suspects = json.loads(bmtick(evil, "suspects", "--no-queue", "--log=mail.log", "--json"))
    assert names <= {one["user"] for one in suspects["suspects"]}
    held = json.loads(bmtick(evil, "held", "--format=json"))
    assert names == {one["user"] for one in held}
    assert json.loads(bmtick(evil, "relays", "--log=mail.log", "--json"))


def test_csv(evil):
    text = bmtick(evil, "suspects", "--no-queue", "--log=mail.log", "--format=csv")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) >= 500
    names = {row["user"] for row in rows}
    for name in map(printable, logins()):
        assert name in names or f"'{name}" in names
    assert not NO_TEXT.search(text)
    for row in rows:
        assert None not in row, "as many cells as columns"
        assert not any(
            re.match(r"[=+\-@\t\r]", cell) for cell in row.values() if not is_number(cell)
        )


def is_number(cell):
    return re.fullmatch(r"-?[0-9.]+", cell)


def test_tickscript_and_go_templates():
    refused = 0
    for text in TEXTS:
        try:
            written = tick_string(text)
        except BmtickError:
            refused += 1
            assert any(0xD800 <= ord(c) < 0xE000 for c in text) or text.endswith("\\")
            continue
        (declared,) = parse(f"var x = {written}\n").statements
        assert declared.value == ast.String(text)
        assert Template(go_text(text)).execute({}) == text
    assert refused < len(TEXTS) / 2


def test_policy_replies(tmp_path):
    class Judge:
        def message(self, message, now): ...
        def released(self, who, now): ...
        def verdict(self, who, now):
            return str(who)

    said = []
    guard = Guard(
        Journal(tmp_path / "state"), Judge(), HOLD, clock=lambda: 1000.0, warn=said.append
    )
    answers = 0
    for text in TEXTS:
        raw = text.encode("utf-8", "surrogatepass")
        for evil in (raw, raw.replace(b"\n", b"?")):
            request = (
                b"request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\nqueue_id=%s\n"
                b"instance=%s\nsender=%s\nrecipient=%s\nrecipient_count=%s\nsize=%s\n"
                b"client_address=%s\nsasl_username=%s\n\n" % ((evil[:500],) * 8)
            )
            try:
                requests = Requests().feed(request)
            except ProtocolError:
                assert b"\n" in evil
                continue
            for one in requests:
                answer = guard.answer(one)
                assert re.fullmatch(rb"action=(DUNNO|HOLD [ -~]+)\n\n", answer)
                answers += b"HOLD" in answer
    assert answers > 500
    assert not [line for line in said if "failed" in line]
    again = Journal(tmp_path / "state")
    again.poll()
    assert len(again.holds.held) > 300
