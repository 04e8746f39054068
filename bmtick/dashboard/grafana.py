"""The dashboard as Grafana imports it, on an InfluxDB data source with InfluxQL.

Source of the form: Grafana's dashboard JSON model (schema version 36, Grafana 9 and later);
``__inputs`` makes the import dialogue ask for the data source.
"""

from __future__ import annotations

from typing import Any

from bmtick.dashboard.panels import HEIGHT, Panel, layout
from bmtick.influxql import quote_name
from bmtick.names import ALERTS_DATABASE, ALERTS_RETENTION_POLICY

_COLUMN = 2  # Grafana's grid has 24 columns
_ROW = 2
_INPUTS = {"source": "DS_TELEGRAF", "alerts": "DS_ALERTS"}


def grafana_dashboard(database: str, retention_policy: str) -> dict[str, Any]:
    """Return the content of a file for Grafana's "Import dashboard"."""
    policies = {"source": retention_policy, "alerts": ALERTS_RETENTION_POLICY}
    return {
        "__inputs": [
            _input("source", f"InfluxDB, database {database}"),
            _input("alerts", f"InfluxDB, database {ALERTS_DATABASE}"),
        ],
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": "9.0.0"},
            {"type": "datasource", "id": "influxdb", "name": "InfluxDB", "version": "1.0.0"},
        ],
        "uid": "bmtick-outgoing-mail",
        "title": "bmtick: outgoing mail",
        "tags": ["bmtick", "postfix"],
        "schemaVersion": 36,
        "version": 1,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-6h", "to": "now"},
        "panels": [
            _panel(index, panel, x, y, policies[panel.database])
            for index, (panel, x, y) in enumerate(layout(), 1)
        ],
    }


def _input(kind: str, label: str) -> dict[str, str]:
    return {
        "name": _INPUTS[kind],
        "label": label,
        "description": "",
        "type": "datasource",
        "pluginId": "influxdb",
        "pluginName": "InfluxDB",
    }


def _panel(index: int, panel: Panel, x: int, y: int, retention_policy: str) -> dict[str, Any]:
    source = {"type": "influxdb", "uid": f"${{{_INPUTS[panel.database]}}}"}
    policy = quote_name(retention_policy)
    query = panel.query.format(source=policy, time="$timeFilter", interval="$__interval")
    return {
        "id": index,
        "title": panel.title,
        "description": panel.note,
        "type": "table" if panel.kind == "table" else "timeseries",
        "datasource": source,
        "gridPos": {
            "x": x * _COLUMN,
            "y": y * _ROW,
            "w": panel.width * _COLUMN,
            "h": HEIGHT * _ROW,
        },
        "targets": [
            {
                "refId": "A",
                "datasource": source,
                "rawQuery": True,
                "query": query,
                "resultFormat": "table" if panel.kind == "table" else "time_series",
            }
        ],
        "fieldConfig": {
            "defaults": {
                "unit": "s" if panel.unit == "s" else "short",
                "custom": {
                    "drawStyle": "bars" if panel.kind == "bars" else "line",
                    "fillOpacity": 10,
                    "axisLabel": panel.unit,
                }
                if panel.kind != "table"
                else {},
            },
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}}
        if panel.kind != "table"
        else {},
    }
