"""``bmtick fmt``: Kapacitor's canonical format, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from bmtick.documents import STDIN, read_text
from bmtick.errors import (
    EXIT_FINDING,
    EXIT_WRONG_USE,
    BmtickError,
    Location,
    printable,
    render_message,
)
from bmtick.files import write_output
from bmtick.tick import ast
from bmtick.tick.formatter import format_program, format_stable
from bmtick.tick.parser import parse


@click.command("fmt")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--check", is_flag=True, help="Only list the files that are not formatted; exit 1.")
@click.option("--write", is_flag=True, help="Rewrite the files in place.")
@click.pass_context
def command(ctx: click.Context, files: tuple[str, ...], check: bool, write: bool) -> None:
    """Print TICKscripts in Kapacitor's own format.

    FILE may be a folder of scripts, or - for standard input. Comments are kept. The result equals,
    byte for byte, what Kapacitor 1.5 to 1.8 returns for a task (script-format=formatted). For
    strings over several lines joined by +, Kapacitor's format changes when it is formatted again;
    --write saves the text that no longer changes.

    Exit status: 0 done; 1 with --check, a file is not formatted; 2 a file does not parse or
    cannot be read or written.
    """
    if check and write:
        raise click.UsageError("--check and --write exclude each other")
    if write and STDIN in files:
        raise click.UsageError("--write needs files: standard input cannot be rewritten")
    status = 0
    for path in _scripts(files):
        try:
            text = read_text(path)
            tree = parse(text, file=path)
            formatted = format_program(tree)
            if not _means_the_same(tree, formatted):
                _refuse_or_warn(path, refuse=check or write)
            elif write:
                formatted = format_stable(tree)
            if check and formatted != text:
                click.echo(printable(path))
                status = status or EXIT_FINDING
            elif write and formatted != text:
                _write(path, formatted)
        except BmtickError as error:
            click.echo(str(error), err=True)
            status = EXIT_WRONG_USE
            continue
        if not check and not write:
            click.echo(formatted.encode("utf-8"), nl=False)
    ctx.exit(status)


def _scripts(files: tuple[str, ...]) -> Iterator[str]:
    """Yield the files, and the scripts in folders."""
    for path in files:
        if path != STDIN and Path(path).is_dir():
            yield from (str(script) for script in sorted(Path(path).rglob("*.tick")))
        else:
            yield path


def _means_the_same(tree: ast.Program, formatted: str) -> bool:
    try:
        return ast.same(tree, parse(formatted))
    except BmtickError:
        return False


def _refuse_or_warn(path: str, *, refuse: bool) -> None:
    """Handle a script that Kapacitor's own format breaks: print the result, but never save it."""
    message = "Kapacitor's format changes what this script means"
    remedy = "move comments out of expressions and lists, and quotes out of dbrp names"
    if refuse:
        raise BmtickError(message, location=Location(path), remedy=remedy)
    text = render_message("warning", message, location=Location(path), remedy=remedy)
    click.echo(text, err=True)


def _write(path: str, text: str) -> None:
    try:
        write_output(path, text)
    except OSError as error:
        raise BmtickError(
            f"cannot write the script: {error.strerror}", location=Location(path)
        ) from None
