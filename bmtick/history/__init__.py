"""Read points of the past from InfluxDB for backtests and reports, and write points.

Servers, credentials and clocks come from the caller.
"""

from bmtick.history.influxql import influxql_answer
from bmtick.history.model import Connection, Span
from bmtick.history.read import read_points

__all__ = ["Connection", "Span", "influxql_answer", "read_points"]
