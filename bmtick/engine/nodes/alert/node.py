"""``|alert``: the node, its groups, and the state of each.

Source: kapacitor ``alert.go`` (``AlertNode``, ``alertState``), ``pipeline/alert.go``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from bmtick.engine.arguments import Property, flag, table, value
from bmtick.engine.events import LEVELS, OK, AlertEvent, EventState, Inhibitor
from bmtick.engine.messages import Batch, BatchPoint, Fields, First, Point, Tags
from bmtick.engine.node import DefinitionError, Group, Node
from bmtick.engine.nodes.alert.handlers import AlertHandler, handler_properties, problem
from bmtick.engine.nodes.alert.levels import Levels
from bmtick.engine.nodes.alert.texts import Texts
from bmtick.engine.registry import register
from bmtick.engine.rows import to_row


def _flapping(owner: AlertNode, args: list[Any]) -> None:
    owner.use_flapping, (owner.flap_low, owner.flap_high) = True, args


def _state_changes_only(owner: AlertNode, args: list[Any]) -> None:
    owner.state_changes_only = True
    if len(args) == 1:
        owner.reminder = args[0]


def _inhibit(owner: AlertNode, args: list[Any]) -> None:
    owner.inhibits.append((args[0], args[1:]))


_PROPERTIES: dict[str, Property] = {
    "category": value("category"),
    "topic": value("topic"),
    "id": value("id_text"),
    "message": value("message_text"),
    "details": value("details_text"),
    "info": value("info"),
    "warn": value("warn"),
    "crit": value("crit"),
    "infoReset": value("info_reset"),
    "warnReset": value("warn_reset"),
    "critReset": value("crit_reset"),
    "flapping": Property(_flapping),
    "history": value("history"),
    "levelTag": value("level_tag"),
    "levelField": value("level_field"),
    "messageField": value("message_field"),
    "durationField": value("duration_field"),
    "idTag": value("id_tag"),
    "idField": value("id_field"),
    "all": flag("all_points"),
    "noRecoveries": flag("no_recoveries"),
    "stateChangesOnly": Property(_state_changes_only),
    "inhibit": Property(_inhibit),
}


@register
class AlertNode(Node):
    """Determines the level of each point or batch; sends events as Kapacitor does."""

    chain = "alert"
    desc = "alert"
    properties = table(_PROPERTIES)

    @classmethod
    @cache
    def all_properties(cls) -> Mapping[str, Property]:
        """The alert's properties and its handlers."""
        return {**super().all_properties(), **handler_properties()}

    def define(self) -> None:
        """Set Kapacitor's defaults."""
        self.category = self.topic = ""
        self.id_text = "{{ .Name }}:{{ .Group }}"
        self.message_text = "{{ .ID }} is {{ .Level }}"
        self.details_text = "{{ json . }}"
        self.info = self.warn = self.crit = None
        self.info_reset = self.warn_reset = self.crit_reset = None
        self.use_flapping, self.flap_low, self.flap_high = False, 0.0, 0.0
        self.history = 21
        self.level_tag = self.level_field = self.message_field = ""
        self.duration_field = self.id_tag = self.id_field = ""
        self.all_points = self.no_recoveries = self.state_changes_only = False
        self.reminder = 0
        self.inhibits: list[tuple[str, list[str]]] = []
        self.handlers: list[AlertHandler] = []

    def validate(self) -> None:
        """Check handlers and thresholds."""
        for handler in self.handlers:
            found = problem(handler)
            if found:
                raise DefinitionError(f"invalid {handler.kind} handler: {found}")
        if self.use_flapping and (self.flap_low > 1 or self.flap_high > 1):
            raise DefinitionError(
                "alert flap thresholds are percentages and should be between 0 and 1"
            )

    def start(self) -> None:
        """Compile conditions and templates."""
        self.history = max(self.history, 2)
        levels: Any = (self.info, self.warn, self.crit)
        resets: Any = (self.info_reset, self.warn_reset, self.crit_reset)
        self.levels = Levels(levels, resets, self.predicate_of, self.report)
        self.texts = Texts(self, self.id_text, self.message_text, self.details_text)
        self.frozen = [handler.freeze() for handler in self.handlers]
        # An alert without handler or topic has no effect in Kapacitor; here it still reports
        # events, as if it had a handler.
        self.topics = [
            *([f"main:{self.pipeline.task}:{self.name}"] if self._anonymous else []),
            *([self.topic] if self.topic else []),
        ]

    @property
    def _anonymous(self) -> bool:
        return bool(self.handlers) or not self.topic

    def new_group(self, first: First) -> AlertGroup:
        """Start with the topics' state of the group's event id."""
        id_ = self.texts.id(first.name, first.group, first.tags)
        tags = first.group_info().tags
        inhibitors = [
            Inhibitor(category, {tag: tags.get(tag, "") for tag in equal})
            for category, equal in self.inhibits
        ]
        self.pipeline.events.inhibitors.extend(inhibitors)
        state = AlertState(self, inhibitors)
        remembered = self._stored_state(id_)
        if remembered.level != OK:
            state.add(first.time, remembered.level)
            state.triggered(remembered.time)
        return AlertGroup(self, state)

    def _stored_state(self, id_: str) -> EventState:
        events = self.pipeline.events
        known = [(topic, events.state(topic, id_)) for topic in self.topics]
        found = [(topic, state) for topic, state in known if state is not None]
        if not found:
            return EventState()
        first = found[0][1]
        for topic, state in known:
            # The topics of one alert agree; the anonymous one comes first.
            if (state.level if state else OK) != first.level:
                events.update(topic, id_, first)
        return first

    def send(self, event: AlertEvent, level: int) -> None:
        """Send an event unless it is inhibited; store its state in the topics."""
        events = self.pipeline.events
        if events.inhibited(self.category, event.tags):
            return
        before = [
            events.update(topic, event.id, EventState(level, event.time)) for topic in self.topics
        ]
        event.previous_level = LEVELS[before[0]]
        events.pending.append(event)

    def snapshot(self) -> object:
        """Return the states by group, and the state of the conditions' functions."""
        return {
            "groups": [[group, found.state.dump()] for group, found in self.groups.items()],
            "conditions": [p.expression.snapshot() for p in self.levels.predicates],
        }

    def restore(self, state: Any) -> None:
        """Restore the states."""
        for predicate, kept in zip(self.levels.predicates, state["conditions"], strict=False):
            predicate.expression.restore(kept)
        for group, dumped in state["groups"]:
            self.groups[group] = AlertGroup(self, AlertState.load(self, dumped))


