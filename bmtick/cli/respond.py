"""``bmtick respond``: blocks a spammer, and holds, releases, deletes or restores its mail."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bmtick.cli._complete import users
from bmtick.cli._filter import describe, filter_options, make_filter
from bmtick.cli._logs import config_dir_option, log_option
from bmtick.cli.common import config_option, format_option, load_settings, print_json
from bmtick.errors import EXIT_FINDING, BmtickError, printable

if TYPE_CHECKING:
    from bmtick.incident.response.actions import Outcome
    from bmtick.incident.response.plan import Plan, Step
    from bmtick.incident.response.target import Target

_STEPS = (
    *("password", "lock", "sessions", "networks", "firewall", "connections"),
    *("hold", "release", "delete", "restore"),
)


@click.command()
@click.argument("user", required=False, default="", shell_complete=users)
@click.option("--client", help="Instead of USER: a machine, by its address.")
@click.option(
    "--do",
    "steps",
    multiple=True,
    type=click.Choice(_STEPS),
    help="Do this step; may be repeated. Without it nothing is done.",
)
@click.option("--interactive", "-i", is_flag=True, help="Ask before each step.")
@click.option("--undo", is_flag=True, help="Take back the last hold or deletion of this target.")
@click.option("--yes", is_flag=True, help="Confirm the steps that ask for it.")
@click.option(
    "--alias",
    "aliases",
    multiple=True,
    help="Another login or address of the same account; may be repeated.",
)
@click.option(
    "--by-login-only",
    is_flag=True,
    help="Leave alone mail without any login, even if this is its sender.",
)
@click.option("--ask-password", is_flag=True, help="Ask for the new password on the terminal.")
@click.option("--force", is_flag=True, help="Go on even if nothing here knows USER.")
@filter_options(login=False)
@log_option
@config_dir_option
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Journal and copies.  [default: /var/lib/bmtick-admin/incidents]",
)
@format_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    user: str,
    client: str | None,
    steps: tuple[str, ...],
    interactive: bool,
    undo: bool,
    yes: bool,
    aliases: tuple[str, ...],
    by_login_only: bool,
    ask_password: bool,
    force: bool,
    logs: tuple[str, ...],
    config_dir: str,
    folder: Path | None,
    output_format: str,
    **wanted: str | None,
) -> None:
    """Block an account or a machine that sends spam, and hold, release, delete or restore mail.

    Shows each step with its exact commands; executes none without --do. USER is the login as in
    'bmtick suspects'; names must match completely. Write '--' before a USER that begins with a
    dash. The filters are those of 'bmtick queue'; they restrict USER or --client, or are used
    alone.
    """
    from bmtick.incident.programs import Programs
    from bmtick.incident.response.actions import StepRunner
    from bmtick.incident.response.journal import Journal
    from bmtick.incident.response.situation import Request, plan_response, plan_undo
    from bmtick.state_folders import incidents_folder

    target = _target(user, client, aliases, wanted, by_sender=not by_login_only)
    settings = load_settings(ctx)
    request = Request(
        target,
        logs=logs or tuple(settings.collect.logs),
        known_clients=tuple(settings.collect.known_clients),
        force=force,
    )
    place = folder or incidents_folder(settings.collect.state)
    programs, journal = Programs(config_dir), Journal(place)
    password = (
        click.prompt("New password", hide_input=True, confirmation_prompt=True)
        if ask_password
        else ""
    )
    step_runner = StepRunner(programs, journal, request.logs, password)
    if steps or interactive or undo:
        for note in step_runner.recover():
            click.echo(f"bmtick: {printable(note)}", err=True)
    if undo:
        plan, name = plan_undo(request, programs, journal)
        steps = (name,)
    else:
        plan = plan_response(request, programs, journal)
    if not steps and not interactive:
        _print(plan, output_format)
        return
    outcomes: dict[str, Outcome] = {}
    for name in steps or [s.name for s in plan.steps]:
        if _wanted(plan.step(name), plan, interactive=interactive, yes=yes):
            outcomes[name] = outcome = step_runner.do(plan, name)
            click.echo(f"{name}: {printable(outcome.message)}", err=output_format == "json")
            if outcome.ids:
                plan = plan_response(request, programs, journal)
    if output_format == "json":
        print_json({**_name(plan), "done": {n: _outcome(o) for n, o in outcomes.items()}})
    if not all(o.ok for o in outcomes.values()):
        sys.exit(EXIT_FINDING)


def _target(
    user: str,
    client: str | None,
    aliases: tuple[str, ...],
    wanted: dict[str, str | None],
    *,
    by_sender: bool,
) -> Target:
    """Return the target.

    Raises:
        BmtickError: neither or both of account and machine are given.
    """
    from bmtick.incident.account import Account
    from bmtick.incident.response.target import Target, client_network

    chosen, text = make_filter(wanted), describe(wanted)
    ctx = click.get_current_context()
    named = ctx.get_parameter_source("user") is click.core.ParameterSource.COMMANDLINE
    if named and client is not None:
        raise BmtickError("USER and --client name two targets", remedy="give one of them")
    if named:
        return Target(Account(user, aliases), filter=chosen, text=text, by_sender=by_sender)
    if client is not None:
        return Target(client=client_network(client), filter=chosen, text=text)
    if not text:
        raise BmtickError(
            "nobody is named",
            remedy="give a USER, --client ADDRESS, or a filter: bmtick respond --help",
        )
    return Target(filter=chosen, text=text)


def _wanted(step: Step, plan: Plan, *, interactive: bool, yes: bool) -> bool:
    """Show a step and ask for confirmation if needed.

    Raises:
        BmtickError: it needs a confirmation and there is no terminal.
    """
    if interactive:
        _show_step(step)
        return not (step.idle or step.by_hand) and click.confirm("Do it?", default=False)
    if step.idle or step.by_hand or yes or not step.confirm:
        return True
    if not sys.stdin.isatty():
        raise BmtickError(
            f"step '{step.name}' for '{plan.target.name}' asks for a confirmation",
            remedy="look at the plan without --do, then add --yes",
        )
    _show_step(step)
    return click.confirm("Do it?", default=False)


def _name(plan: Plan) -> dict[str, Any]:
    """Return the target for the JSON documents."""
    target = plan.target
    return {
        "user": target.account.name if target.account else None,
        "client": target.name if target.client else None,
        "filter": target.text or None,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "ok": outcome.ok,
        "message": outcome.message,
        "queue_ids": list(outcome.ids),
        "folder": outcome.folder,
    }


def _print(plan: Plan, output_format: str) -> None:
    if output_format == "json":
        print_json(document(plan))
        return
    selection = plan.selection
    held = len(selection.held)
    click.echo(
        f"{printable(plan.target.name)}: {len(selection.matches):,} of {selection.examined:,} "
        f"queued messages, {held:,} of them on hold"
    )
    for reason, count in selection.reasons().items():
        click.echo(f"  {count:,} by {reason}")
    if selection.spared:
        click.echo(f"  {len(selection.spared):,} look like it, but are somebody else's:")
        for queue_id, reason in selection.spared[:5]:
            click.echo(f"    {queue_id}: {reason}")
    for warning in plan.warnings:
        click.echo(f"  note: {printable(warning)}")
    click.echo("\nNothing is done without --do STEP.")
    for step in plan.steps:
        _show_step(step)


def _show_step(step: Step) -> None:
    click.echo(f"\n{step.name}: {step.title}")
    if step.idle:
        click.echo(f"  nothing to do: {printable(step.idle)}")
        return
    if step.by_hand:
        click.echo(f"  by hand: {printable(step.by_hand)}")
        return
    for command_ in step.commands:
        click.echo(f"  $ {command_.shown()}")
    click.echo(f"  effect: {printable(step.effect)}")
    click.echo(f"  undo: {printable(step.undo)}")


def document(plan: Plan) -> dict[str, Any]:
    """Return a plan as a JSON document."""
    target = plan.target
    return {
        **_name(plan),
        "aliases": list(target.account.aliases) if target.account else [],
        "examined": plan.selection.examined,
        "matched": [
            {"queue_id": m.entry.queue_id, "queue": m.entry.queue_name, "reason": m.reason}
            for m in plan.selection.matches
        ],
        "spared": [{"queue_id": i, "reason": r} for i, r in plan.selection.spared],
        "connections": [{"pid": s.pid, "client": s.peer} for s in plan.sessions or ()],
        "warnings": list(plan.warnings),
        "steps": [
            {
                "name": s.name,
                "title": s.title,
                "effect": s.effect,
                "undo": s.undo,
                "needs_confirmation": s.confirm,
                "by_hand": s.by_hand,
                "nothing_to_do": s.idle,
                "commands": [
                    {"arguments": list(c.arguments), "stdin": list(c.ids)} for c in s.commands
                ],
            }
            for s in plan.steps
        ],
    }
