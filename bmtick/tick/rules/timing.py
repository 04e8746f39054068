"""Nodes that wait, gather or repeat: their durations and counts make sense."""

from __future__ import annotations

from collections.abc import Callable

from bmtick.tick.context import Context
from bmtick.tick.graph import PipelineNode
from bmtick.tick.values import UNKNOWN, Value


def check(context: Context) -> None:
    """Check windows, barriers, samples, shifts, statistics and queries."""
    for node in context.nodes:
        if rule := _RULES.get(node.name):
            rule(context, node)


def _number(value: Value | None, *, at_definition: bool = False) -> int | None:
    """Return a number or duration; 0 where it is not set, None where it is not known."""
    if value is None:
        return 0
    constant = value.at_definition() if at_definition else value.constant
    if constant is UNKNOWN or isinstance(constant, bool) or not isinstance(constant, int):
        return None
    return constant


def _window(context: Context, node: PipelineNode) -> None:
    report = context.report
    period, count = _number(node.value("period")), _number(node.value("periodCount"))
    every_count = _number(node.value("everyCount"), at_definition=True)
    if period == 0 and count == 0:
        message = "the window has no bounds: Kapacitor refuses it"
        remedy = "say how much it holds: .period(10m) or .periodCount(10)"
        report.error("window", message, node.pos, remedy)
    if period and count:
        message = "a window is bounded by .period() or by .periodCount(), not by both"
        report.error("window", message, node.pos)
    if count and node.last("align"):
        message = "only a window of time can be aligned, not one of a number of points"
        report.error("window", message, node.pos, "remove .align()")
    if count and every_count is not None and every_count <= 0:
        message = "a window of a number of points needs .everyCount() above 0"
        report.error("window", message, node.pos, "like .everyCount(1)")
    every = _number(node.value("every"))
    if period and every == 0 and node.value("every") is None:
        message = "without .every() the window is emitted anew at every point"
        report.warning("window", message, node.pos, "add .every(10s)")
    if (period or 0) < 0 or (every or 0) < 0:
        report.warning("window", "a window of negative time holds nothing", node.pos)


def _barrier(context: Context, node: PipelineNode) -> None:
    idle = _number(node.value("idle"), at_definition=True)
    period = _number(node.value("period"), at_definition=True)
    if idle and period:
        message = "a barrier has .idle() or .period(), not both"
        context.report.error("barrier", message, node.pos)
    elif idle is not None and period is not None and max(idle, period) <= 0:
        message = "the barrier needs .idle() or .period() above 0"
        remedy = "in a template, Kapacitor checks it with 0: write the duration out"
        placeholder = any((v := node.value(n)) and v.placeholder for n in ("idle", "period"))
        remedy = remedy if placeholder else "like .idle(1m)"
        context.report.error("barrier", message, node.pos, remedy)


def _not_zero(context: Context, node: PipelineNode) -> None:
    # Kapacitor also takes the argument as a property, and the last one wins.
    value = node.value("shift") or node.value("duration") or node.value("n")
    value = value or (node.args[0] if node.args else None)
    if value and _number(value) == 0:
        message = f"{node.describe()} cannot take 0"
        context.report.error("timing", message, value.pos)


def _interval(context: Context, node: PipelineNode) -> None:
    at = 1 if node.name == "deadman" else 0
    value = node.value("interval") or (node.args[at] if len(node.args) > at else None)
    interval = _number(value)
    if value and interval is not None and interval <= 0:
        message = f"the interval of {node.describe()} must be above 0"
        context.report.error("timing", message, value.pos)


def _query(context: Context, node: PipelineNode) -> None:
    report = context.report
    every, cron = node.value("every"), node.value("cron")
    if every is None and cron is None:
        message = "the query does not say when it runs"
        report.error("query", message, node.pos, "add .every(1m) or .cron('...')")
    elif (number := _number(every)) and cron and cron.text():
        report.error("query", "a query has .every() or .cron(), not both", node.pos)
    elif number is not None and number <= 0 and not cron:
        report.error("query", ".every() must be above 0", node.pos)
    if node.value("period") is None or _number(node.value("period")) == 0:
        message = "the query has no period: it asks for no data at all"
        report.warning("query", message, node.pos, "add .period(5m)")


_RULES: dict[str, Callable[[Context, PipelineNode], None]] = {
    "window": _window,
    "barrier": _barrier,
    "sample": _not_zero,
    "shift": _not_zero,
    "stats": _interval,
    "deadman": _interval,
    "query": _query,
    "queryFlux": _query,
}
