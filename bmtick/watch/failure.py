"""Errors of deliveries."""

from __future__ import annotations


class DeliveryError(Exception):
    """The delivery failed; a retry may succeed."""


class PermanentError(DeliveryError):
    """The delivery failed permanently; a retry would fail too."""
