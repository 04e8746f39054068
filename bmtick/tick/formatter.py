"""Formats a tree as Kapacitor does, byte for byte; source: its ``tick/ast/node.go``.

Chains and operators nest to the left and may be long, so both are formatted in a loop.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bmtick.durations import format_duration
from bmtick.tick import ast
from bmtick.tick.parser import parse

_STEP = "    "


def format_program(program: ast.Program) -> str:
    """Return the canonical text of a script; empty for an empty script."""
    return format_node(program)


def format_stable(program: ast.Program) -> str:
    """Return formatted text that does not change when it is formatted again.

    Kapacitor may format strings that ``+`` joins over several lines differently the second time: the
    line breaks depend on the lines of its input. Each pass breaks more lines, so the loop ends.

    Raises:
        BmtickError: Kapacitor's own format does not parse.
    """
    text = format_program(program)
    while (again := format_program(parse(text))) != text:
        text = again
    return text


def format_node(node: ast.Node) -> str:
    """Return the canonical text of any node."""
    out: list[str] = []
    _format(node, out, "", newline=False)
    return "".join(out)


def _format(node: ast.Node, out: list[str], indent: str, *, newline: bool) -> None:
    if special := _SPECIAL.get(type(node)):
        special(node, out, indent, newline)
        return
    _lead(node, out, indent, newline=newline)
    _TEXT[type(node)](node, out, indent)


def _lead(node: ast.Node, out: list[str], indent: str, *, newline: bool) -> None:
    """Write a node's comment, and the indentation if the node begins a line."""
    if node.comment:
        _write_comment(node.comment, out, indent, newline=newline)
        newline = True
    if newline:
        out.append(indent)


def _write_comment(comment: ast.Comment, out: list[str], indent: str, *, newline: bool) -> None:
    if not newline:
        out.append("\n")
    for line in comment.lines:
        if line == "\n":
            out.append("\n")
        else:
            out.append(f"{indent}// {line}\n" if line else f"{indent}//\n")


# -- literals


def _number(node: ast.Number) -> str:
    if isinstance(node.value, int):
        return f"0{node.value:o}" if node.base == 8 else str(node.value)
    text = format(Decimal(repr(node.value)), "f")
    return text if "." in text else text + ".0"


def _string(node: ast.String) -> str:
    if node.triple:
        return f"'''{node.value}'''"
    return "'" + node.value.replace("'", "\\'") + "'"


def _reference(node: ast.Reference) -> str:
    return '"' + node.name.replace('"', '\\"') + '"'


def _plain(text: Callable[[Any], str]) -> Callable[[Any, list[str], str], None]:
    def write(node: ast.Node, out: list[str], _indent: str) -> None:
        out.append(text(node))

    return write


# -- nodes with children


def _list(node: ast.ListNode, out: list[str], indent: str, newline: bool) -> None:
    _lead(node, out, indent, newline=newline)
    newline = newline or node.comment is not None
    out.append("[")
    for i, item in enumerate(node.items):
        if i:
            out.append(", ")
        _format(item, out, indent, newline=newline)
    out.append("]")


def _unary(node: ast.Unary, out: list[str], indent: str) -> None:
    out.append(node.operator)
    _format(node.operand, out, indent, newline=False)


def _lambda(node: ast.Lambda, out: list[str], indent: str) -> None:
    out.append("lambda: ")
    _format(node.expression, out, indent, newline=False)


def _call(node: ast.Call, out: list[str], indent: str) -> None:
    out.append(f"{node.name}(")
    between = "," if node.multiline else ", "
    for i, arg in enumerate(node.args):
        if i:
            out.append(between)
        if node.multiline:
            out.append("\n")
        _format(arg, out, indent + _STEP, newline=node.multiline)
    if node.multiline and node.args:
        out.append(f"\n{indent}")
    out.append(")")


def _binary(node: ast.Binary, out: list[str], indent: str, newline: bool) -> None:
    nodes: list[tuple[ast.Binary, str]] = []
    left: ast.Node = node
    while isinstance(left, ast.Binary):
        _lead(left, out, indent, newline=newline)
        newline = False
        if left.parens:
            out.append("(")
            indent += _STEP
        nodes.append((left, indent))
        left = left.left
    _format(left, out, indent, newline=False)
    for binary, inner in reversed(nodes):
        out.append(f" {binary.operator}\n" if binary.multiline else f" {binary.operator} ")
        _format(binary.right, out, inner, newline=binary.multiline)
        if binary.parens:
            out.append(")")


def _chain(node: ast.Chain, out: list[str], indent: str, newline: bool) -> None:
    links: list[ast.Chain] = []
    left: ast.Node = node
    while isinstance(left, ast.Chain):
        links.append(left)
        left = left.left
    _format(left, out, indent, newline=newline)
    for link in reversed(links):
        out.append("\n")
        deeper = indent + (_STEP * 2 if link.operator == "." else _STEP)
        if link.comment:
            _write_comment(link.comment, out, deeper, newline=True)
        out.append(deeper + link.operator)
        _format(link.right, out, deeper, newline=False)


# -- statements: not indented


def _declaration(node: ast.Declaration, out: list[str], indent: str, newline: bool) -> None:
    if node.comment:
        _write_comment(node.comment, out, indent, newline=newline)
    out.append("var ")
    _format(node.name, out, indent, newline=False)
    out.append(" = ")
    _format(node.value, out, indent, newline=False)


def _type_declaration(
    node: ast.TypeDeclaration, out: list[str], indent: str, newline: bool
) -> None:
    if node.comment:
        _write_comment(node.comment, out, indent, newline=newline)
    out.append("var ")
    _format(node.name, out, indent, newline=False)
    out.append(" ")
    _format(node.type, out, indent, newline=False)


def _dbrp(node: ast.DBRP, out: list[str], indent: str, newline: bool) -> None:
    if node.comment:
        _write_comment(node.comment, out, indent, newline=newline)
    # Kapacitor escapes no quotes here.
    out.append(f'{indent}dbrp "{node.database.name}"."{node.retention_policy.name}"')


def _comment_statement(
    node: ast.CommentStatement, out: list[str], indent: str, newline: bool
) -> None:
    _write_comment(node.lines, out, indent, newline=newline)


def _program(node: ast.Program, out: list[str], indent: str, _newline: bool) -> None:
    for i, statement in enumerate(node.statements):
        if i:
            out.append("\n")
        _format(statement, out, indent, newline=True)
        out.append("\n")


_TEXT: dict[type, Callable[[Any, list[str], str], None]] = {
    ast.Number: _plain(_number),
    ast.Duration: _plain(lambda n: n.literal or format_duration(n.nanoseconds)),
    ast.Bool: _plain(lambda n: "TRUE" if n.value else "FALSE"),
    ast.String: _plain(_string),
    ast.Regex: _plain(lambda n: f"/{n.literal or n.pattern.replace('/', chr(92) + '/')}/"),
    ast.Star: _plain(lambda _: "*"),
    ast.Identifier: _plain(lambda n: str(n.name)),
    ast.Reference: _plain(_reference),
    ast.Unary: _unary,
    ast.Lambda: _lambda,
    ast.Call: _call,
}
_SPECIAL: dict[type, Callable[[Any, list[str], str, bool], None]] = {
    ast.ListNode: _list,
    ast.Binary: _binary,
    ast.Chain: _chain,
    ast.Declaration: _declaration,
    ast.TypeDeclaration: _type_declaration,
    ast.DBRP: _dbrp,
    ast.CommentStatement: _comment_statement,
    ast.Program: _program,
}
