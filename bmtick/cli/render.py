"""``bmtick render``: writes an alert as a TICKscript, to stdout or files."""

from __future__ import annotations

import json
from pathlib import Path

import click

from bmtick.alerts import FORMS, Form, Rendered, desired, render
from bmtick.alerts.assign import assignments, merged
from bmtick.alerts.error_place import with_section_place
from bmtick.alerts.resolve import instance_of
from bmtick.cli._complete import alert_names
from bmtick.cli.common import config_option, load_settings
from bmtick.errors import BmtickError, Location
from bmtick.files import write_output
from bmtick.settings import Settings


@click.command("render")
@click.argument("name", required=False, shell_complete=alert_names)
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter, as crit=200, recipients=a@b.org,c@b.org, where.host=edge1 or "
    "slack.channel=#mail. May be repeated.",
)
@click.option(
    "--as",
    "form",
    type=click.Choice(FORMS),
    default="script",
    show_default=True,
    help="Values baked in; typed vars with a vars JSON; or a rule of Chronograf's Alert Builder.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="PATH",
    help="File, or folder for NAME.tick and NAME.vars.json, instead of stdout.",
)
@config_option
@click.pass_context
def command(
    ctx: click.Context, name: str | None, sets: tuple[str, ...], form: Form, output: str | None
) -> None:
    """Write the TICKscript of one alert; without NAME, of all that the settings enable.

    NAME is an alert of the catalogue (see 'bmtick alerts') or of the settings ([alerts.NAME]).
    Values come from the settings; --set overrides them.

    \b
    bmtick render postfix_queue --set crit=500 --set recipients=postmaster@example.org
    bmtick render postfix_queue --as template -o scripts/
    bmtick render -o scripts/
    """  # noqa: D301 -- backslash-b is click's mark for lines to keep
    settings = load_settings(ctx)
    if name is None:
        _render_all(settings, sets, form, output)
        return
    alert, given = instance_of(settings, name)
    own = assignments(alert, sets)
    try:
        rendered = render(alert, merged(given, own), instance=name, form=form, settings=settings)
    except BmtickError as error:
        raise with_section_place(settings, name, error) if not sets else error from None
    if output is None:
        _print(rendered)
    else:
        _write(rendered, Path(output), folder=output.endswith("/"))


def _render_all(settings: Settings, sets: tuple[str, ...], form: Form, output: str | None) -> None:
    if sets:
        raise click.UsageError("--set needs the NAME of an alert")
    if output is None:
        raise click.UsageError("without NAME, all alerts are written into a folder: add -o DIR")
    found = desired(settings, form=form)
    if not found:
        where = settings.path or "the settings"
        raise BmtickError(
            f"{where} enables no alert",
            remedy="add a section like [alerts.postfix_queue], or name an alert",
        )
    folder = Path(output)
    _make_folder(folder)
    for rendered in found:
        _write(rendered, folder)


def _print(rendered: Rendered) -> None:
    click.echo(rendered.script.encode(), nl=False)
    if rendered.variables:
        click.echo("\n// The vars of this template, as JSON: write them to a file with -o DIR.")
        click.echo("".join(f"// {line}\n" for line in _json(rendered).splitlines()).encode())


def _json(rendered: Rendered) -> str:
    return json.dumps(rendered.variables, indent=4, ensure_ascii=False) + "\n"


def _write(rendered: Rendered, path: Path, *, folder: bool = False) -> None:
    """Write to a folder, or to the given file; the vars file is written beside it."""
    if folder or path.is_dir() or (rendered.variables and path.suffix != ".tick"):
        _make_folder(path)
        path = path / f"{rendered.name}.tick"
    _put(path, rendered.script)
    if rendered.variables:
        _put(path.with_suffix(".vars.json"), _json(rendered))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot(folder, error) from None


def _put(path: Path, text: str) -> None:
    try:
        write_output(path, text)
    except OSError as error:
        raise _cannot(path, error) from None


def _cannot(path: Path, error: OSError) -> BmtickError:
    return BmtickError(f"cannot write: {error.strerror or error}", location=Location(str(path)))
