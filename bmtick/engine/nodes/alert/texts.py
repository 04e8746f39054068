"""The texts of an alert: id, message and details, from their templates.

Source: kapacitor ``alert.go`` (``renderID``, ``renderMessageAndDetails``, ``idInfo``, ...).
"""

from __future__ import annotations

import re
from typing import Any

from bmtick.engine.gotemplate import Template, TemplateError
from bmtick.engine.lambdas import Duration, Time
from bmtick.engine.messages import Batch, Fields, Point, Tags
from bmtick.engine.node import Node
from bmtick.engine.predicate import TaskStopped

_MAX_IDS = 10_000
# An id that depends only on these is equal for all points of a group.
_BY_GROUP = re.compile(r"(?:[^{]|\{(?!\{)|\{\{\s*\.(?:Name|TaskName|Group)\s*\}\})*")


class Texts:
    """The compiled templates of one alert, and a cache of ids."""

    def __init__(self, node: Node, id_: str, message: str, details: str) -> None:
        place = node.location
        where: dict[str, Any] = {
            "file": place.file if place else "-",
            "line": place.line if place else 0,
            "zone": node.pipeline.zone,
        }
        self._id = Template(id_, **where)
        self._message = Template(message, **where)
        newer = node.pipeline.is_newer
        self._details = Template(details, html=True, newer=newer, **where)
        self._task = node.pipeline.task
        self._node = node.name
        self._server = node.pipeline.server
        self._by_group = _BY_GROUP.fullmatch(id_) is not None
        self._ids: dict[object, str] = {}

    def id(self, name: str, group: str, tags: Tags) -> str:
        """Return the event id of a message."""
        key: object = (name, group) if self._by_group else (name, group, tuple(tags.items()))
        found = self._ids.get(key)
        if found is None:
            if len(self._ids) >= _MAX_IDS:
                self._ids.clear()
            found = self._ids[key] = self._run(self._id, self._id_data(name, group, tags))
        return found

    def _id_data(self, name: str, group: str, tags: Tags) -> dict[str, Any]:
        return {
            "Name": name,
            "TaskName": self._task,
            "Group": group or "nil",
            "Tags": tags,
            "ServerInfo": self._server,
        }

    def message_and_details(
        self,
        id_: str,
        message: Point | Batch,
        fields: Fields,
        level: str,
        time: int,
        duration: int,
    ) -> tuple[str, str]:
        """Return the message and the details of an event."""
        data = self._id_data(message.name, message.group, message.tags)
        data |= {
            "ID": id_,
            "Fields": fields,
            "Level": level,
            "Time": Time(time),
            "Duration": Duration(duration),
        }
        text = self._run(self._message, data)
        data["Message"] = text
        return text, self._run(self._details, data)

    def _run(self, template: Template, data: dict[str, Any]) -> str:
        # An error in a template stops the node and thereby the task.
        try:
            return template.execute(data)
        except TemplateError as error:
            raise TaskStopped(f"{self._node}: {error}") from None
