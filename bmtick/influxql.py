"""How names and texts are written in InfluxQL, whoever asks.

Source of the grammar: influxdata/influxdb ``influxql/README.md`` (1.x), identifiers and strings.
"""

from __future__ import annotations


def quote_name(name: str) -> str:
    """Quote an identifier: a database, a retention policy, a measurement."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def quote_text(text: str) -> str:
    """Quote a string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
