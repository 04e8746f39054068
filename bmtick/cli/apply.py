"""``bmtick apply``: bring each Kapacitor to what the settings ask for."""

from __future__ import annotations

import click

from bmtick.cli import _deploy
from bmtick.cli._round import Round
from bmtick.cli.common import config_option, load_settings


@click.command()
@_deploy.server_options
@_deploy.form_option
@_deploy.yes_option
@click.option("--force", is_flag=True, help="Go on although a check before the apply failed.")
@click.option(
    "--wait",
    metavar="DURATION",
    default="0s",
    help="Afterwards wait until each changed task has seen points, at most so long, such as 30s.",
)
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    servers: tuple[str, ...],
    state_dir: str | None,
    form: str | None,
    yes: bool,
    force: bool,
    wait: str,
) -> None:
    """Show the plan, ask, and do it.

    Scripts, databases and handlers are checked first, offline and on the server. Each step is
    journalled; when one fails, all that was done is undone in reverse. A killed apply is set right
    by the next one. Tasks that bmtick did not make are never touched.

    Exit status: 0 all is as wanted, 1 it is not (refused, failed and undone, or a foreign task
    stands in the way), 2 a server cannot be read or the settings are wrong.
    """
    from bmtick.deploy.preflight import check_offline, check_on_server, check_surroundings
    from bmtick.durations import SECOND, parse_duration

    seconds = parse_duration(wait) / SECOND
    settings = load_settings(ctx)
    targets = _deploy.targets_of(settings, servers, state_dir, needs_file=True)
    desired = _deploy.wanted(settings, form)
    work = Round(targets, {target.name: desired for target in targets})
    work.check(lambda _target, planned: check_offline(planned), force=force)
    work.check(
        lambda target, planned: check_surroundings(target.client, planned, settings), force=force
    )
    work.ask("apply this?", yes=yes)
    work.check(lambda target, planned: check_on_server(target.client, planned), force=force)
    work.do(cause="apply", wait=seconds)
