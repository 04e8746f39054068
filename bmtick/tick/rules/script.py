"""Checks the whole script: it has an effect, and every part of it is used."""

from __future__ import annotations

from bmtick.tick import ast
from bmtick.tick.ast import Position
from bmtick.tick.context import Context
from bmtick.tick.findings import has_errors
from bmtick.tick.graph import PipelineNode

_ENDS = frozenset(
    {
        *("alert", "deadman", "httpOut", "httpPost", "influxDBOut", "kapacitorLoopback", "log"),
        *("k8sAutoscale", "swarmAutoscale", "ec2Autoscale"),
    }
)


def check(context: Context) -> None:
    """Check that the script creates nodes and that their data is used."""
    nodes = [node for node in context.nodes if node.parents]
    if not nodes and not has_errors(context.report.findings()):
        start = context.nodes[0].pos if context.nodes else Position()
        remedy = "start with: stream|from().measurement('...')"
        context.report.error("empty", "the script does nothing: it has no nodes", start, remedy)
    for node in nodes:
        if node.children or node.unfinished or node.kind is None:
            continue
        if node.name not in _ENDS:
            _dead_end(context, node)
    _without_values(context)
    for name, position in context.evaluator.unused.items():
        value = context.evaluator.var(name)
        if value and value.type in ("node", "handler"):
            continue  # a pipeline runs even if its var is unused
        context.report.warning("unused-var", f"the var '{name}' is not used", position, "remove it")


def _without_values(context: Context) -> None:
    """Report that the script is a template: Kapacitor refuses it as a task."""
    if context.evaluator.given:
        return
    typed = [s for s in context.program.statements if isinstance(s, ast.TypeDeclaration)]
    if typed:
        names = ", ".join(f"'{s.name.name}'" for s in typed[:3]) + (", ..." if typed[3:] else "")
        message = (
            f"a template: {names} {'has' if len(typed) == 1 else 'have'} no value of their own"
        )
        message = message if len(typed) > 1 else message.replace("their", "its")
        remedy = "a task needs values: check it with --vars FILE"
        context.report.info("template-vars", message, typed[0].pos, remedy)


def _dead_end(context: Context, node: PipelineNode) -> None:
    message = f"nothing comes of {node.describe()}"
    remedy = "let |alert(), |influxDBOut() or |httpOut() follow"
    context.report.warning("dead-end", message, node.pos, remedy)
