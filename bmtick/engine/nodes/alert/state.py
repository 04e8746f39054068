"""The state of an alert in one group: history, flapping, expiry, duration.

Source: kapacitor ``alert.go`` (``alertState``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bmtick.engine.events import OK, Inhibitor

if TYPE_CHECKING:
    from bmtick.engine.nodes.alert import AlertNode

# The newest change of state weighs 1.5 times more than the oldest; Go divides constants exactly.
_MAX_WEIGHT = 1.2
_MIN_WEIGHT = 0.8
_MAX_DURATION = 2**63 - 1


class AlertState:
    """Levels of the last events in a ring, and what follows from them."""

    __slots__ = (
        "changed",
        "expired",
        "first_triggered",
        "flapping",
        "history",
        "index",
        "inhibitors",
        "last_triggered",
        "node",
    )

    def __init__(self, node: AlertNode, inhibitors: list[Inhibitor]) -> None:
        self.node = node
        self.history = [OK] * node.history
        self.index = 0
        self.flapping = self.changed = self.expired = False
        self.first_triggered: int | None = None
        self.last_triggered: int | None = None
        self.inhibitors = inhibitors

    @property
    def level(self) -> int:
        """The current level."""
        return self.history[self.index]

    def add(self, time: int, level: int) -> None:
        """Record the level of an event."""
        history = self.history
        self.changed = history[self.index] != level
        self.index = (self.index + 1) % len(history)
        history[self.index] = level
        node = self.node
        if node.use_flapping:
            self._update_flapping()
        limit = node.reminder
        # An alert that never triggered has expired for ever, as Go's time difference saturates.
        self.expired = (
            not self.changed
            and limit != 0
            and (self.last_triggered is None or time - self.last_triggered >= limit)
        )

    def triggered(self, time: int | None) -> None:
        """Record that an event was sent; sets the inhibitors."""
        self.last_triggered = time
        if self.history[self.index - 1] == OK:
            self.first_triggered = time
        for inhibitor in self.inhibitors:
            inhibitor.active = self.history[self.index] != OK

    def duration(self) -> int:
        """Return how long the alert has not been OK, in nanoseconds."""
        if self.last_triggered is None:
            return 0
        if self.first_triggered is None:
            # The event that would have set it was held back: Go's difference to no time at all.
            return _MAX_DURATION
        return self.last_triggered - self.first_triggered

    def _update_flapping(self) -> None:
        change = self._change()
        if self.flapping and change < self.node.flap_low:
            self.flapping = False
        elif not self.flapping and change > self.node.flap_high:
            self.flapping = True

    def _change(self) -> float:
        """Return the weighted share of changes in the history."""
        history = self.history
        length = len(history)
        changes = 0.0
        weight = _MIN_WEIGHT
        step = (_MAX_WEIGHT - weight) / (length - 1)
        for i in range(length - 1):
            current = (i + self.index) % length
            if history[current] != history[current - 1]:
                changes += weight
            weight += step
        return changes / (length - 1)

    def dump(self) -> dict[str, Any]:
        """Return the state as JSON-able data."""
        return {
            "history": self.history,
            "index": self.index,
            "flapping": self.flapping,
            "first": self.first_triggered,
            "last": self.last_triggered,
            "inhibitors": [[i.category, i.tags, i.active] for i in self.inhibitors],
        }

    @classmethod
    def load(cls, node: AlertNode, state: dict[str, Any]) -> AlertState:
        """Take back what ``dump`` gave; a history of another length is cut or filled up."""
        inhibitors = [Inhibitor(c, t, a) for c, t, a in state["inhibitors"]]
        new = cls(node, inhibitors)
        node.pipeline.events.inhibitors.extend(inhibitors)
        index = state["index"]
        old = state["history"]
        ordered = (old[index + 1 :] + old[: index + 1])[-node.history :]
        new.history = [OK] * (node.history - len(ordered)) + ordered
        new.index = node.history - 1
        new.flapping = state["flapping"]
        new.first_triggered, new.last_triggered = state["first"], state["last"]
        return new
