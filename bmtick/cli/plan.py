"""``bmtick plan``: shows what apply would do; writes nothing."""

from __future__ import annotations

import click

from bmtick.cli import _deploy
from bmtick.cli.common import config_option, format_option, load_settings, print_json
from bmtick.errors import EXIT_DONE, EXIT_FINDING, EXIT_WRONG_USE


@click.command()
@_deploy.server_options
@_deploy.form_option
@format_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    servers: tuple[str, ...],
    state_dir: str | None,
    form: str | None,
    output_format: str,
) -> None:
    """Show what 'apply' would change on each Kapacitor, and why. Writes nothing.

    Exit status: 0 nothing would change, 1 something would (for CI), 2 a server cannot be read.

    \b
    + create    - remove    ~ update    ! drifted: edited by hand since the last apply
    ? foreign: named like bmtick's, not created by it, left alone
    """  # noqa: D301 -- backslash-b is click's mark for lines to keep
    from bmtick.deploy.plan import Step, as_json, pending
    from bmtick.deploy.session import read_plan
    from bmtick.deploy.targets import Target, on_all

    settings = load_settings(ctx)
    targets = _deploy.targets_of(settings, servers, state_dir, needs_file=True)
    desired = _deploy.wanted(settings, form)

    def plan(target: Target) -> list[Step]:
        return read_plan(target, desired).steps

    answers = on_all(targets, plan)
    steps = [(a.target, step) for a in answers for step in a.result or ()]
    count = len(pending([step for _, step in steps]))
    if output_format == "json":
        rows = [{"server": target.name, **as_json(step)} for target, step in steps]
        errors = [{"server": a.target.name, "error": a.error.message} for a in answers if a.error]
        print_json({"changes": count, "steps": rows, "errors": errors})
    else:
        for answer in answers:
            if answer.result is not None:
                _deploy.show_plan(answer.target.name, answer.result, several=len(targets) > 1)
            for entry in answer.target.store.interrupted()[:1]:
                _deploy.say(
                    f"an apply of {entry.get('time')} was interrupted; 'apply' sets it right"
                )
    if _deploy.show_errors(answers):
        _deploy.leave(EXIT_WRONG_USE)
    _deploy.leave(EXIT_FINDING if count else EXIT_DONE)
