"""The dashboard as Chronograf exports and imports it.

Source of the form: influxdata/chronograf 1.10, ``ui/src/dashboards/components/
ImportDashboardOverlay.tsx`` (``{"meta", "dashboard"}``) and ``server/dashboards.go``.
A cell without a source takes the one that the administrator has chosen ("dynamic source").
"""

from __future__ import annotations

from typing import Any

from bmtick.dashboard.panels import HEIGHT, Panel, layout
from bmtick.influxql import quote_name
from bmtick.names import ALERTS_DATABASE, ALERTS_RETENTION_POLICY

_TYPES = {"lines": "line", "bars": "bar", "table": "table"}
_COLORS = (("base", "laser", "#00C9FF"),)


def chronograf_dashboard(database: str, retention_policy: str) -> dict[str, Any]:
    """Return the content of a file for Chronograf's "Import Dashboard"."""
    cells = [
        _cell(index, panel, x, y, database, retention_policy)
        for index, (panel, x, y) in enumerate(layout())
    ]
    return {
        "meta": {"chronografVersion": "1.10.1", "sources": {}},
        "dashboard": {"name": "bmtick: outgoing mail", "cells": cells, "templates": []},
    }


def _cell(
    index: int, panel: Panel, x: int, y: int, database: str, retention_policy: str
) -> dict[str, Any]:
    alerts = panel.database == "alerts"
    db = ALERTS_DATABASE if alerts else database
    rp = ALERTS_RETENTION_POLICY if alerts else retention_policy
    query = panel.query.format(
        source=f"{quote_name(db)}.{quote_name(rp)}",
        time="time > :dashboardTime: AND time < :upperDashboardTime:",
        interval=":interval:",
    )
    return {
        "i": f"bmtick-{index}",
        "x": x,
        "y": y,
        "w": panel.width,
        "h": HEIGHT,
        "name": panel.title,
        "queries": [{"query": query, "queryConfig": _config(query, db, rp, panel), "source": ""}],
        "axes": {
            "x": _axis(""),
            "y": _axis(panel.unit),
            "y2": _axis(""),
        },
        "type": _TYPES[panel.kind],
        "colors": [
            {"id": id_, "type": "text", "hex": hex_, "name": name, "value": "-1000000000000000000"}
            for id_, name, hex_ in _COLORS
        ]
        if panel.kind == "table"
        else [],
        "legend": {"type": "static", "orientation": "bottom"} if panel.kind != "table" else {},
        "tableOptions": {
            "verticalTimeAxis": True,
            "sortBy": {"internalName": "time", "displayName": "", "visible": True},
            "wrapping": "truncate",
            "fixFirstColumn": True,
        },
        "fieldOptions": [{"internalName": "time", "displayName": "", "visible": True}],
        "timeFormat": "YYYY-MM-DD HH:mm:ss",
        "decimalPlaces": {"isEnforced": True, "digits": 2},
        "note": panel.note,
        "noteVisibility": "default",
    }


def _config(query: str, database: str, retention_policy: str, panel: Panel) -> dict[str, Any]:
    return {
        "database": database,
        "measurement": panel.measurement,
        "retentionPolicy": retention_policy,
        "fields": [],
        "tags": {},
        "groupBy": {"time": "", "tags": []},
        "areTagsAccepted": False,
        "rawText": query,
        "range": None,
        "shifts": None,
    }


def _axis(label: str) -> dict[str, Any]:
    return {
        "bounds": ["", ""],
        "label": label,
        "prefix": "",
        "suffix": "",
        "base": "10",
        "scale": "linear",
    }
