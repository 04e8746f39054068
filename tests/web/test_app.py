"""Page, JSON and metrics: whole, in her language, and only for whom they are meant."""

import html.parser

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from bmtick import languages
from bmtick.errors import BmtickError
from bmtick.live.board import Board
from bmtick.points import Point
from bmtick.web.app import Access, make_app
from bmtick.web.serve import is_loopback, read_token, split
from tests.web.support import EVIL, NOW, TOKEN, Brake, full_board, outbreak

HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def brake():
    return Brake()


def client_of(brake, board=None, access=None, base="http://127.0.0.1:8089"):
    board = full_board() if board is None else board
    access = access or Access(token=TOKEN, hosts=HOSTS)
    return TestClient(make_app(board.snapshot, brake, access, lambda: NOW), base_url=base)


@pytest.fixture
def client(brake):
    return client_of(brake)


class Outline(html.parser.HTMLParser):
    VOID = ("meta", "link", "input", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.names = [], [], [], []
        self.feed(text)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append((tag, found))
        self.ids += [found["id"]] if "id" in found else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_says_what_fires_and_why(client):
    text = client.get("/").text
    assert "1 alert fires" in text
    assert "eve@example.org sends spam" in text
    assert "1,266 recipients in the last hour, of 230 messages" in text
    assert "724 refused by other servers, 601 of them as spam" in text
    assert "bmtick respond eve@example.org" in text


def test_an_alert_shows_what_an_account_sends_before_who_guesses_at_it(brake):
    board = Board("mx")
    fields = {"failures": 9}
    board.feed([Point("postfix_account", {"user": "eve@example.org"}, fields, NOW * 10**9)])
    outbreak(board)
    board.feed([Point("postfix_account", {"user": "eve@example.org"}, fields, NOW * 10**9)])
    page = client_of(brake, board).get("/").text
    card = page[page.index("<article") : page.index("</article>")]
    assert 0 < card.index("-user-eve@example.org") < card.index("-target-eve@example.org")


def test_the_page_is_an_outline_for_those_who_hear_it(client):
    outline = Outline(client.get("/").text)
    assert len(outline.ids) == len(set(outline.ids))
    kinds = [tag for tag, _ in outline.tags]
    for landmark in ("header", "main", "footer"):
        assert kinds.count(landmark) == 1
    for tag, attributes in outline.tags:
        if tag == "section":
            assert attributes["aria-labelledby"] in outline.ids
        if tag == "button" and "data-action" in attributes:
            assert attributes["data-who"] in attributes["aria-label"]
    assert dict(outline.tags[0][1]) == {"lang": "en"}


@pytest.mark.parametrize(
    ("language", "text"), [("de", "1 Alarm ist aktiv"), ("fr", "1 alerte est active")]
)
def test_the_page_speaks_her_language(client, language, text):
    languages.set_language(language)
    try:
        page = client.get("/").text
    finally:
        languages.set_language("en")
    assert text in page
    assert f'<html lang="{language}">' in page


def test_hostile_names_stay_text(brake):
    board = Board("mx")
    outbreak(board, EVIL, EVIL)
    brake.hold(EVIL, None)
    text = client_of(brake, board).get("/").text
    outline = Outline(text)
    assert [tag for tag, _ in outline.tags].count("script") == 1, "only its own"
    assert "\x1b" not in text
    assert "\\x1b[31m" in text
    metrics = client_of(brake, board).get("/metrics").text
    labels = [s.labels for f in text_string_to_metric_families(metrics) for s in f.samples]
    assert {"user": EVIL} in labels


def test_an_empty_board_is_a_page_too(brake):
    text = client_of(brake, Board("mx")).get("/").text
    Outline(text)
    assert "Nothing fires." in text
    assert "No line of the log has been read yet." in text


def test_a_silent_collector_is_said(brake):
    board = full_board()
    app = make_app(board.snapshot, brake, Access(), lambda: NOW + 300)
    assert "No figures for 300 seconds" in TestClient(app).get("/").text


def test_an_unchanged_page_is_not_sent_again(client):
    first = client.get("/fragment")
    again = client.get("/fragment", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_nothing_may_be_loaded_from_elsewhere_or_framed(client):
    for path in ("/", "/page.js", "/api/state", "/nothing"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_the_state_as_json(client, brake):
    state = client.get("/api/state").json()
    assert state["firing"][0]["tags"]["user"] == "eve@example.org"
    assert state["entities"][0]["facts"]["blocked"] == 601
    assert state["held"] == []
    brake.hold("eve", None)
    assert [h["who"] for h in client.get("/api/held").json()] == ["eve"]


def test_metrics_hold_facts_verdicts_and_health(client, brake):
    brake.hold("eve@example.org", None)
    reply = client.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=")
    found = {
        (s.name, *s.labels.values()): s.value
        for family in text_string_to_metric_families(reply.text)
        for s in family.samples
    }
    assert found["bmtick_recipients_total", "user"] == 1266
    assert found["bmtick_user_hour_refused", "eve@example.org"] == 724
    assert found["bmtick_alerts_firing", "sender_outbreak", "critical"] == 1
    assert found["bmtick_held", "user"] == 1
    assert found[("bmtick_newest_point_timestamp_seconds",)] == NOW


def test_hold_and_release(client, brake):
    reply = client.post("/api/hold", json={"who": "eve", "seconds": 60}, headers=BEARER)
    assert reply.json() == {"done": "3 queued messages put on hold"}
    assert "Release the mail of eve" in client.get("/").text
    client.post("/api/release", json={"who": "eve"}, headers=BEARER)
    assert brake.done == [("hold", "eve", 60), ("release", "eve", 86400.0)]
    reply = client.post("/api/hold", json={"who": "nobody"}, headers=BEARER)
    assert (reply.status_code, reply.json()) == (409, {"error": "there is no such account"})


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b'{"who": "eve"}', 401),
        ({"Authorization": "Bearer wrong"}, b'{"who": "eve"}', 401),
        ({"Authorization": "Bearer "}, b'{"who": "eve"}', 401),
        # what a browser sends by itself once it knows the password
        ({"Authorization": "Basic OjAxMjM0NTY3ODlhYmNkZWY="}, b'{"who": "eve"}', 401),
        # what a form of another site can send
        ({**BEARER, "Content-Type": "text/plain"}, b'{"who": "eve"}', 415),
        ({**BEARER, "Content-Type": "application/x-www-form-urlencoded"}, b"who=eve", 415),
        (BEARER, b"{}", 400),
        (BEARER, b'{"who": 5}', 400),
        (BEARER, b'{"who": "eve", "more": 1}', 400),
        (BEARER, b"no json", 400),
        (BEARER, b'{"who": "' + b"x" * 5000 + b'"}', 413),
    ],
)
def test_nobody_acts_without_the_token(client, brake, headers, body, status):
    given = {"Content-Type": "application/json", **headers}
    for path in ("/api/hold", "/api/release"):
        assert client.post(path, content=body, headers=given).status_code == status
    assert client.get("/api/hold", headers=BEARER).status_code == 405
    assert brake.done == []


