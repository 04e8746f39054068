"""The server attacked over its socket: what a client may send who is no browser."""

import socket

import msgspec
import pytest

from bmtick.web import serve
from bmtick.web.app import Access, make_app
from tests.support.servers import wait_for
from tests.web.support import NOW, TOKEN, Brake, full_board

HOST = "Host: 127.0.0.1\r\nConnection: close\r\n"
GET = f"GET / HTTP/1.1\r\n{HOST}\r\n".encode()


@pytest.fixture
def brake():
    return Brake()


@pytest.fixture
def port(brake, monkeypatch):
    monkeypatch.setattr(serve, "_REQUEST_TIMEOUT", 0.2)
    access = Access(TOKEN, hosts=frozenset({"127.0.0.1"}))
    app = make_app(full_board().snapshot, brake, access, lambda: NOW)
    server = serve.Server("127.0.0.1:0", app)
    yield server.address[1]
    server.stop()


def ask(port, data):
    """Return all that the server answers until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), 120) as there:
        answer = b""
        try:
            there.sendall(data)
            while part := there.recv(65536):
                answer += part
        except ConnectionError:
            pass  # it has heard enough
        return answer


def post(path, body):
    head = f"POST {path} HTTP/1.1\r\n{HOST}Authorization: Bearer {TOKEN}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/hold", '{"who": "eve", "seconds": 1e308}'),  # no date is so late
        ("/api/hold", '{"who": "eve", "seconds": -5}'),
        ("/api/release", '{"who": "eve", "seconds": 1e999}'),
        ("/api/hold", '{"who": "\\ud800"}'),
        ("/api/hold", "[" * 4000),
        ("/api/alert", "x"),
    ],
)
def test_a_body_that_makes_no_sense_is_refused(port, brake, path, body, monkeypatch):
    def no_alert(alert):
        raise msgspec.DecodeError("no alert")

    monkeypatch.setattr(brake, "hold_alerted", no_alert)
    assert ask(port, post(path, body)).startswith(b"HTTP/1.1 400 ")
    assert brake.done == []


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/%2e%2e/etc/passwd", "//evil.example/", "/page.js/../x", "/page.js%00"],
)
def test_a_path_leads_nowhere_else(port, path):
    answer = ask(port, f"GET {path} HTTP/1.1\r\n{HOST}\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"content-security-policy" in answer.lower()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", b"421"),  # no host
        (b"GET / HTTP/1.1\r\nHost: evil\r\nHost: 127.0.0.1\r\n\r\n", b"400"),
        (f"GET / HTTP/1.1\r\n{HOST}X: {'a' * 200_000}\r\n\r\n".encode(), b"400"),
        (f"TRACE / HTTP/1.1\r\n{HOST}\r\n".encode(), b"405"),
        (f"GET http://evil.example/ HTTP/1.1\r\n{HOST}\r\n".encode(), b"404"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),  # TLS
    ],
)
def test_odd_requests_are_refused_and_logged_nowhere(port, capfd, request_, status):
    assert ask(port, request_).startswith(b"HTTP/1.1 " + status)
    assert ask(port, GET).startswith(b"HTTP/1.1 200 ")
    assert capfd.readouterr().err == ""


def test_a_body_without_end_is_cut_off(port, brake):
    head = f"POST /api/hold HTTP/1.1\r\n{HOST}Authorization: Bearer {TOKEN}\r\n"
    head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = ask(port, head.encode() + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 50)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert brake.done == []


@pytest.mark.parametrize("begun", [b"", b"GET / HT", post("/api/hold", "x" * 50)[:-20]])
def test_who_never_ends_a_request_keeps_nobody_else_out(port, begun):
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(80)]
    for one in slow:
        one.sendall(begun)
    try:
        wait_for(lambda: ask(port, GET).startswith(b"HTTP/1.1 200 "), "the page")
    finally:
        for one in slow:
            one.close()
