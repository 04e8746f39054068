"""``bmtick destroy``: remove all of bmtick's tasks and templates, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import click

from bmtick.cli import _deploy
from bmtick.cli._round import Round
from bmtick.cli.common import config_option, load_settings


@click.command()
@_deploy.server_options
@_deploy.yes_option
@config_option
@click.pass_context
def command(ctx: click.Context, servers: tuple[str, ...], state_dir: str | None, yes: bool) -> None:
    """Remove bmtick's own tasks, templates and silences from each Kapacitor, with alert state.

    Tasks that bmtick did not create stay, whatever their names. The history stays on this machine:
    'bmtick rollback' restores the last state.
    """
    from bmtick.deploy.desired import Desired
    from bmtick.deploy.silence import silence_steps

    settings = load_settings(ctx)
    targets = _deploy.targets_of(settings, servers, state_dir)
    work = Round(targets, {target.name: Desired() for target in targets})
    for plan in work.plans:
        steps = [replace(step, reasons=("made by bmtick",)) for step in plan.planned.steps]
        plan.planned.steps[:] = [*steps, *silence_steps(plan.planned.facts)]
    work.ask("remove these?", yes=yes)
    work.do(cause="destroy")
