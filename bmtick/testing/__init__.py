"""Alerts on trial: unit tests from case files, and backtests over real history."""
