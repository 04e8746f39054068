"""What servers answer: Kapacitor's and InfluxDB's JSON and CSV, of whatever form."""

import io
import json

import requests
from requests.adapters import BaseAdapter

from bmtick.deploy.client import KapacitorClient
from bmtick.deploy.influx import InfluxReader
from bmtick.deploy.transport import Transport
from bmtick.errors import BmtickError
from bmtick.history import influxql
from bmtick.history.flux import points_of_rows
from bmtick.history.model import Connection, Span
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


class Answers(BaseAdapter):
    """Answers every request alike."""

    def __init__(self, data: bytes, status: int) -> None:
        super().__init__()
        self.data, self.status = data, status

    def send(self, request, **_):
        """Return the answer."""
        from urllib3 import HTTPResponse

        raw = HTTPResponse(
            io.BytesIO(self.data), status=self.status, preload_content=False,
            headers={"Content-Type": "application/json", "X-Kapacitor-Version": "1.5.7"},
        )  # fmt: skip
        return requests.adapters.HTTPAdapter().build_response(request, raw)

    def close(self):
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
            assert all(c.isprintable() or c == "\n" for c in shown), repr(shown)
            assert len(shown) < 12_000


def _questions(data: bytes, status: int):
    transport = Transport("http://127.0.0.1:9092", sleep=lambda _: None)
    transport._session.mount("http://", Answers(data, status))
    client, influx = KapacitorClient(transport), InfluxReader(transport)
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
    made = requests.Session.mount

    def mount(session, prefix, _adapter):
        made(session, prefix, Answers(data, status))

    requests.Session.mount = mount
    try:
        where = Connection("http://127.0.0.1:8086", "telegraf", "autogen")
        yield from influxql.influxql_points(where, "m", Span(0, 10**18), {})
    finally:
        requests.Session.mount = made
