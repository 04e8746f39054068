"""``bmtick check``: parse and type-check TICKscripts offline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from bmtick.cli.common import output_option, print_json
from bmtick.documents import read_text
from bmtick.engine.template_uses import read_template
from bmtick.errors import EXIT_FINDING, EXIT_WRONG_USE, BmtickError, Location
from bmtick.tick.checker import Finding, check, has_errors
from bmtick.tick.schemas import load_schema
from bmtick.tick.variables import load_variables, read_variables


@click.command("check")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--vars", "vars_file", metavar="FILE", help="Check with the vars of this JSON file.")
@click.option(
    "--schema",
    "schema_file",
    metavar="FILE",
    help="Fields and tags of more measurements, in TOML: [cpu] with fields and tags.",
)
@click.option(
    "--kapacitor-version",
    "version",
    metavar="VERSION",
    help="Refuse what this version does not have yet, like 1.5 or 1.6.5. Default: warn of it.",
)
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@output_option("text", "json")
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    vars_file: str | None,
    schema_file: str | None,
    version: str | None,
    strict: bool,
    output_format: str,
) -> None:
    """Check TICKscripts without a server.

    FILE may be - for standard input. An error is what Kapacitor refuses, or what surely fails
    when data comes; a warning is a risk. The fields of bmtick's own measurements are known, so
    their types are checked; other fields may have any type unless --schema gives it.

    Exit status: 0 no errors; 1 errors; 2 a file cannot be read.
    """
    variables = None if vars_file is None else _variables(vars_file)
    schema = None if schema_file is None else load_schema(read_text(schema_file), file=schema_file)
    findings: list[Finding] = []
    unreadable = False
    for path in files:
        try:
            text = read_text(path)
        except BmtickError as error:
            click.echo(str(error), err=True)
            unreadable = True
            continue
        findings += check(
            text,
            file=path,
            schema=schema,
            variables=variables,
            version=version,
            read_template=read_template,
        )
    if output_format == "json":
        print_json([_as_json(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(str(finding))
    failed = has_errors(findings) or (
        strict and any(finding.severity == "warning" for finding in findings)
    )
    ctx.exit(EXIT_WRONG_USE if unreadable else EXIT_FINDING if failed else 0)


def _variables(path: str) -> Mapping[str, Any]:
    """Read the vars file, and refuse one that is wrong before any script is checked."""
    variables = load_variables(read_text(path), file=path)
    try:
        read_variables(variables)
    except BmtickError as error:
        raise BmtickError(error.message, location=Location(path), remedy=error.remedy) from None
    return variables


def _as_json(finding: Finding) -> dict[str, object]:
    return {
        "file": finding.location.file,
        "line": finding.location.line,
        "column": finding.location.column,
        "severity": finding.severity,
        "code": finding.code,
        "message": finding.message,
        "remedy": finding.remedy,
    }
