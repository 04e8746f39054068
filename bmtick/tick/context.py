"""The checker's context, which each rule receives: pipeline, data flows and report."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from bmtick.errors import nearest
from bmtick.tick import ast
from bmtick.tick.evaluate import Evaluator
from bmtick.tick.findings import Fix, Report
from bmtick.tick.flow import Flow, Schema, outflow
from bmtick.tick.graph import PipelineNode
from bmtick.tick.lambda_types import NO_TYPE, infer
from bmtick.tick.values import Value

_INDEX = re.compile(r"""index\s+\$?\.(Tags|Fields)\s+(?:"([^"\\]*)"|`([^`]*)`)""")
_NAME = re.compile(r"(?<![\w)\"`])\$?\.([A-Z]\w*)")  # not a method, as in .Time.UTC
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)


@dataclass
class TemplateUses:
    """The fields and tags that a Go template (``.id``, ``.message``, ``.details``) reads.

    ``names`` are the top-level names. ``exact`` is true where a parser read the template.
    """

    tags: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    exact: bool = False


TemplateReader = Callable[[str, bool], TemplateUses]
"""Reads a Go template (text; whether it is HTML) or raises BmtickError where it does not parse."""


def scan_template(text: str, html: bool = False) -> TemplateUses:
    """Return what a template reads, found by regular expressions; syntax is not checked."""
    del html
    uses = TemplateUses()
    for action in _ACTION.findall(text):
        for which, quoted, raw in _INDEX.findall(action):
            (uses.tags if which == "Tags" else uses.fields).append(quoted or raw)
        uses.names.update(_NAME.findall(action))
    return uses


@dataclass
class Context:
    """One evaluated script with its report and data flows."""

    program: ast.Program
    evaluator: Evaluator
    report: Report
    schema: Schema
    read_template: TemplateReader
    version: tuple[int, ...] | None
    _flows: dict[int, Flow] = field(default_factory=dict)

    @property
    def nodes(self) -> list[PipelineNode]:
        """All nodes of the pipeline, each after its parents."""
        return self.evaluator.nodes

    def flow(self, node: PipelineNode) -> Flow:
        """Return the data that leaves a node."""
        if not self._flows:
            for each in self.nodes:
                self._flows[id(each)] = outflow(each, self._flows, self.schema, self.type_quietly)
        return self._flows[id(node)]

    def inflow(self, node: PipelineNode) -> Flow:
        """Return the data that enters a node."""
        return self.flow(node.parents[0]) if node.parents else Flow()

    @staticmethod
    def suggest(name: str, known: list[str]) -> str:
        """Return the known name that is probably meant."""
        return nearest(name, known) or f"there are {', '.join(known)}"

    def type_of(self, expression: ast.Node, flow: Flow) -> str:
        """Return the type of a lambda over a flow; report errors in it."""
        return infer(expression, _LambdaScope(self, flow, self.report, quiet=False), self.report)

    def type_quietly(self, value: Value, flow: Flow) -> str:
        """Return the type of a lambda over a flow without reporting, or NO_TYPE."""
        if value.type != "lambda" or not value.known:
            return NO_TYPE
        silent = Report(self.report.source)
        return infer(value.constant, _LambdaScope(self, flow, silent, quiet=True), silent)


class _LambdaScope:
    """The scope of a lambda: vars, and the fields and tags of the data."""

    def __init__(self, context: Context, flow: Flow, report: Report, *, quiet: bool) -> None:
        self._context = context
        self._flow = flow
        self._report = report
        self._quiet = quiet

    def variable(self, node: ast.Identifier) -> Value | None:
        return self._context.evaluator.var(node.name)

    def reference(self, node: ast.Reference) -> str:
        if not self._quiet and not self._flow.has(node.name):
            known = sorted({*self._flow.fields, *self._flow.tags})
            message = f'no field or tag "{node.name}" comes here'
            remedy = self._context.suggest(node.name, known)
            self._report.warning("unknown-field", message, node.pos, remedy)
        elif not self._quiet and node.name in self._flow.fields and node.name in self._flow.tags:
            message = f'"{node.name}" is a field and a tag: Kapacitor fails at a point with both'
            remedy = "give the field another name, with .as()"
            self._report.warning("field-and-tag", message, node.pos, remedy)
        return self._flow.type_of(node.name)

    def note_comparison(self, node: ast.Binary) -> None:
        left, right = node.left, node.right
        if (
            self._quiet
            or not isinstance(left, ast.Reference)
            or not isinstance(right, ast.Reference)
        ):
            return
        flow = self._flow
        if right.name in flow.fields or (not flow.more_fields and not flow.more_tags):
            return  # known, or already reported as unknown
        start = right.pos.offset
        found = re.compile(r'"([^"\\\n\']*)"').match(self._report.source.text, start)
        message = f'this compares two fields or tags, "{left.name}" and "{right.name}"'
        fix = Fix(start, found.end(), f"'{found[1]}'") if found else None
        remedy = f"a value stands in single quotes: '{right.name}'"
        self._report.warning("compared-fields", message, right.pos, remedy, fix)

    def function_since(self, name: str, since: str, position: ast.Position) -> None:
        if not self._quiet:
            self._context.evaluator.since(since, f"{name}()", position)
