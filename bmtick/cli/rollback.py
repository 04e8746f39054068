"""``bmtick rollback``: restores a state that was applied earlier from this machine."""

from __future__ import annotations

import click

from bmtick.cli import _deploy
from bmtick.cli._round import Round
from bmtick.cli.common import config_option, format_option, load_settings, print_json, print_table


@click.command()
@click.argument("steps", type=click.IntRange(min=1), default=1, metavar="[N]")
@click.option("--list", "list_only", is_flag=True, help="Show the applied states and leave.")
@_deploy.server_options
@_deploy.yes_option
@format_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    steps: int,
    list_only: bool,
    servers: tuple[str, ...],
    state_dir: str | None,
    yes: bool,
    output_format: str,
) -> None:
    """Restore the state applied N applies ago (default 1: the previous one).

    The history is stored on this machine only. The settings are not changed: the next 'apply'
    deploys what they contain.
    """
    from bmtick.deploy.session import as_desired, earlier_state

    settings = load_settings(ctx)
    targets = _deploy.targets_of(settings, servers, state_dir)
    if list_only:
        rows = [
            (t.name, r.number, r.time, r.cause, len(r.tasks))
            for t in targets
            for r in t.store.revisions()
        ]
        columns = ("server", "revision", "time", "cause", "tasks")
        if output_format == "json":
            print_json([dict(zip(columns, row, strict=True)) for row in rows])
        else:
            print_table(columns, rows)
        return
    states = {t.name: earlier_state(t, steps) for t in targets}
    work = Round(targets, {name: as_desired(state) for name, state in states.items()})
    work.ask("go back to this?", yes=yes)
    work.do(cause="rollback", origins={name: state.origin for name, state in states.items()})
