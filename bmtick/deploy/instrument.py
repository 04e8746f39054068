"""What makes an alert's script a task that can be reloaded and muted: a topic and a category.

Kapacitor keeps alert state in a topic named after the alert node's number, so a script with one
more node before its alert would forget what stands and tell it again. A topic named after the task
outlives that, and deletion (kapacitor ``alert.go``, restoreEvent). The category is what a silence
inhibits. Scripts that set their own keep them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bmtick.deploy.scripts import read_script
from bmtick.tick import ast
from bmtick.tick.formatter import format_node

_VARIABLE = "bmtickTask"


def instrument(script: str, task_id: str, variables: Mapping[str, Any]) -> str:
    """Return the script with topic and category on each alert node, by value."""
    return _insert(script, format_node(ast.String(task_id)), variables)


def instrument_template(
    script: str, task_id: str, variables: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """Return a template with topic and category by var, and the task's vars with that var."""
    text = _insert(script, _VARIABLE, variables)
    if text == script:
        return script, dict(variables)
    added = {_VARIABLE: {"type": "string", "value": task_id}}
    return f"var {_VARIABLE} string\n\n{text}", {**variables, **added}


def topic_of(task_id: str, number: int) -> str:
    """Return the topic of a task's nth alert node, from 1."""
    return task_id if number == 1 else f"{task_id}.{number}"


def _insert(script: str, value: str, variables: Mapping[str, Any]) -> str:
    if script.count("|alert()") == 1 and ".topic(" not in script and ".category(" not in script:
        # The only one must be the node itself: no need to parse, which counts with 500 tasks.
        added = f"|alert()\n        .topic({value})\n        .category({value})"
        return script.replace("|alert()", added)
    read = read_script(script, variables)
    text = script
    nodes = list(enumerate(read.alerts(), 1))
    for number, node in reversed(nodes):
        present = {p.name for p in node.properties}
        lines = []
        if "topic" not in present:
            suffix = f" + '.{number}'" if number > 1 else ""
            lines.append(f".topic({value}{suffix})")
        if "category" not in present:
            lines.append(f".category({value})")
        start = text.index("(", node.offset)
        end = text.index(")", start) + 1
        text = text[:end] + "".join(f"\n        {line}" for line in lines) + text[end:]
    return text
