"""Flux: what is asked, and how annotated CSV becomes points; against a stub of InfluxDB 2."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bmtick.history import Connection, Span, read_points
from bmtick.history.flux import nanoseconds, quote
from bmtick.history.model import HistoryError

FIELDS = "#datatype,string,long,string\r\n,result,table,_value\r\n,_result,0,length\r\n,_result,0,age\r\n\r\n"
POINTS = (
    "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,string,string,string,double,long\r\n"
    ",result,table,_start,_stop,_time,_measurement,queue,host,age,length\r\n"
    ',_result,0,1970-01-01T00:00:00Z,2100-01-01T00:00:00Z,2026-01-05T08:00:00Z,postfix_queue,active,"a,b",1.5,7\r\n'
    ",_result,0,1970-01-01T00:00:00Z,2100-01-01T00:00:00Z,2026-01-05T08:00:10.000000001Z,postfix_queue,hold,,,8\r\n\r\n"
)


@pytest.fixture
def stub():
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.headers["Authorization"], self.path, body["query"]))
            if self.headers["Authorization"] != "Token secret":
                self.send_response(401)
                self.end_headers()
                self.wfile.write(b'{"code":"unauthorized","message":"unauthorized access"}')
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/csv")
            self.end_headers()
            answer = FIELDS if "distinct" in body["query"] else POINTS
            self.wfile.write(answer.encode())

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def connection(url, token="secret"):
    return Connection(url, "telegraf", "autogen", token=token, org="bm", timeout=5)


def test_points(stub):
    url, asked = stub
    where = {"host": 'a"b'}
    got = list(read_points(connection(url), ["postfix_queue"], Span(1, 2**62), where=where))
    assert [(p.tags, p.fields, p.time) for p in got] == [
        ({"queue": "active", "host": "a,b"}, {"age": 1.5, "length": 7}, 1767600000000000000),
        ({"queue": "hold"}, {"length": 8}, 1767600010000000001),
    ]
    query = asked[-1][2]
    assert 'from(bucket: "telegraf/autogen")' in query
    assert 'r["host"] == "a\\"b"' in query
    assert asked[-1][1] == "/api/v2/query?org=bm"


def test_a_wrong_token_is_explained(stub):
    with pytest.raises(HistoryError, match="401") as raised:
        list(read_points(connection(stub[0], "wrong"), ["m"], Span(1, 2)))
    assert "token" in str(raised.value)
    assert "wrong" not in str(raised.value)


def test_a_server_that_is_not_there():
    with pytest.raises(HistoryError, match="cannot reach"):
        list(read_points(connection("http://127.0.0.1:9"), ["m"], Span(1, 2)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01T01:00:00.000000001+01:00", 1),
        ("2026-01-05T08:00:00.5Z", 1767600000500000000),
    ],
)
def test_times_keep_their_nanoseconds(text, expected):
    assert nanoseconds(text) == expected


def test_quoting():
    assert quote('a"b\\c${d}\n') == '"a\\"b\\\\c\\${d}\\n"'
