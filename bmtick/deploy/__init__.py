"""Desired against actual alerts on a Kapacitor: plan (pure), apply, rollback."""
