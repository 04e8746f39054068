"""``bmtick check``: parse and type-check TICKscripts offline.

It uses ``os.path``: importing pathlib takes milliseconds at each start.
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click

from bmtick.documents import STDIN, read_text
from bmtick.errors import EXIT_FINDING, EXIT_WRONG_USE, BmtickError, Location
from bmtick.escaping import visible_json
from bmtick.tick.checker import Finding, check, has_errors
from bmtick.tick.context import TemplateUses

_DOCUMENTS = (".yaml", ".yml", ".json")
_LOADED = ("tasks", "templates", "handlers")
_VARS = ".vars.json"


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
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    show_default=True,
    help="Output for people, for machines, for code scanners, or as notes on GitHub.",
)
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

    FILE is a script, a folder of scripts, a glob, - for standard input, a topic handler or a task
    with a template (YAML or JSON), or Kapacitor's load directory (with tasks, templates,
    handlers), which is checked as a whole. Vars come from NAME.vars.json beside NAME.tick.

    An error is refused by Kapacitor or surely fails when data arrives; a warning is a risk; an
    info is useful to know. The fields of bmtick's own measurements are known, so their types are
    checked; other fields may have any type unless --schema gives it.

    Exit status: 0 no errors; 1 errors; 2 a file cannot be read.
    """
    how = _options(schema_file, version)
    variables = None if vars_file is None else _variables(vars_file)
    findings: list[Finding] = []
    unreadable = False
    for path in files:
        try:
            for target in _targets(path):
                findings += _check(target, variables, how)
        except BmtickError as error:
            click.echo(str(error), err=True)
            unreadable = True
    _print(findings, output_format)
    failed = has_errors(findings) or (strict and any(f.severity == "warning" for f in findings))
    ctx.exit(EXIT_WRONG_USE if unreadable else EXIT_FINDING if failed else 0)


def _options(schema_file: str | None, version: str | None) -> dict[str, Any]:
    schema = None
    if schema_file is not None:
        from bmtick.tick.schemas import load_schema

        schema = load_schema(read_text(schema_file), file=schema_file)
    return {"schema": schema, "version": version, "read_template": _read_template}


def _read_template(text: str, html: bool) -> TemplateUses:
    """Read a Go template; a text without an action needs no parser."""
    if "{{" not in text:
        return TemplateUses(exact=True)
    from bmtick.engine.template_uses import read_template

    return read_template(text, html)


def _variables(path: str) -> Mapping[str, Any]:
    """Read the vars file; refuse a wrong one before any script is checked."""
    from bmtick.tick.variables import load_variables, read_variables

    variables = load_variables(read_text(path), file=path)
    try:
        read_variables(variables)
    except BmtickError as error:
        raise BmtickError(error.message, location=Location(path), remedy=error.remedy) from None
    return variables


def _targets(path: str) -> Iterator[str]:
    """Yield the targets of a FILE argument; a load directory ends with a slash."""
    if path == STDIN or os.path.isfile(path):
        yield path
    elif os.path.isdir(path):
        if any(os.path.isdir(os.path.join(path, name)) for name in _LOADED):
            yield os.path.join(path, "")
            return
        scripts = sorted(
            os.path.join(folder, name)
            for folder, _, names in os.walk(path)
            for name in names
            if name.endswith(".tick")
        )
        if not scripts:
            remedy = "name a folder with *.tick, or with tasks, templates and handlers"
            raise BmtickError("no scripts here", location=Location(path), remedy=remedy)
        yield from scripts
    elif glob.has_magic(path) and (found := sorted(glob.glob(path, recursive=True))):
        for each in found:
            yield from _targets(each)
    else:
        yield path  # reading it reports the error


def _check(target: str, variables: Mapping[str, Any] | None, how: dict[str, Any]) -> list[Finding]:
    if target.endswith(os.sep):
        return _check_directory(target, how)
    text = read_text(target)
    if target.endswith(_DOCUMENTS):
        from bmtick.tick.loading import check_document

        return check_document(text, file=target)
    if variables is None:
        beside = target.removesuffix(".tick") + _VARS
        if target.endswith(".tick") and os.path.isfile(beside):
            variables = _variables(beside)
    return check(text, file=target, variables=variables, **how)


def _check_directory(folder: str, how: dict[str, Any]) -> list[Finding]:
    from bmtick.tick.loading import DOCUMENTS, Directory

    files = {}
    for name in _LOADED:
        inner = os.path.join(folder, name)
        for file in sorted(os.listdir(inner)) if os.path.isdir(inner) else ():
            if file.endswith((".tick", *DOCUMENTS)):
                path = os.path.join(inner, file)
                files[path] = read_text(path)
    return Directory(files, **how).check()


# -- output


def _print(findings: list[Finding], output_format: str) -> None:
    if output_format in ("text", "github"):
        shown = str if output_format == "text" else _github
        if findings:
            click.echo("\n".join([shown(finding) for finding in findings]))
    else:
        import json

        document = _sarif(findings) if output_format == "sarif" else _plain(findings)
        text = json.dumps(document, indent=2, ensure_ascii=False)
        sys.stdout.write(visible_json(text) + "\n")


def _plain(findings: Iterable[Finding]) -> list[dict[str, object]]:
    return [
        {
            "file": finding.location.file,
            "line": finding.location.line,
            "column": finding.location.column,
            "severity": finding.severity,
            "code": finding.code,
            "message": finding.message,
            "remedy": finding.remedy,
        }
        for finding in findings
    ]


def _github(finding: Finding) -> str:
    """Return a workflow command, which GitHub shows beside the line."""
    level = {"error": "error", "warning": "warning"}.get(finding.severity, "notice")
    message = finding.message + (f" ({finding.remedy})" if finding.remedy else "")
    file, line, column = finding.location

    def escaped(text: str, *, is_property: bool = False) -> str:
        text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        return text.replace(":", "%3A").replace(",", "%2C") if is_property else text

    where = f"file={escaped(file, is_property=True)},line={line},col={column}"
    return f"::{level} {where},title=bmtick {finding.code}::{escaped(message)}"


def _sarif(findings: list[Finding]) -> dict[str, object]:
    """Return a SARIF 2.1.0 log for code scanners."""
    from pathlib import PurePath
    from urllib.parse import quote

    import bmtick

    levels = {"error": "error", "warning": "warning", "info": "note"}
    results = [
        {
            "ruleId": finding.code,
            "level": levels[finding.severity],
            "message": {
                "text": finding.message + (f" ({finding.remedy})" if finding.remedy else "")
            },
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {
                            "uri": quote(PurePath(finding.location.file).as_posix())
                        },
                        "region": {
                            "startLine": max(1, finding.location.line),
                            "startColumn": max(1, finding.location.column),
                        },
                    }
                }
            ],
        }
        for finding in findings
    ]
    rules = [{"id": code} for code in sorted({finding.code for finding in findings})]
    tool = {"driver": {"name": "bmtick", "version": bmtick.__version__, "rules": rules}}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": tool, "columnKind": "unicodeCodePoints", "results": results}],
    }
