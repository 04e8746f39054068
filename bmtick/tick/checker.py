"""Checks a TICKscript without a server.

It agrees with Kapacitor on what is refused, when a task is defined or enabled, and goes on where
Kapacitor does not look: types of fields, templates, alert ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bmtick.errors import BmtickError, nearest
from bmtick.tick import rules
from bmtick.tick.ast import Position
from bmtick.tick.context import Context, TemplateReader, read_roughly
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
    read_template: TemplateReader = read_roughly,
) -> list[Finding]:
    """Return all that is wrong or risky in a script, in the order of its text.

    Args:
        text: the script.
        file: its name, for the locations.
        schema: measurements by name with their fields and tags; by default those of bmtick.
        variables: the vars of a task as in Kapacitor's vars file, decoded from JSON. Without,
            declared vars may have any value of their type.
        version: of Kapacitor, like ``1.5`` or ``1.6.5``. Without, names that came after 1.5.7
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
    """A script with all that is known of it; ``context`` is None where it does not parse."""

    findings: list[Finding]
    context: Context | None


def analyse(
    text: str,
    *,
    file: str = "-",
    schema: Schema | None = None,
    variables: Mapping[str, Any] | None = None,
    version: str | None = None,
    read_template: TemplateReader = read_roughly,
) -> Analysis:
    """Check a script as ``check`` does; also return its tree, vars, nodes and the data between.

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
