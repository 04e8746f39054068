"""What InfluxDB, or whatever stands at its address, may answer: points, or one message that says why."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bmtick.history.model import Connection, HistoryError, Span
from bmtick.history.read import read_points

_TAGS = '{"results":[{"series":[{"columns":["tagKey"],"values":[["host"]]}]}]}'
_TYPES = (
    '{"results":[{"series":[{"columns":["fieldKey","fieldType"],"values":[["value","integer"]]}]}]}'
)
_ROWS = '{"results":[{"series":[{"columns":["time","host","value"],"values":[[1,"a",2],[2,"b",null]]}]}]}'


@pytest.fixture
def answering():
    """Start a server that gives these answers, one after the other; return its address."""
    servers = []

    def start(*answers):
        left = list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = left.pop(0) if left else (200, "{}")
                length = len(body) + (50 if body.endswith("...") else 0)  # breaks off
                self.send_response(status)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                """Say nothing."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def read(url, **changes):
    connection = Connection(url, "telegraf", "autogen", timeout=5, **changes)
    return list(read_points(connection, ["m"], Span(0, 10**18)))


def test_points_come_with_their_types(answering):
    points = read(answering((200, _TAGS), (200, _TYPES), (200, _ROWS)))
    assert [(p.time, p.tags, p.fields) for p in points] == [
        (1, {"host": "a"}, {"value": 2}),
        (2, {"host": "b"}, {}),
    ]


@pytest.mark.parametrize(
    ("answers", "said", "remedy"),
    [
        ([(200, "<html>nginx</html>")], "not what it should be", "right address"),
        ([(200, "[1]")], "not what it should be", "right address"),
        ([(200, '{"error":"database not found"}')], "database not found", ""),
        ([(200, '{"results":[{"error":"timeout"}]}')], "timeout", ""),
        ([(401, '{"error":"unable to parse credentials"}')], "401", "user name and password"),
        ([(403, "")], "403", "user name and password"),
        ([(500, "panic")], "500 panic", ""),
        ([(200, _TAGS), (200, _TYPES.replace("integer", "complex"))], "complex", "right address"),
        ([(200, _TAGS.replace('"host"', "5"))], "not what it should be", "right address"),
        ([(200, _TAGS), (200, _TYPES), (200, _ROWS.replace("[1,", '["x",'))], "not what", "right"),
        ([(200, _TAGS), (200, _TYPES), (200, _ROWS.replace(",2]", "]"))], "not what", "right"),
        ([(200, _TAGS), (200, _TYPES), (200, '{"results":...')], "broke off", ""),
    ],
    ids=lambda value: value if isinstance(value, str) and value else None,
)
def test_a_wrong_answer_is_one_message(answering, answers, said, remedy):
    url = answering(*answers)
    with pytest.raises(HistoryError) as refused:
        read(url)
    assert said in refused.value.message
    assert url in refused.value.message
    assert remedy in refused.value.remedy


def test_nobody_listens(monkeypatch):
    """It is said at once."""
    monkeypatch.setattr("bmtick.httpclient.time.sleep", lambda _: pytest.fail("waits"))
    with pytest.raises(HistoryError) as refused:
        read("http://127.0.0.1:9")
    assert "cannot reach InfluxDB at " in refused.value.message
    assert refused.value.remedy == "is it running, is [influxdb] url right?"


def test_a_measurement_that_is_not_there_has_no_points(answering):
    assert read(answering((200, _TAGS), (200, '{"results":[{}]}'))) == []
