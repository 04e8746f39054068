"""Unit tests of alerts from case files, and backtests over real history."""
