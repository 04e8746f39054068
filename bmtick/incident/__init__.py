"""Incident response: find senders and relays, and stop them."""
