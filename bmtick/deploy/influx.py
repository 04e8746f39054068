"""Queries to InfluxDB before an apply: whether the data exists that the alerts read."""

from __future__ import annotations

from collections.abc import Mapping

from bmtick.credentials import find_credentials, split_url
from bmtick.deploy.answers import QueryAnswer, SeriesAnswer
from bmtick.durations import SECOND, parse_duration
from bmtick.errors import BmtickError
from bmtick.httpclient import HttpClient
from bmtick.influxql import quote_name
from bmtick.net import tls_context
from bmtick.settings import InfluxDB


class InfluxReader:
    """InfluxQL client for InfluxDB 1.x, or the compatible API of 2.x; never writes."""

    def __init__(self, client: HttpClient) -> None:
        self._http = client

    def query(self, statement: str, database: str = "") -> list[SeriesAnswer]:
        """Run a read-only statement; return its series, times in nanoseconds."""
        params = {"q": statement, "epoch": "ns", **({"db": database} if database else {})}
        answer = self._http.read(QueryAnswer, "GET", "/query", params=params)
        results = answer.results or []
        if failed := answer.error or next((r.error for r in results if r.error), ""):
            raise BmtickError(f"InfluxDB refuses '{statement}': {failed}")
        return (results and results[0].series) or []

    def databases(self) -> set[str]:
        """Return the names of all databases."""
        return _first_column(self.query("SHOW DATABASES"))

    def retention_policies(self, database: str) -> set[str]:
        """Return the names of a database's retention policies."""
        return _first_column(self.query(f"SHOW RETENTION POLICIES ON {quote_name(database)}"))

    def measurements(self, database: str) -> set[str]:
        """Return the names of a database's measurements."""
        return _first_column(self.query(f"SHOW MEASUREMENTS ON {quote_name(database)}"))

    def field_types(self, database: str, policy: str, measurement: str, field: str) -> set[str]:
        """Return the types of a field in all shards."""
        found = self.query(show_field_keys(policy, measurement), database)
        return types_of(found, field)


def show_field_keys(policy: str, measurement: str) -> str:
    """Return the statement that lists the fields of a measurement and their types."""
    source = quote_name(measurement)
    if policy:
        source = f"{quote_name(policy)}.{source}"
    return f"SHOW FIELD KEYS FROM {source}"


def types_of(found: list[SeriesAnswer], field: str) -> set[str]:
    """Return the types of one field from the answer to ``show_field_keys``."""
    rows = [row for series in found for row in series.values or []]
    return {str(row[1]) for row in rows if row[:1] == [field]}


def connect_influx(settings: InfluxDB, environment: Mapping[str, str]) -> InfluxReader:
    """Return a reader for the ``[influxdb]`` section."""
    url, inline = split_url(settings.url)
    found = find_credentials(
        "INFLUXDB", "default", settings.username, settings.secret_file, environment
    )
    client = HttpClient(
        url,
        name="InfluxDB",
        credentials=found if found.username or found.token else inline,
        token_scheme="Token",  # noqa: S106 -- 2.x accepts no other on /query
        context=tls_context(settings.ca_file, verify=settings.verify),
        timeout=parse_duration(settings.timeout) / SECOND,
    )
    return InfluxReader(client)


def _first_column(series: list[SeriesAnswer]) -> set[str]:
    return {str(row[0]) for item in series for row in item.values or [] if row}
