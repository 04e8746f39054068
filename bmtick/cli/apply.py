"""``bmtick apply``: deploy the alerts of the settings to each Kapacitor."""

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
    """Show the plan, ask for confirmation, and apply it.

    Scripts, databases and handlers are checked first, offline and on the server. Each step is
    recorded in a journal; if a step fails, all steps are undone in reverse order. The next apply
    repairs a killed one. Tasks that bmtick did not create are never touched.

    Exit status: 0 the state is as desired, 1 it is not (refused, failed and undone, or blocked by
    a foreign task), 2 a server is unreadable or the settings are wrong.
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
