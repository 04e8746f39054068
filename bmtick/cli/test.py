"""``bmtick test``: runs unit tests of alerts from case files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bmtick.cli.common import format_option, print_json, version_option
from bmtick.errors import EXIT_FINDING, BmtickError, printable

if TYPE_CHECKING:
    from bmtick.testing.coverage import Coverage
    from bmtick.testing.run import Outcome


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--junit", "junit_file", type=click.Path(path_type=Path), help="Also write JUnit XML."
)
@click.option("-v", "--verbose", is_flag=True, help="Show the events of every case.")
@click.option(
    "--scripts",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of the scripts that kapacitor-unit's files name.  [default: near them]",
)
@click.option(
    "--coverage",
    is_flag=True,
    help="Show which levels and branches of the scripts no case reached.",
)
@click.option(
    "--update", is_flag=True, help="Write the events of cases with 'snapshot = true' as expected."
)
@version_option
@format_option
def command(
    paths: tuple[Path, ...],
    junit_file: Path | None,
    verbose: bool,
    scripts: Path | None,
    coverage: bool,
    update: bool,
    version: tuple[int, ...],
    output_format: str,
) -> None:
    """Test alerts: run case files and compare their events with the expected ones.

    PATH is a case file or a folder of them; without one, the catalogue's own cases run. Files of
    kapacitor-unit (*.yaml) run unchanged. The exit status is 1 if a case fails.
    """
    from bmtick.testing.coverage import Coverage
    from bmtick.testing.junit import junit

    watched = Coverage()
    outcomes = _run(paths, scripts, version, watched if coverage else None)
    _snapshots(outcomes, update=update)
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
        if coverage:
            for line in watched.lines():
                click.echo(printable(line))
        click.echo(f"{len(outcomes)} cases, {failed} failed")
    if not all(outcome.passed for outcome in outcomes):
        sys.exit(EXIT_FINDING)


def _run(
    paths: tuple[Path, ...],
    scripts: Path | None,
    version: tuple[int, ...],
    coverage: Coverage | None,
) -> list[Outcome]:
    from bmtick.alerts.load import templates_folder
    from bmtick.testing.kapacitor_unit import SUFFIXES, load_unit_tests, run_unit_test
    from bmtick.testing.load import case_files, load_cases
    from bmtick.testing.run import run_case

    outcomes = []
    for file in case_files(paths or (Path(templates_folder()),)):
        if file.suffix in SUFFIXES:
            tests = load_unit_tests(file, scripts)
            outcomes += [run_unit_test(test, version, coverage) for test in tests]
        else:
            watch = coverage.watch if coverage else None
            outcomes += [run_case(case, version, watch) for case in load_cases(file)]
    return outcomes


def _snapshots(outcomes: list[Outcome], *, update: bool) -> None:
    from bmtick.testing import snapshot

    kept = [outcome for outcome in outcomes if outcome.case.snapshot]
    if update:
        for path in snapshot.update(kept):
            click.echo(f"wrote {printable(str(path))}", err=True)
    for outcome in kept:
        snapshot.compare(outcome)


def _report(outcome: Outcome, *, verbose: bool) -> None:
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
