"""``bmtick fire``: does an alert reach people?"""

from __future__ import annotations

import time

import click

from bmtick.cli import _deploy
from bmtick.cli._complete import alert_names
from bmtick.cli.common import config_option, load_settings
from bmtick.errors import EXIT_DONE, EXIT_FINDING, EXIT_WRONG_USE


@click.command()
@click.argument("name", shell_complete=alert_names)
@_deploy.server_options
@config_option
@click.pass_context
def command(ctx: click.Context, name: str, servers: tuple[str, ...], state_dir: str | None) -> None:
    """Send one event, marked as a test, through every handler of alert NAME.

    The handlers are those of the deployed task. The alert itself, its state and the alert history
    do not see the event. Exit status: 0 sent, 1 Kapacitor logged that a handler failed, 2 not sent.
    """
    from bmtick.deploy.fire import Fired, fire
    from bmtick.deploy.targets import Target, on_all

    settings = load_settings(ctx)
    targets = _deploy.targets_of(settings, servers, state_dir)
    when = time.strftime("%Y-%m-%d %H:%M:%S")

    def send(target: Target) -> Fired:
        return fire(target.client, name, when=when)

    answers = on_all(targets, send)
    for answer in answers:
        if answer.result is not None:
            handlers = ", ".join(answer.result.handlers)
            click.echo(f"{answer.target.client.name}: sent by {handlers}: {answer.result.message}")
            for line in answer.result.errors:
                _deploy.say(f"{answer.target.client.name} logged: {line}")
    if _deploy.show_errors(answers):
        _deploy.leave(EXIT_WRONG_USE)
    failed = any(a.result.errors for a in answers if a.result is not None)
    _deploy.leave(EXIT_FINDING if failed else EXIT_DONE)
