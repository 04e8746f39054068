"""``|alert``: levels, states, events, texts, handlers."""

from bmtick.engine.nodes.alert.node import AlertNode

__all__ = ["AlertNode"]
