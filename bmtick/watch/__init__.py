"""Alerts on one machine without a TICK stack: collector, engine and delivery in one process."""
