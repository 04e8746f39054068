"""``bmtick unsilence``: end silences before their time."""

from __future__ import annotations

import click

from bmtick.cli import _deploy
from bmtick.cli.common import config_option, load_settings
from bmtick.errors import EXIT_DONE, EXIT_WRONG_USE, BmtickError


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--alert", default="", metavar="NAME", help="All silences of this alert.")
@click.option("--all", "every", is_flag=True, help="All silences.")
@_deploy.server_options
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    ids: tuple[str, ...],
    alert: str,
    every: bool,
    servers: tuple[str, ...],
    state_dir: str | None,
) -> None:
    """End silences: by ID as 'bmtick silences' shows it, of one alert, or all."""
    from bmtick.deploy import silence as silences
    from bmtick.deploy.facts import read_facts
    from bmtick.deploy.plan import SILENCE_PREFIX
    from bmtick.deploy.targets import Target, on_all

    if not (ids or alert or every):
        raise BmtickError("which silence?", remedy="give an ID, --alert NAME or --all")
    settings = load_settings(ctx)
    targets = _deploy.targets_of(settings, servers, state_dir)
    full = {i if i.startswith(SILENCE_PREFIX) else SILENCE_PREFIX + i for i in ids}

    def lift(target: Target) -> list[silences.Silence]:
        found = silences.read_silences(read_facts(target.client))
        chosen = [s for s in found if every or s.id in full or (alert and s.alert == alert)]
        for one in chosen:
            silences.end(target.client, one)
        return chosen

    answers = on_all(targets, lift)
    ended = [s for a in answers for s in a.result or ()]
    for one in ended:
        click.echo(f"ended {one.id}")
    if _deploy.show_errors(answers):
        _deploy.leave(EXIT_WRONG_USE)
    missing = full - {s.id for s in ended}
    if missing:
        name = min(missing)
        raise BmtickError(f"there is no silence '{name}'", remedy="'bmtick silences' lists them")
    if alert and not ended:
        raise BmtickError(
            f"there is no silence of '{alert}'", remedy="'bmtick silences' lists them"
        )
    _deploy.leave(EXIT_DONE)