class AlertGroup(Group):
    """One group of an alert."""

    __slots__ = ("state",)

    def __init__(self, node: AlertNode, state: AlertState) -> None:
        super().__init__(node)
        self.state = state

    def point(self, point: Point) -> None:
        """Determine the level of the point; send and forward as needed."""
        node: AlertNode = self.node
        state = self.state
        id_ = node.texts.id(point.name, point.group, point.tags)
        level = node.levels.of(point, state.level)
        state.add(point.time, level)
        if node.use_flapping and state.flapping:
            return
        if node.state_changes_only and not state.changed and not state.expired:
            return
        if level == OK and not state.changed:
            return
        state.triggered(point.time)
        if node.no_recoveries and level == OK:
            return
        event = self._event(id_, point, point.fields, level, point.time)
        new = point.copy()
        tags = self._tags(point.tags, event)
        if tags is not point.tags:
            new.tags = tags
            new.regroup()
        new.fields = self._fields(point.fields, event)
        node.forward(new)

    def batch(self, batch: Batch) -> None:
        """Determine the level of the batch; send and forward as needed."""
        node: AlertNode = self.node
        state = self.state
        id_ = node.texts.id(batch.name, batch.group, batch.tags)
        if not batch.points:
            return
        level, point = self._level(batch)
        time = batch.time if node.all_points or level == OK else point.time
        state.add(time, level)
        quiet = (node.use_flapping and state.flapping) or (
            node.state_changes_only and not state.changed and not state.expired
        )
        if not (state.changed if level == OK else not quiet):
            return
        state.triggered(time)
        if node.no_recoveries and level == OK:
            return
        event = self._event(id_, batch, point.fields, level, time)
        node.forward(self._augmented(batch, event))

    def _level(self, batch: Batch) -> tuple[int, BatchPoint]:
        node: AlertNode = self.node
        current = self.state.level
        lowest, highest = len(LEVELS) - 1, OK
        best: BatchPoint | None = None
        for point in batch.points:
            level = node.levels.of(point, current)
            lowest = min(lowest, level)
            if level > highest or best is None:
                highest, best = level, point
        assert best is not None  # noqa: S101 -- the caller checked that there are points
        return (lowest if node.all_points else highest), best

    def _augmented(self, batch: Batch, event: AlertEvent) -> Batch:
        points = [
            BatchPoint(self._fields(p.fields, event), self._tags(p.tags, event), p.time)
            for p in batch.points
        ]
        new = batch.copy(points, size_hint=len(points))
        tags = self._tags(batch.tags, event)
        if tags is not batch.tags:
            new.set_tags(tags)
        return new

    def _event(
        self, id_: str, message: Point | Batch, fields: Fields, level: int, time: int
    ) -> AlertEvent:
        node: AlertNode = self.node
        duration = self.state.duration()
        text, details = node.texts.message_and_details(
            id_, message, fields, LEVELS[level], time, duration
        )
        event = AlertEvent(
            time=time,
            id=id_,
            level=LEVELS[level],
            previous_level=LEVELS[OK],
            message=text,
            details=details,
            tags=message.tags,
            fields=fields,
            duration=duration,
            name=message.name,
            task=node.pipeline.task,
            topic=node.topic,
            handlers=node.frozen,
            group=message.group,
            data={"series": [to_row(message)]},
            recoverable=not node.no_recoveries,
        )
        node.send(event, level)
        return event

    def _tags(self, tags: Tags, event: AlertEvent) -> Tags:
        node: AlertNode = self.node
        if not node.level_tag and not node.id_tag:
            return tags
        new = dict(tags)
        if node.level_tag:
            new[node.level_tag] = event.level
        if node.id_tag:
            new[node.id_tag] = event.id
        return new

    def _fields(self, fields: Fields, event: AlertEvent) -> Fields:
        node: AlertNode = self.node
        added = {
            node.level_field: event.level,
            node.message_field: event.message,
            node.id_field: event.id,
            node.duration_field: event.duration,
        }
        added.pop("", None)
        return {**fields, **added} if added else fields


