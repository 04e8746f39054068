"""``|alert``: levels, states, events. Source: kapacitor ``alert.go``, ``pipeline/alert.go``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from bmtick.engine.arguments import Property, flag, table, value
from bmtick.engine.events import LEVELS, OK, AlertEvent, EventState, Inhibitor
from bmtick.engine.messages import First
from bmtick.engine.node import DefinitionError, Node
from bmtick.engine.nodes.alert.group import AlertGroup
from bmtick.engine.nodes.alert.handlers import AlertHandler, handler_properties, problem
from bmtick.engine.nodes.alert.levels import Levels
from bmtick.engine.nodes.alert.state import AlertState
from bmtick.engine.nodes.alert.texts import Texts
from bmtick.engine.registry import register


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
    """Gives each point or batch a level and sends an event where Kapacitor would."""

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
        self.texts = Texts(self)
        self.frozen = [handler.freeze() for handler in self.handlers]
        # An alert without handler or topic goes nowhere in Kapacitor; here it reports all the
        # same, as if it had a handler.
        self.topics = [
            *([f"main:{self.pipeline.task}:{self.name}"] if self._anonymous else []),
            *([self.topic] if self.topic else []),
        ]

    @property
    def _anonymous(self) -> bool:
        return bool(self.handlers) or not self.topic

    def new_group(self, first: First) -> AlertGroup:
        """Start with what the topics remember of the group's event id."""
        id_ = self.texts.id(first.name, first.group, first.tags)
        tags = first.group_info().tags
        inhibitors = [
            Inhibitor(category, {tag: tags.get(tag, "") for tag in equal})
            for category, equal in self.inhibits
        ]
        self.pipeline.events.inhibitors.extend(inhibitors)
        state = AlertState(self, inhibitors)
        remembered = self._remembered(id_)
        if remembered.level != OK:
            state.add(first.time, remembered.level)
            state.triggered(remembered.time)
        return AlertGroup(self, state)

    def _remembered(self, id_: str) -> EventState:
        events = self.pipeline.events
        known = [(topic, events.state(topic, id_)) for topic in self.topics]
        found = [(topic, state) for topic, state in known if state is not None]
        if not found:
            return EventState()
        first = found[0][1]
        for topic, state in known:
            # Topics of one alert agree: the anonymous one leads.
            if (state.level if state else OK) != first.level:
                events.update(topic, id_, first)
        return first

    def send(self, event: AlertEvent, level: int) -> None:
        """Send an event unless it is inhibited; the topics remember it."""
        events = self.pipeline.events
        if events.inhibited(self.category, event.tags):
            return
        before = [
            events.update(topic, event.id, EventState(level, event.time)) for topic in self.topics
        ]
        event.previous_level = LEVELS[before[0]]
        events.pending.append(event)

    def snapshot(self) -> object:
        """The states by group, and what stateful functions of the conditions remember."""
        return {
            "groups": [[group, found.state.dump()] for group, found in self.groups.items()],
            "conditions": [p.expression.snapshot() for p in self.levels.predicates],
        }

    def restore(self, state: Any) -> None:
        """Take back the states."""
        for predicate, kept in zip(self.levels.predicates, state["conditions"], strict=False):
            predicate.expression.restore(kept)
        for group, dumped in state["groups"]:
            self.groups[group] = AlertGroup(self, AlertState.load(self, dumped))


__all__ = ["AlertNode"]
