"""The helper: takes ids of one WHO, and nothing else."""

import json
import socket
import threading

import pytest

from bmtick.errors import BmtickError
from bmtick.guard.helper import Helper, choose_queue_holder, serve
from bmtick.guard.listen import open_socket
from bmtick.guard.postfix import Postsuper, is_of
from bmtick.guard.subject import Subject
from bmtick.incident.programs import Programs
from bmtick.incident.queue_files import Envelope

BOB = Subject("user", "bob@x.org")


class Brake:
    def __init__(self):
        self.asked = []

    def hold(self, who, ids):
        self.asked.append(("hold", who, ids))
        return ids[:1]

    def release(self, who, ids):
        raise BmtickError("Postfix is down", remedy="start it")


@pytest.fixture
def helper(tmp_path):
    path = str(tmp_path / "socket")
    listener, brake = open_socket(f"unix:{path}", mode=0o660), Brake()
    thread = threading.Thread(target=serve, args=(listener, brake, 1.0))
    thread.start()
    yield path, brake
    thread.join(120)
    listener.close()


def test_does_what_it_is_asked_and_says_what_failed(helper):
    path, brake = helper
    assert Helper(path).hold(BOB, ["ABCDEF", "123456"]) == ["ABCDEF"]
    assert brake.asked == [("hold", BOB, ["ABCDEF", "123456"])]
    with pytest.raises(BmtickError, match="Postfix is down"):
        Helper(path).release(BOB, ["ABCDEF"])


@pytest.mark.parametrize(
    "request_",
    [
        {"do": "delete", "who": list(BOB), "ids": ["ABCDEF"]},
        {"do": "hold", "who": list(BOB), "ids": ["ALL -d"]},
        {"do": "hold", "who": list(BOB), "ids": ["-d ABCDEF"]},
        {"do": "hold", "who": ["root", "x", ""], "ids": ["ABCDEF"]},
        {"do": "hold", "who": list(BOB), "ids": [1]},
        {"do": "hold", "who": list(BOB), "ids": 7},
        {"do": "hold", "ids": []},
        [],
        "x",
        None,
    ],
)
def test_refuses_everything_else(helper, request_):
    path, brake = helper
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        sock.sendall(json.dumps(request_).encode() + b"\n")
        assert json.loads(sock.makefile().readline())["error"] == "that is no request"
    assert not brake.asked


def test_bytes_that_are_no_json_or_never_end_are_refused(helper):
    path, _ = helper
    for data in (b"\xff\n", b"[" * 100_000 + b"\n", b"{"):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            assert b"no request" in sock.recv(1000)


def test_a_guard_that_is_not_root_asks_it_where_it_is(tmp_path, monkeypatch):
    there = tmp_path / "socket"
    there.touch()
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert isinstance(choose_queue_holder(Programs(), str(there)), Helper)
    missing = choose_queue_holder(Programs(), str(tmp_path / "none"))
    with pytest.raises(BmtickError) as error:
        missing.hold(BOB, ["ABCDEF"])
    assert "postsuper -h -" in error.value.remedy
    assert "ABCDEF" in error.value.remedy
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert isinstance(choose_queue_holder(Programs(), str(there)), Postsuper)


@pytest.mark.parametrize(
    ("who", "attributes", "sender", "theirs"),
    [
        (BOB, {"sasl_username": "Bob@X.org", "client_address": "1.2.3.4"}, "a@b", True),
        (BOB, {"sasl_username": "xbob@x.org"}, "bob@x.org", False),
        (BOB, {"client_address": "1.2.3.4"}, "bob@x.org", False),
        (Subject("client", "1.2.3.4"), {"client_address": "1.2.3.4"}, "a@b", True),
        (Subject("client", "1.2.3.4"), {"client_address": "1.2.3.41"}, "a@b", False),
        (Subject("client", "2001:db8::/64"), {"client_address": "2001:db8::9"}, "a@b", True),
        (Subject("from", "10.0.0.5", "a@b"), {"client_address": "10.0.0.5"}, "A@b", True),
        (Subject("from", "10.0.0.5", "a@b"), {"client_address": "10.0.0.5"}, "c@b", False),
        (
            Subject("from", "10.0.0.5", "a@b"),
            {"client_address": "10.0.0.5", "sasl_username": "x"},
            "a@b",
            False,
        ),
        (Subject("local", "www@x.org"), {}, "www@x.org", True),
        (Subject("local", "www@x.org"), {"client_address": "1.2.3.4"}, "www@x.org", False),
    ],
)
def test_the_queue_file_says_whose_a_message_is(who, attributes, sender, theirs):
    assert is_of(who, Envelope("A", sender=sender, attributes=attributes)) is theirs


def test_a_forwarded_message_is_the_forwarders():
    envelope = Envelope("A", sender="x@y", originals=["info@x.org"])
    assert is_of(Subject("forward", "info@x.org"), envelope)
    assert not is_of(Subject("forward", "nfo@x.org"), envelope)
