"""Runs a parsed stream script over points, as Kapacitor does; time comes from the data.

One file per kind of node in ``nodes``. What the engine has not is refused when a script loads.
"""

from bmtick.engine.events import AlertEvent, Handler, Posted, Written
from bmtick.engine.load import load_task
from bmtick.engine.task import Task

__all__ = ["AlertEvent", "Handler", "Posted", "Task", "Written", "load_task"]
