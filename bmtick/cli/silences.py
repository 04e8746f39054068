"""``bmtick silences``: lists what is silenced, until when, and why."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from bmtick.cli import _deploy, _watching
from bmtick.cli.common import config_option, format_option, load_settings, print_json, print_table
from bmtick.errors import EXIT_DONE, EXIT_WRONG_USE

if TYPE_CHECKING:
    from bmtick.deploy.silence import Silence as OnKapacitor
    from bmtick.deploy.targets import Target
    from bmtick.watch.silences import Silence as OfWatch

    Muted = OnKapacitor | OfWatch


@click.command()
@_watching.watch_option
@_deploy.server_options
@format_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    watch_only: bool,
    servers: tuple[str, ...],
    state_dir: str | None,
    output_format: str,
) -> None:
    """List the active silences of each Kapacitor, and of 'bmtick watch'."""
    settings = load_settings(ctx)
    chosen = _watching.chosen(settings, servers, watch_only=watch_only)
    now = time.time_ns()
    found: list[tuple[str, Muted]] = []
    failed = False
    if chosen.watch:
        here = _watching.attempt(lambda: _watching.muted(settings))
        found += [(_watching.NAME, s) for s in here or ()]
        failed |= here is None
    if chosen.kapacitors:
        failed |= _read(_deploy.targets_of(settings, servers, state_dir), now, found)
    if output_format == "json":
        print_json([_document(server, s, now) for server, s in found])
    elif not found and not failed:
        click.echo("nothing is muted")
    elif found:
        columns = ("server", "id", "alert", "where", "until", "state", "reason", "author")
        print_table(columns, [_row(server, s, now) for server, s in found])
    _deploy.leave(EXIT_WRONG_USE if failed else EXIT_DONE)


def _read(targets: Sequence[Target], now: int, found: list[tuple[str, Muted]]) -> bool:
    """Add the silences of Kapacitors; return whether any server failed."""
    from bmtick.deploy.facts import read_facts
    from bmtick.deploy.silence import Silence, read_silences
    from bmtick.deploy.targets import on_all

    def current(target: Target) -> list[Silence]:
        return [s for s in read_silences(read_facts(target.client)) if now < s.until]

    answers = on_all(targets, current)
    found += [(a.target.name, s) for a in answers for s in a.result or ()]
    return _deploy.show_errors(answers)


def _document(server: str, silence: Muted, now: int) -> dict[str, object]:
    from bmtick.deploy.silence import clock_text

    return {
        "server": server,
        "id": silence.id,
        "alert": silence.alert,
        "where": dict(silence.where),
        "until": clock_text(silence.until).replace(" ", "T"),
        "active": silence.active(now),
        "reason": silence.reason,
        "author": silence.author,
    }


def _row(server: str, silence: Muted, now: int) -> tuple[str, ...]:
    from bmtick.deploy.silence import clock_text

    where = " ".join(f"{tag}={value}" for tag, value in silence.where.items())
    state = "active" if silence.active(now) else "does not run"
    end = clock_text(silence.until)
    one = silence
    return (server, one.id, one.alert, where, end, state, one.reason, one.author)
