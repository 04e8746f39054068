"""``bmtick test``: unit tests for alerts, from case files."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bmtick.cli.common import format_option, print_json, version_option
from bmtick.errors import EXIT_FINDING, BmtickError, printable


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--junit", "junit_file", type=click.Path(path_type=Path), help="Also write JUnit XML."
)
@click.option("-v", "--verbose", is_flag=True, help="Show the events of every case.")
@version_option
@format_option
def command(
    paths: tuple[Path, ...],
    junit_file: Path | None,
    verbose: bool,
    version: tuple[int, ...],
    output_format: str,
) -> None:
    """Test alerts: run case files and compare the events with those expected.

    PATH is a case file or a folder of them; without one, the catalogue's own cases run. The exit
    status is 1 when a case fails.
    """
    from bmtick.alerts.load import templates_folder
    from bmtick.trial.junit import junit
    from bmtick.trial.load import case_files, load_cases
    from bmtick.trial.run import run_case

    files = case_files(paths or (Path(templates_folder()),))
    outcomes = [run_case(case, version) for file in files for case in load_cases(file)]
    if junit_file:
        _write(junit_file, junit(outcomes))
    if output_format == "json":
        print_json(
            [
                {
                    "file": o.case.file,
                    "name": o.case.name,
                    "passed": o.passed,
                    "failures": o.failures,
                    "events": len(o.events),
                }
                for o in outcomes
            ]
        )
    else:
        for outcome in outcomes:
            _report(outcome, verbose=verbose)
        failed = sum(not outcome.passed for outcome in outcomes)
        click.echo(f"{len(outcomes)} cases, {failed} failed")
    if not all(outcome.passed for outcome in outcomes):
        sys.exit(EXIT_FINDING)


def _report(outcome: object, *, verbose: bool) -> None:
    from bmtick.trial.run import Outcome

    assert isinstance(outcome, Outcome)  # noqa: S101 -- for the type checker
    case = outcome.case
    word = click.style("ok", fg="green") if outcome.passed else click.style("FAILED", fg="red")
    click.echo(f"{word:<6} {printable(case.file)}: {printable(case.name)}")
    for line in outcome.failures:
        click.echo(f"    {line}")
    if verbose:
        for event in outcome.events:
            click.echo(f"    = {printable(event.to_json())}")


def _write(path: Path, text: str) -> None:
    from bmtick.files import write_output

    try:
        write_output(path, text)
    except OSError as error:
        raise BmtickError(f"cannot write '{path}': {error.strerror}") from None
