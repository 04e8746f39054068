"""What ``|eval()`` makes of the data.

Source: ``eval.go`` and ``expr.go`` of Kapacitor. A field of the point wins over a result of the
same name wherever a later expression reads that name, and it then stays in the result, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from bmtick.tick import ast
from bmtick.tick.flow import Flow
from bmtick.tick.graph import PipelineNode, strings
from bmtick.tick.lambda_types import NO_TYPE
from bmtick.tick.values import Value

TypeOf = Callable[[Value, Flow], str]


def outflow(node: PipelineNode, incoming: Flow, type_of: TypeOf) -> Flow:
    """Return what leaves the node; ``type_of`` is asked once for each expression, in order."""
    setting = node.last("as")
    names = strings(setting.args) if setting and setting.complete else None
    named = names is not None and len(names) == len(node.args)
    computed: dict[str, str] = {}
    for i, arg in enumerate(node.args):
        type_name = type_of(arg, _visible(incoming, computed))
        for read in computed.keys() & _references(arg):
            computed[read] = _raw(incoming, read, computed[read])
        if named and names:
            computed[names[i]] = type_name
    if not named:
        return Flow(groups=incoming.groups)
    return _kept(node, incoming, computed)


def _kept(node: PipelineNode, incoming: Flow, computed: dict[str, str]) -> Flow:
    setting = node.last("tags")
    tags = frozenset((strings(setting.args) or ()) if setting else ())
    keep = node.last("keep")
    kept = strings(keep.args) if keep and keep.complete else None
    everything = {**incoming.fields, **computed}
    if keep is None:
        fields = {name: type_name for name, type_name in computed.items() if name not in tags}
        flow = replace(incoming, fields=fields, more_fields=False)
    elif kept is None:
        flow = replace(incoming, fields={}, more_fields=True)
    elif kept:
        fields = {name: everything.get(name, NO_TYPE) for name in kept}
        flow = replace(incoming, fields=fields, more_fields=False)
    else:
        flow = replace(incoming, fields=everything)
    return flow.with_tags(tags)


def _visible(incoming: Flow, computed: dict[str, str]) -> Flow:
    """Return what an expression can read: results so far, unless the point has such a field."""
    fields = {name: _raw(incoming, name, type_name) for name, type_name in computed.items()}
    return incoming.with_fields(fields)


def _raw(incoming: Flow, name: str, type_name: str) -> str:
    """Return the type of a name that is a result and perhaps a field of the point."""
    if name in incoming.fields:
        return incoming.fields[name]
    return NO_TYPE if incoming.more_fields else type_name


def _references(value: Value) -> set[str]:
    return set(_names(value.constant)) if value.type == "lambda" and value.known else set()


def _names(expression: ast.Node) -> Iterator[str]:
    stack: list[ast.Node] = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Reference):
            yield node.name
        elif isinstance(node, ast.Binary):
            stack += [node.left, node.right]
        elif isinstance(node, ast.Unary):
            stack.append(node.operand)
        elif isinstance(node, ast.Call):
            stack += node.args
        elif isinstance(node, ast.Lambda):
            stack.append(node.expression)