# The newest state change weighs 1.5 times as much as the oldest; Go divides constants exactly.
_MAX_WEIGHT = 1.2
_MIN_WEIGHT = 0.8
_MAX_DURATION = 2**63 - 1


class AlertState:
    """The levels of the last events in a ring, and the derived state."""

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
        # An alert that never triggered is always expired, since Go's time difference saturates.
        self.expired = (
            not self.changed
            and limit != 0
            and (self.last_triggered is None or time - self.last_triggered >= limit)
        )

    def triggered(self, time: int | None) -> None:
        """Record a sent event and set the inhibitors."""
        self.last_triggered = time
        if self.history[self.index - 1] == OK:
            self.first_triggered = time
        for inhibitor in self.inhibitors:
            inhibitor.active = self.history[self.index] != OK

    def duration(self) -> int:
        """Return the time since the alert was last OK, in nanoseconds."""
        if self.last_triggered is None:
            return 0
        if self.first_triggered is None:
            # The event that would have set it was suppressed: Go subtracts the zero time.
            return _MAX_DURATION
        return self.last_triggered - self.first_triggered

    def _update_flapping(self) -> None:
        change = self._change()
        if self.flapping and change < self.node.flap_low:
            self.flapping = False
        elif not self.flapping and change > self.node.flap_high:
            self.flapping = True

    def _change(self) -> float:
        """Return the weighted share of state changes in the history."""
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
        """Restore what ``dump`` returned; a history of another length is truncated or padded."""
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