def test_without_a_token_the_page_only_reads(brake):
    client = client_of(brake, access=Access(hosts=HOSTS))
    assert "<button" not in client.get("/").text
    for token in ("Bearer ", "Bearer x"):
        headers = {"Authorization": token}
        assert client.post("/api/hold", json={"who": "e"}, headers=headers).status_code == 401


def test_another_name_for_loopback_is_refused(brake):
    for base, status in (
        ("http://attacker.example:8089", 421),
        ("http://127.0.0.1.attacker.example", 421),
        ("http://localhost:8089", 200),
        ("http://[::1]:8089", 200),
    ):
        assert client_of(brake, base=base).get("/").status_code == status


def test_beyond_loopback_reading_needs_the_token_too(brake):
    client = client_of(brake, access=Access(token=TOKEN, open=False))
    for path in ("/", "/api/state", "/metrics", "/page.js"):
        reply = client.get(path)
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"].startswith("Basic ")
        assert client.get(path, auth=("any", TOKEN)).status_code == 200
        assert client.get(path, headers=BEARER).status_code == 200
    for wrong in ("Basic !", "Basic w6k6/w==", "Digest x", "Basic Ondyb25n"):
        assert client.get("/", headers={"Authorization": wrong}).status_code == 401


def test_addresses_and_tokens_of_the_settings(tmp_path):
    assert split("[::1]:80") == ("::1", 80)
    assert [is_loopback(h) for h in ("127.0.0.9", "::1", "localhost")] == [True] * 3
    assert [is_loopback(h) for h in ("0.0.0.0", "::", "192.0.2.1", "mx")] == [False] * 4
    for wrong in ("8089", ":80", "mx:http", "mx:70000"):
        with pytest.raises(BmtickError, match="HOST:PORT"):
            split(wrong)
    assert read_token("", {}, None) == ""
    assert read_token("f", {"BMTICK_WEB_TOKEN": TOKEN}, None) == TOKEN
    assert read_token("f", {}, lambda path: TOKEN) == TOKEN
    with pytest.raises(BmtickError, match="fewer than 16"):
        read_token("f", {}, lambda path: "short")
