"""``bmtick respond USER``: shut a spammer out, and treat the account's mail with care."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bmtick.cli._complete import users
from bmtick.cli._logs import config_dir_option, log_option
from bmtick.cli.common import config_option, format_option, load_settings, print_json
from bmtick.errors import EXIT_FINDING, BmtickError, printable

if TYPE_CHECKING:
    from bmtick.incident.response.actions import Doer, Outcome
    from bmtick.incident.response.plan import Plan, Step

_STEPS = ("password", "sessions", "hold", "release", "delete", "restore")


@click.command()
@click.argument("user", shell_complete=users)
@click.option(
    "--do",
    "steps",
    multiple=True,
    type=click.Choice(_STEPS),
    help="Do this step; may be repeated. Without it nothing is done.",
)
@click.option("--interactive", "-i", is_flag=True, help="Ask before each step.")
@click.option("--undo", is_flag=True, help="Take back the last hold or deletion of this account.")
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
@log_option
@config_dir_option
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Audit log and copies.  [default: /var/lib/bmtick-admin/incidents]",
)
@format_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    user: str,
    steps: tuple[str, ...],
    interactive: bool,
    undo: bool,
    yes: bool,
    aliases: tuple[str, ...],
    by_login_only: bool,
    ask_password: bool,
    logs: tuple[str, ...],
    config_dir: str,
    folder: Path | None,
    output_format: str,
) -> None:
    """Shut out an account that sends spam, and hold, release, delete or restore its mail.

    Shows each step with its exact commands and does none of them, unless told with --do. USER is
    the login as 'bmtick suspects' shows it; names are compared as a whole, never in part. Write
    '--' before a USER that begins with a dash.
    """
    from bmtick.incident.account import Account
    from bmtick.incident.audit import Audit
    from bmtick.incident.programs import Programs
    from bmtick.incident.response.actions import Doer
    from bmtick.incident.response.situation import Request, last_undoable, look
    from bmtick.places import incidents_folder

    settings = load_settings(ctx)
    place = folder or incidents_folder(settings.collect.state)
    request = Request(
        account=Account(user, aliases),
        logs=logs or tuple(settings.collect.logs),
        known_clients=tuple(settings.collect.known_clients),
        by_sender=not by_login_only,
    )
    programs, audit = Programs(config_dir), Audit(place)
    password = (
        click.prompt("New password", hide_input=True, confirmation_prompt=True)
        if ask_password
        else ""
    )
    doer = Doer(programs, audit, password)
    if undo:
        steps = (last_undoable(audit, user),)
    plan = look(request, programs, audit)
    if not steps and not interactive:
        _print(plan, output_format)
        return
    outcomes = {}
    for name in steps or _STEPS:
        step = plan.step(name)
        if _wanted(step, plan, interactive=interactive, yes=yes):
            outcomes[name] = _do(doer, plan, name, to_stderr=output_format == "json")
            if outcomes[name].ids or name in ("hold", "release", "delete", "restore"):
                plan = look(request, programs, audit)
    if output_format == "json":
        print_json({"user": user, "done": {n: _outcome(o) for n, o in outcomes.items()}})
    if not all(o.ok for o in outcomes.values()):
        sys.exit(EXIT_FINDING)


def _wanted(step: Step, plan: Plan, *, interactive: bool, yes: bool) -> bool:
    """Show a step and ask for it where that is needed.

    Raises:
        BmtickError: it needs a confirmation that nobody is there to give.
    """
    if interactive:
        _show_step(step)
        return not (step.idle or step.by_hand) and click.confirm("Do it?", default=False)
    if step.idle or step.by_hand or yes or not step.confirm:
        return True
    if not sys.stdin.isatty():
        raise BmtickError(
            f"step '{step.name}' for '{plan.account.name}' asks for a confirmation",
            remedy="look at the plan without --do, then add --yes",
        )
    _show_step(step)
    return click.confirm("Do it?", default=False)


def _do(doer: Doer, plan: Plan, name: str, *, to_stderr: bool) -> Outcome:
    outcome = doer.do(plan, name)
    click.echo(f"{name}: {printable(outcome.message)}", err=to_stderr)
    return outcome


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "ok": outcome.ok,
        "message": outcome.message,
        "queue_ids": list(outcome.ids),
        "folder": outcome.folder,
    }


def _print(plan: Plan, output_format: str) -> None:
    if output_format == "json":
        print_json(_document(plan))
        return
    selection = plan.selection
    held = len(selection.held)
    click.echo(
        f"{printable(plan.account.name)}: {len(selection.matches):,} of {selection.examined:,} "
        f"queued messages, {held:,} of them on hold"
    )
    for reason, count in selection.reasons().items():
        click.echo(f"  {count:,} by {reason}")
    if selection.spared:
        click.echo(f"  {len(selection.spared):,} bear this address but are not this account's:")
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


def _document(plan: Plan) -> dict[str, Any]:
    return {
        "user": plan.account.name,
        "aliases": list(plan.account.aliases),
        "examined": plan.selection.examined,
        "matched": [
            {"queue_id": m.entry.queue_id, "queue": m.entry.queue_name, "reason": m.reason}
            for m in plan.selection.matches
        ],
        "spared": [{"queue_id": i, "reason": r} for i, r in plan.selection.spared],
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
