"""Runs a parsed script over points, like Kapacitor; time comes from the data.

Each kind of node has a file in ``nodes``. Unsupported nodes are refused when a script is loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bmtick.engine.events import AlertEvent, Handler, Posted, Written
    from bmtick.engine.load import load_task
    from bmtick.engine.task import Task

__all__ = ["AlertEvent", "Handler", "Posted", "Task", "Written", "load_task"]
_MODULES = {
    "AlertEvent": "events",
    "Handler": "events",
    "Posted": "events",
    "Written": "events",
    "Task": "task",
    "load_task": "load",
}


def __getattr__(name: str) -> Any:
    """Import a name on first use: the checker only reads templates and runs no script."""
    if name not in _MODULES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
