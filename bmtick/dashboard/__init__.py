"""Dashboards for Chronograf and Grafana, importable as they are; the panels are data."""

from bmtick.dashboard.chronograf import chronograf_dashboard
from bmtick.dashboard.grafana import grafana_dashboard

__all__ = ["chronograf_dashboard", "grafana_dashboard"]
