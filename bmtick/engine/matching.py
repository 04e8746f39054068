"""Joins with ``on``: which less specific message belongs to which more specific groups.

Source: kapacitor ``join.go`` (``matchPoints``). None stands for Go's zero time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bmtick.engine.gotime import round_time
from bmtick.engine.messages import Batch, Dimensions, group_id
from bmtick.engine.state import dump_message, load_message

if TYPE_CHECKING:
    from bmtick.engine.nodes.join import JoinNode


class Matcher:
    """Joins with ``on``: hands a less specific message to every more specific group.

    A message is specific if it has more dimensions than ``on`` names.
    """

    def __init__(self, node: JoinNode) -> None:
        self.node = node
        self.low_marks: dict[tuple[int, str], int] = {}
        self.matches: dict[str, list[tuple[int, Any]]] = {}
        self.specifics: dict[str, list[tuple[int, Any]]] = {}
        self.reported: set[int] = set()

    def dump(self) -> dict[str, Any]:
        """Return the waiting messages as JSON-able data."""
        return {
            "marks": [[source, group, time] for (source, group), time in self.low_marks.items()],
            "matches": _dump_waiting(self.matches),
            "specifics": _dump_waiting(self.specifics),
            "reported": sorted(self.reported),
        }

    def load(self, state: Any) -> None:
        """Take back what ``dump`` gave."""
        self.low_marks = {(source, group): time for source, group, time in state["marks"]}
        self.matches = _load_waiting(state["matches"])
        self.specifics = _load_waiting(state["specifics"])
        self.reported = set(state["reported"])

    def forget(self, source: int, group: str, *, every_source: bool) -> None:
        """Forget what waits for a group, and how far its source is, or all of them are."""
        self.matches.pop(group, None)
        self.specifics.pop(group, None)
        if every_source:
            self.low_marks.clear()
        else:
            self.low_marks.pop((source, group), None)

    def _time(self, message: Any) -> int:
        return round_time(message.time, self.node.tolerance)

    def match(self, source: int, message: Any) -> None:
        """Take a message; send what can be sent."""
        self.reported.add(source)
        complete = len(self.reported) == len(self.node.parents)
        time = self._time(message)
        dimensions = Dimensions(message.dimensions.by_name, tuple(self.node.dimensions))
        group = group_id(message.name, message.group_info().tags, dimensions)
        self.low_marks[source, group] = time
        low = self._low_mark(group) if complete else None
        if complete:
            self._release(group, low)
        if len(message.dimensions.tag_names) > len(self.node.dimensions):
            self._specific(group, (source, message), time, low, complete=complete)
        else:
            self._general(group, (source, message), time)

    def _low_mark(self, group: str) -> int | None:
        low: int | None = None
        for source in range(len(self.node.parents)):
            mark = self.low_marks.get((source, group))
            if low is None or mark is None or mark < low:
                low = mark
        return low

    def _release(self, group: str, low: int | None) -> None:
        waiting = self.specifics.get(group, [])
        sent = 0
        for entry in waiting:
            if low is None or self._time(entry[1]) >= low:
                break
            self._send(entry)
            sent += 1
        self.specifics[group] = waiting[sent:]

    def _specific(
        self,
        group: str,
        entry: tuple[int, Any],
        time: int,
        low: int | None,
        *,
        complete: bool,
    ) -> None:
        matches = self.matches.get(group, [])
        matched, passed = False, 0
        for match in matches:
            at = self._time(match[1])
            if at == time:
                self._send_match(entry, match)
                matched = True
            if low is None or at >= low:
                break
            passed += 1
        if complete:
            self.matches[group] = matches[passed:]
        if matched:
            return
        if complete and low is not None and time < low:
            self._send(entry)
        else:
            self.specifics.setdefault(group, []).append(entry)

    def _general(self, group: str, entry: tuple[int, Any], time: int) -> None:
        self.matches.setdefault(group, []).append(entry)
        waiting = self.specifics.get(group, [])
        sent = 0
        for specific in waiting:
            if self._time(specific[1]) != time:
                break
            self._send_match(specific, entry)
            sent += 1
        self.specifics[group] = waiting[sent:]

    def _send(self, entry: tuple[int, Any]) -> None:
        source, message = entry
        self.node.join_group(message.group).collect(source, message)

    def _send_match(self, specific: tuple[int, Any], general: tuple[int, Any]) -> None:
        source, message = general
        info = specific[1].group_info()
        new = message.copy()
        if isinstance(new, Batch):
            new.set_tags(info.tags)
        else:
            new.tags, new.dimensions = info.tags, info.dimensions
            new.regroup()
        group = self.node.join_group(specific[1].group)
        group.collect(*specific)
        group.collect(source, new)


def _dump_waiting(waiting: dict[str, list[tuple[int, Any]]]) -> list[Any]:
    return [
        [group, [[source, dump_message(message)] for source, message in entries]]
        for group, entries in waiting.items()
    ]


def _load_waiting(state: Any) -> dict[str, list[tuple[int, Any]]]:
    return {
        group: [(source, load_message(message)) for source, message in entries]
        for group, entries in state
    }
