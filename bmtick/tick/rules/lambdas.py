"""Checks that each lambda has the type that its node needs."""

from __future__ import annotations

from bmtick.tick.context import Context
from bmtick.tick.flow import Flow, eval_outflow, lost_results
from bmtick.tick.graph import PipelineNode
from bmtick.tick.lambda_types import NO_TYPE
from bmtick.tick.values import Value, described

_BOOL = ("bool",)
_RESULTS = ("bool", "int", "float", "string", "duration")  # a field can hold no other type
_BOOL_PROPERTIES = (
    *("info", "warn", "crit", "infoReset", "warnReset", "critReset"),
    *("where", "lambda"),
)


def check(context: Context) -> None:
    """Check the lambdas of all nodes."""
    for node in context.nodes:
        _arguments(context, node)
        _properties(context, node)


def _arguments(context: Context, node: PipelineNode) -> None:
    flow = context.inflow(node)
    if node.name == "eval":
        eval_outflow(node, flow, lambda arg, seen: _lambda(context, arg, seen, _RESULTS))
        for name, arg in lost_results(node, flow):
            kind = "tag" if name in flow.tags else "field"
            message = (
                f"the result '{name}' is lost: this reads \"{name}\", and the {kind} replaces it"
            )
            remedy = f"put the expression of '{name}' last, or give it another name"
            context.report.warning("lost-result", message, arg.pos, remedy)
    elif node.name == "deadman":
        counted = Flow({"emitted": "float"}, flow.tags)
        for arg in node.args[2:]:
            _lambda(context, arg, counted, _BOOL)
    elif node.kind:
        for arg in node.args:
            _lambda(context, arg, flow, _BOOL)


def _properties(context: Context, node: PipelineNode) -> None:
    # The where of a source applies to the data that the source itself selects.
    flow = context.flow(node) if node.name == "from" else context.inflow(node)
    for name in _BOOL_PROPERTIES:
        for setting in node.uses(name):
            for arg in setting.args:
                _lambda(context, arg, flow, _BOOL)
    for setting in node.uses("replicas"):
        for arg in setting.args:
            _lambda(context, arg, flow, ("int",))


def _lambda(context: Context, arg: Value, flow: Flow, wanted: tuple[str, ...]) -> str:
    if arg.type != "lambda" or not arg.known:
        return NO_TYPE
    expression = arg.constant.expression
    result = context.type_of(expression, flow)
    if result and result not in wanted:
        message = (
            f"this lambda must give {described('|'.join(wanted))}, and it gives {described(result)}"
        )
        remedy = "compare it, like > 10" if wanted == _BOOL else ""
        context.report.error("lambda-types", message, arg.constant.pos, remedy)
    return result
