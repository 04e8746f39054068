"""``bmtick status``: shows the state of the deployed alerts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from bmtick.cli import _deploy, _watching
from bmtick.cli.common import config_option, format_option, load_settings, print_json, print_table
from bmtick.errors import EXIT_DONE, EXIT_FINDING, EXIT_WRONG_USE

if TYPE_CHECKING:
    from bmtick.deploy.status import Status
    from bmtick.deploy.targets import Target


@click.command()
@_watching.watch_option
@_deploy.server_options
@click.option("--groups", is_flag=True, help="A line for each group, such as each host or user.")
@format_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    watch_only: bool,
    servers: tuple[str, ...],
    state_dir: str | None,
    groups: bool,
    output_format: str,
) -> None:
    """Show each deployed alert: running, errors, points read, current level, last event.

    The level is that of the last notification; for a silenced alert, of the last suppressed one.
    Exit status: 0 all run as deployed, 1 one does not (failed, disabled, edited by hand), 2 a
    server cannot be read.
    """
    settings = load_settings(ctx)
    chosen = _watching.chosen(settings, servers, watch_only=watch_only)
    found: list[tuple[str, Status]] = []
    failed = False
    if chosen.watch:
        here = _watching.attempt(lambda: _watching.status(settings))
        found += [(_watching.NAME, s) for s in here or ()]
        failed |= here is None
    if chosen.kapacitors:
        failed |= _read(_deploy.targets_of(settings, servers, state_dir), found)
    if output_format == "json":
        print_json([{"server": server, **asdict(s)} for server, s in found])
    elif not found and not failed:
        click.echo("no alert is deployed")
    elif found:
        columns = ("server", "alert", "state", "points", "errors", "level", "since", "note")
        print_table(columns, [row for server, s in found for row in _rows(server, s, groups)])
    if failed:
        _deploy.leave(EXIT_WRONG_USE)
    _deploy.leave(EXIT_DONE if all(s.ok for _, s in found) else EXIT_FINDING)


def _read(targets: Sequence[Target], found: list[tuple[str, Status]]) -> bool:
    """Add the alerts on Kapacitors; return whether any server failed."""
    from bmtick.deploy.facts import read_facts
    from bmtick.deploy.silence import read_silences
    from bmtick.deploy.status import read_status
    from bmtick.deploy.targets import on_all

    def read(target: Target) -> list[Status]:
        facts = read_facts(target.client)
        return read_status(target.client, facts, read_silences(facts), time.time_ns())

    answers = on_all(targets, read)
    found += [(a.target.name, s) for a in answers for s in a.result or ()]
    return _deploy.show_errors(answers)


def _rows(server: str, status: Status, groups: bool) -> list[tuple[object, ...]]:
    notes = [status.error] if status.error else []
    notes += ["edited by hand"] if status.drifted else []
    notes += ["silenced"] if status.silenced else []
    last = max(status.events, key=lambda e: e.time, default=None)
    if last is not None and not groups:
        notes.append(last.message)
    since = last.time if last else ""
    head = (server, status.name, status.state, status.points, status.node_errors, status.level)
    rows: list[tuple[object, ...]] = [(*head, since, "; ".join(notes))]
    if groups:
        rows += [("", f"  {e.id}", "", "", "", e.level, e.time, e.message) for e in status.events]
    return rows
