"""Add a topic and a category to an alert's script, so that it can be reloaded and silenced.

Kapacitor stores alert state in a topic named after the alert node's number, so with one more node
before its alert, a script would lose its state and notify again. A topic named after the task
survives that, and deletion (kapacitor ``alert.go``, restoreEvent). A silence inhibits the category.
Scripts that set their own keep them.
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
    """Return a template with topic and category as vars, and the task's vars with their values."""
    text = _insert(script, _VARIABLE, variables)
    if text == script:
        return script, dict(variables)
    added = {_VARIABLE: {"type": "string", "value": task_id}}
    return f"var {_VARIABLE} string\n\n{text}", {**variables, **added}


def topic_of(task_id: str, number: int) -> str:
    """Return the topic of a task's nth alert node, counted from 1."""
    return task_id if number == 1 else f"{task_id}.{number}"


def _insert(script: str, value: str, variables: Mapping[str, Any]) -> str:
    if script.count("|alert()") == 1 and ".topic(" not in script and ".category(" not in script:
        # A single "|alert(" must be the node: parsing 500 tasks takes long.
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
