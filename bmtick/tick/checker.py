"""Checks a TICKscript without a server.

It refuses what Kapacitor refuses when a task is defined or enabled. It also checks what Kapacitor
does not check: types of fields, templates, alert ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bmtick.errors import BmtickError, nearest
from bmtick.tick import rules
from bmtick.tick.ast import Position
from bmtick.tick.context import Context, TemplateReader, scan_template
from bmtick.tick.evaluate import Evaluator
from bmtick.tick.findings import Finding, Report, from_error, has_errors
from bmtick.tick.flow import KNOWN, Measurement, Schema
from bmtick.tick.kinds import parse_version
from bmtick.tick.parser import parse
from bmtick.tick.tokens import Source
from bmtick.tick.values import Value
from bmtick.tick.variables import read_variables

__all__ = ["Analysis", "Finding", "Measurement", "Schema", "analyse", "check", "has_errors"]


def check(
    text: str,
    *,
    file: str = "-",
    schema: Schema | None = None,
    variables: Mapping[str, Any] | None = None,
    version: str | None = None,
    read_template: TemplateReader = scan_template,
) -> list[Finding]:
    """Return all findings of a script in the order of its text.

    Args:
        text: the script.
        file: its name, for locations in messages.
        schema: measurements by name with their fields and tags; by default bmtick's own.
        variables: the vars of a task as in Kapacitor's vars file, decoded from JSON. If None,
            declared vars may have any value of their type.
        version: the Kapacitor version, like ``1.5`` or ``1.6.5``. If None, names newer than 1.5.7
            are warnings.
        read_template: reads Go templates; by default their syntax is not checked.

    Raises:
        BmtickError: ``version`` or ``variables`` is wrong; never because of the script.
    """
    analysis = analyse(
        text,
        file=file,
        schema=schema,
        variables=variables,
        version=version,
        read_template=read_template,
    )
    return analysis.findings


class Analysis(NamedTuple):
    """The results of the analysis of one script; ``context`` is None where it does not parse."""

    findings: list[Finding]
    context: Context | None


def analyse(
    text: str,
    *,
    file: str = "-",
    schema: Schema | None = None,
    variables: Mapping[str, Any] | None = None,
    version: str | None = None,
    read_template: TemplateReader = scan_template,
) -> Analysis:
    """Check a script like ``check``; also return its tree, vars, nodes and data flows.

    Raises:
        BmtickError: ``version`` or ``variables`` is wrong; never because of the script.
    """
    wanted = parse_version(version) if version else None
    given = None if variables is None else read_variables(variables)
    try:
        program = parse(text, file=file)
    except BmtickError as error:
        return Analysis([from_error(error, "syntax")], None)
    report = Report(Source(text, file))
    evaluator = Evaluator(report, given, wanted)
    context = Context(
        program, evaluator, report, KNOWN if schema is None else schema, read_template, wanted
    )
    try:
        evaluator.program(program)
        _unknown_variables(report, evaluator, given)
        rules.check_all(context)
    except RecursionError:
        remedy = "name inner parts with var"
        report.error("nesting", "the script nests too deeply", Position(), remedy)
    return Analysis(report.findings(), context)


def _unknown_variables(
    report: Report, evaluator: Evaluator, given: Mapping[str, Value] | None
) -> None:
    for name in sorted(set(given or ()) - evaluator.declared):
        message = f"the vars file gives '{name}', which the script does not declare"
        remedy = nearest(name, sorted(evaluator.declared)) or "Kapacitor ignores it in silence"
        report.warning("unknown-var", message, Position(), remedy)
