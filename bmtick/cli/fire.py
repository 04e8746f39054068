"""``bmtick fire``: sends a test event through an alert's handlers."""

from __future__ import annotations

import time

import click

from bmtick.cli import _deploy, _notify, _watching
from bmtick.cli._complete import alert_names
from bmtick.cli.common import config_option, load_settings
from bmtick.engine.events import Handler
from bmtick.errors import EXIT_DONE, EXIT_FINDING, EXIT_WRONG_USE, BmtickError
from bmtick.settings import Settings


@click.command()
@click.argument("name", shell_complete=alert_names)
@_watching.watch_option
@_deploy.server_options
@click.option(
    "--mail-dir",
    "--mails",
    "mails",
    type=click.Path(),
    help="Put the mails of 'bmtick watch' into this folder.",
)
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    name: str,
    watch_only: bool,
    servers: tuple[str, ...],
    state_dir: str | None,
    mails: str | None,
) -> None:
    """Send one event, marked as a test, through every handler of alert NAME.

    The handlers are those of the deployed task; without Kapacitor, those of 'bmtick watch' with
    all channels. The event does not change the alert, its state or the alert history. Exit
    status: 0 sent, 1 a handler failed (according to Kapacitor's log), 2 not sent.
    """
    from bmtick.deploy.fire import TestEvent, fire
    from bmtick.deploy.targets import Target, on_all

    settings = load_settings(ctx)
    chosen = _watching.chosen(settings, servers, watch_only=watch_only)
    status = _here(settings, name, mails) if chosen.watch else EXIT_DONE
    if not chosen.kapacitors:
        _deploy.leave(status)
    targets = _deploy.targets_of(settings, servers, state_dir)
    when = time.strftime("%Y-%m-%d %H:%M:%S")

    def send(target: Target) -> TestEvent:
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
    _deploy.leave(EXIT_FINDING if failed else status)


def _here(settings: Settings, name: str, mails: str | None) -> int:
    """Send the event like 'bmtick watch'; return the exit status."""
    from bmtick.alerts import desired
    from bmtick.deploy.fire import handlers_of

    alert = next((alert for alert in desired(settings) if alert.name == name), None)
    if alert is None:
        raise BmtickError(
            f"the settings enable no alert '{name}'", remedy="'bmtick status --watch' lists them"
        )
    known = _notify.channels(settings)
    handlers = [*handlers_of(alert), *(Handler(kind, [], {}) for kind in known.deliveries())]
    if not handlers:
        raise BmtickError(f"alert '{name}' has no handler", remedy="see [notify] in the settings")
    return _notify.try_each(settings, mails, known, handlers, name)
