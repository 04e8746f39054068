"""What a Go template in ``.id``, ``.message`` or ``.details`` reads of the alert."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_INDEX = re.compile(r"""index\s+\$?\.(Tags|Fields)\s+(?:"([^"\\]*)"|`([^`]*)`)""")
_NAME = re.compile(r"(?<![\w)\"`])\$?\.([A-Z]\w*)")  # not a method, as in .Time.UTC
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)


@dataclass
class TemplateUses:
    """Tags and fields that a template reads by name, and all the names it starts from.

    ``exact`` says that the template was parsed, so that what is found here is really there.
    """

    tags: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    exact: bool = False


def read_roughly(text: str, html: bool = False) -> TemplateUses:
    """Find what a template reads, without a check of its syntax."""
    del html
    uses = TemplateUses()
    for action in _ACTION.findall(text):
        for which, quoted, raw in _INDEX.findall(action):
            (uses.tags if which == "Tags" else uses.fields).append(quoted or raw)
        uses.names.update(_NAME.findall(action))
    return uses
