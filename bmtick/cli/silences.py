"""``bmtick silences``: what is muted, until when, and why."""

from __future__ import annotations

import time

import click

from bmtick.cli import _deploy
from bmtick.cli.common import config_option, format_option, load_settings, print_json, print_table
from bmtick.errors import EXIT_DONE, EXIT_WRONG_USE


@click.command()
@_deploy.server_options
@format_option
@config_option
@click.pass_context
def command(
    ctx: click.Context, servers: tuple[str, ...], state_dir: str | None, output_format: str
) -> None:
    """List the silences of each Kapacitor that are not over."""
    from bmtick.deploy.facts import read_facts
    from bmtick.deploy.silence import Silence, clock_text, read_silences
    from bmtick.deploy.targets import Target, on_all

    settings = load_settings(ctx)
    targets = _deploy.targets_of(settings, servers, state_dir)
    now = time.time_ns()

    def current(target: Target) -> list[Silence]:
        return [s for s in read_silences(read_facts(target.client)) if now < s.until]

    answers = on_all(targets, current)
    found = [(a.target.name, s) for a in answers for s in a.result or ()]
    if output_format == "json":
        rows = [
            {
                "server": server,
                "id": s.id,
                "alert": s.alert,
                "where": dict(s.where),
                "until": clock_text(s.until).replace(" ", "T"),
                "active": s.active(now),
                "reason": s.reason,
                "author": s.author,
            }
            for server, s in found
        ]
        print_json(rows)
    elif not found and not any(a.error for a in answers):
        click.echo("nothing is muted")
    elif found:
        columns = ("server", "id", "alert", "where", "until", "state", "reason", "author")
        table = []
        for server, s in found:
            where = " ".join(f"{tag}={value}" for tag, value in s.where.items())
            state = "active" if s.active(now) else "does not run"
            end = clock_text(s.until)
            table.append((server, s.id, s.alert, where, end, state, s.reason, s.author))
        print_table(columns, table)
    _deploy.leave(EXIT_WRONG_USE if _deploy.show_errors(answers) else EXIT_DONE)
