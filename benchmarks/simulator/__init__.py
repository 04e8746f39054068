"""Postfix logs of any length with their own ground truth: ``python -m benchmarks.simulator``."""
