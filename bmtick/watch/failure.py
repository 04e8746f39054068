"""What can become of a delivery that did not go through."""

from __future__ import annotations


class DeliveryError(Exception):
    """It may go through later."""


class PermanentError(DeliveryError):
    """It never will: trying again would only repeat the refusal."""
