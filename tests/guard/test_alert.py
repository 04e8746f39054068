"""What Kapacitor posts: who is held by it, and who is not."""

import json
import time

import pytest
from starlette.testclient import TestClient

from bmtick.guard.alert import read_alert
from bmtick.guard.holds import HOLD, Journal, release_record
from bmtick.guard.subject import Subject
from bmtick.live.board import Board
from bmtick.web.app import Access, make_app
from bmtick.web.hold_control import JournalHoldControl

BOB = Subject("user", "bob@x.org")


def alert(level="CRITICAL", name="postfix_sender", **tags):
    series = [{"name": name, "tags": {"host": "edge1", **tags}, "columns": [], "values": []}]
    data = {
        "id": "a_b_c",
        "message": "m",
        "details": "",
        "level": level,
        "data": {"series": series},
    }
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (alert(user="Bob@X.org"), [BOB]),
        (alert(name="postfix_client", client="10.0.0.5"), [Subject("client", "10.0.0.5")]),
        (
            alert(name="postfix_from", client="10.0.0.5", sender="a@b"),
            [Subject("from", "10.0.0.5", "a@b")],
        ),
        (alert(name="postfix_local", sender="www@b", uid="33"), [Subject("local", "www@b")]),
        (alert(name="postfix_local", sender="*", uid="33"), [Subject("local", "uid=33")]),
        (alert(name="postfix_forward", forwarder="info@b"), [Subject("forward", "info@b")]),
        (alert(level="WARNING", user="bob@x.org"), []),
        (alert(level="OK", user="bob@x.org"), []),
        (alert(name="postfix_guard", who="bob@x.org", user="bob@x.org"), []),
        (alert(name="postfix_auth", client="192.0.2.7"), []),
        (alert(), []),
        (b'{"level": "CRITICAL"}', []),
    ],
)
def test_whom_an_alert_names(body, named):
    assert read_alert(body)[0] == named


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"level": 3}', b"\xff", b"[" * 9999])
def test_what_is_no_alert(body):
    with pytest.raises(ValueError):
        read_alert(body)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "guard.state"


def client(path, mode):
    access = Access(token="t" * 32, hosts=frozenset({"testserver"}))
    brake = JournalHoldControl(str(path), "", mode, str(path.parent))
    return TestClient(make_app(Board("edge1").snapshot, brake, access))


def post(path, body, mode=HOLD, token="t" * 32):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return client(path, mode).post("/api/alert", content=body, headers=headers)


def held(path):
    journal = Journal(path)
    journal.poll()
    return journal.holds.held


def test_an_alert_holds_by_the_token_alone(path):
    assert post(path, alert(user="bob@x.org"), token="wrong").status_code == 401
    assert not path.exists()
    assert post(path, alert(user="bob@x.org")).status_code == 200
    hold = held(path)[BOB]
    assert (hold.by, hold.mode, hold.reason) == ("web", HOLD, "m")
    assert "already" in post(path, alert(user="bob@x.org")).json()["done"]
    assert post(path, b"{}").status_code == 400


def test_an_alert_in_mode_observe_is_noted_and_holds_nobody(path):
    post(path, alert(user="bob@x.org"), mode="observe")
    assert held(path)[BOB].mode == "observe"


def test_an_alert_does_not_hold_who_was_released(path):
    now = time.time()
    Journal(path).append([release_record(BOB, now, now + 60)])
    assert "may send" in post(path, alert(user="bob@x.org")).json()["done"]
    assert not held(path)
