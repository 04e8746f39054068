"""What servers answer: Kapacitor's and InfluxDB's JSON and CSV, of whatever form."""

import http.client
import io
import json

from bmtick.deploy.client import KapacitorClient
from bmtick.deploy.influx import InfluxReader
from bmtick.errors import BmtickError
from bmtick.history import influxql
from bmtick.history.flux import points_of_rows
from bmtick.history.model import Connection, Span
from bmtick.httpclient import HttpClient
from tests.fuzz import harness


def seeds():
    """Return what a real Kapacitor and a real InfluxDB answered, some of it broken."""
    folder = harness.CORPUS.parents[1] / "deploy/exchanges"
    for path in sorted(folder.glob("*.json")):
        for exchange in json.loads(path.read_text("utf-8"))["exchanges"][::5]:
            answer = exchange["response"].get("json")
            if answer:
                yield json.dumps(answer)[:3000]
    yield _SERIES
    yield _TYPES
    yield _CSV
    yield '!{"error": "engine: timeout"}'
    yield '?{"message": "no such task"}'


_SERIES = """{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","host","value"],"values":[[1,"a",2],[2,"b",null]]}]}]}
{"results":[{"statement_id":0,"error":"x"}]}"""
_TYPES = """{"results":[{"statement_id":0,"series":[{"name":"m","columns":["fieldKey","fieldType"],"values":[["value","integer"]]}]}]}"""
_CSV = """#datatype,string,long,dateTime:RFC3339,long,string
,result,table,_time,value,_tag.host
,_result,0,2026-01-01T00:00:00.123456789Z,5,a
"""


class Answering(HttpClient):
    """Answers every request alike."""

    def __init__(self, data: bytes, status: int) -> None:
        super().__init__("http://127.0.0.1:9092", sleep=lambda _: None)
        self._data, self._status = data, status

    def _send(self, method, url, data, headers, limits):
        del url, data, headers
        there = _Socket(self._data, self._status, limits)
        reply = http.client.HTTPResponse(there, method=method)
        reply.begin()
        return there, reply


class _Socket(io.BytesIO):
    def __init__(self, data: bytes, status: int, limits) -> None:
        head = f"HTTP/1.1 {status} X\r\nX-Kapacitor-Version: 1.5.7\r\n\r\n"
        super().__init__(head.encode() + data)
        self.limits = limits

    def makefile(self, _mode):
        return self

    def shutdown(self, _how):
        """Nothing is open."""


def fuzz(data: bytes) -> None:
    """Ask a server that answers so, in all ways."""
    status = 500 if data[:1] == b"!" else 404 if data[:1] == b"?" else 200
    data = data[1:] if status != 200 else data
    for act in _questions(data, status):
        try:
            act()
        except BmtickError as error:
            shown = str(error)
            assert harness.is_printable(shown), repr(shown)
            assert len(shown) < 12_000


def _questions(data: bytes, status: int):
    http_client = Answering(data, status)
    client, influx = KapacitorClient(http_client), InfluxReader(http_client)
    yield client.version
    yield lambda: [task.stale for task in client.list_tasks("*")]
    yield lambda: (task := client.task("x")) and task.stale
    yield lambda: client.list_templates("*")
    yield lambda: client.template("x")
    yield lambda: client.topics("*")
    yield lambda: client.events("x")
    yield lambda: client.config_section("smtp")
    yield lambda: client.service_test("smtp", {})
    yield lambda: client.output("x", "y")
    yield influx.databases
    yield lambda: influx.retention_policies("x")
    yield lambda: influx.measurements("x")
    yield lambda: list(_history(data, status))
    text = data.decode("utf-8", "replace")
    rows = [line.split(",") for line in text.split("\n")]
    yield lambda: list(points_of_rows(rows, "m"))


def _history(data: bytes, status: int):
    """Read points with each request answered so."""

    class Where(Connection):
        def client(self, **_):
            return Answering(data, status)

    where = Where("http://127.0.0.1:8086", "telegraf", "autogen")
    yield from influxql.influxql_points(where, "m", Span(0, 10**18), {})
