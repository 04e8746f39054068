"""``bmtick unsilence``: ends silences early."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from bmtick.cli import _deploy, _watching
from bmtick.cli._complete import alert_names
from bmtick.cli.common import config_option, load_settings
from bmtick.errors import EXIT_WRONG_USE, BmtickError

if TYPE_CHECKING:
    from bmtick.deploy.silence import Silence as OnKapacitor
    from bmtick.deploy.targets import Target
    from bmtick.watch.silences import Silence as OfWatch

    Muted = OnKapacitor | OfWatch


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option(
    "--alert",
    default="",
    metavar="NAME",
    shell_complete=alert_names,
    help="All silences of this alert.",
)
@click.option("--all", "every", is_flag=True, help="All silences.")
@_watching.watch_option
@_deploy.server_options
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    ids: tuple[str, ...],
    alert: str,
    every: bool,
    watch_only: bool,
    servers: tuple[str, ...],
    state_dir: str | None,
) -> None:
    """End silences: by ID as in 'bmtick silences', of one alert, or all."""
    from bmtick.deploy.plan import SILENCE_PREFIX

    if not (ids or alert or every):
        raise BmtickError("which silence?", remedy="give an ID, --alert NAME or --all")
    settings = load_settings(ctx)
    chosen = _watching.chosen(settings, servers, watch_only=watch_only)
    full = {i if i.startswith(SILENCE_PREFIX) else SILENCE_PREFIX + i for i in ids}

    def wanted(silence: Muted) -> bool:
        return every or silence.id in full or bool(alert and silence.alert == alert)

    ended: list[str] = []
    failed = False
    if chosen.watch:
        found = _watching.attempt(lambda: _watching.unmute(settings, wanted))
        ended += [s.id for s in found or ()]
        failed |= found is None
    if chosen.kapacitors:
        failed |= _lift(_deploy.targets_of(settings, servers, state_dir), wanted, ended)
    for one in ended:
        click.echo(f"ended {one}")
    if failed:
        _deploy.leave(EXIT_WRONG_USE)
    if missing := sorted(full - set(ended)):
        raise _none(f"'{missing[0]}'")
    if alert and not ended:
        raise _none(f"of '{alert}'")


def _none(what: str) -> BmtickError:
    return BmtickError(f"there is no silence {what}", remedy="'bmtick silences' lists them")


def _lift(targets: Sequence[Target], wanted: Callable[[Muted], bool], ended: list[str]) -> bool:
    """End silences on Kapacitors and collect their ids; return whether any server failed."""
    from bmtick.deploy import silence as silences
    from bmtick.deploy.facts import read_facts
    from bmtick.deploy.targets import on_all

    def lift(target: Target) -> list[silences.Silence]:
        chosen = [s for s in silences.read_silences(read_facts(target.client)) if wanted(s)]
        for one in chosen:
            silences.end(target.client, one)
        return chosen

    answers = on_all(targets, lift)
    ended += [s.id for a in answers for s in a.result or ()]
    return _deploy.show_errors(answers)
