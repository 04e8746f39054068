"""``bmtick incident``: a guided response, from the first look to the proof that spam stopped."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bmtick.cli._complete import users
from bmtick.cli._logs import analyse_logs, config_dir_option, log_option, span_options
from bmtick.cli.common import config_option, load_settings, print_json
from bmtick.errors import EXIT_FINDING, BmtickError, printable
from bmtick.languages import _

if TYPE_CHECKING:
    from collections.abc import Callable

    from bmtick.incident.response.actions import Outcome, StepRunner
    from bmtick.incident.response.guide import Accused, Flow
    from bmtick.incident.response.journal import Journal
    from bmtick.incident.response.plan import Plan
    from bmtick.incident.response.situation import Request
    from bmtick.incident.response.target import Target
    from bmtick.settings import Settings


@click.command()
@click.argument("who", required=False, shell_complete=users)
@log_option
@span_options("24h", "judged")
@config_dir_option
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Journal and copies.  [default: /var/lib/bmtick-admin/incidents]",
)
@click.option(
    "--quiet-for",
    default="60s",
    show_default=True,
    help="How long nothing must leave until it counts as stopped.",
)
@click.option("--limit", default="15m", show_default=True, help="How long to watch for that.")
@click.option("--json", "as_json", is_flag=True, help="Print who, why and the plan; do nothing.")
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    who: str | None,
    logs: tuple[str, ...],
    since: str,
    past: str,
    config_dir: str,
    folder: Path | None,
    quiet_for: str,
    limit: str,
    as_json: bool,
) -> None:
    """Guide you through an incident: who, since when, confirmed steps, proof that it stopped.

    Speaks English, French or German ([language] of the settings, otherwise $LANG). Without a
    terminal, or with --json, it only prints the suspects and the plan. WHO is a login or an
    address; without it, the most suspicious sender comes first.
    """
    from bmtick.incident.programs import Programs
    from bmtick.incident.response.actions import StepRunner
    from bmtick.incident.response.guide import Guide
    from bmtick.incident.response.journal import Journal
    from bmtick.incident.units import seconds
    from bmtick.state_folders import incidents_folder

    settings = load_settings(ctx)
    paths = logs or tuple(settings.collect.logs)
    waits = float(seconds(quiet_for)), float(seconds(limit))
    programs = Programs(config_dir)
    journal = Journal(folder or incidents_folder(settings.collect.state))
    actions = _Actions(ctx, settings, paths, StepRunner(programs, journal, paths), journal)
    accused = _accused(settings, paths, since, past, config_dir, who)
    alerts = _alerts(settings)
    if as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        print_json({"accused": [_document(actions, one) for one in accused], "alerts": alerts})
        return
    for note in actions.step_runner.recover():
        click.echo(printable(note))
    guide = Guide(actions, click.echo, _ask, time.monotonic, time.sleep, *waits)
    if not guide.lead(accused, alerts):
        sys.exit(EXIT_FINDING)


def _ask(question: str) -> str:
    answer: str = click.prompt(question, default="", show_default=False, prompt_suffix=_(": "))
    return answer


@dataclass
class _Actions:
    """The real queue, programs and log."""

    ctx: click.Context
    settings: Settings
    paths: tuple[str, ...]
    step_runner: StepRunner
    journal: Journal

    def plan(self, accused: Accused) -> Plan:
        from bmtick.incident.response.situation import plan_response

        return plan_response(
            self._request(_target(accused)), self.step_runner.programs, self.journal
        )

    def do(self, plan: Plan, step: str) -> Outcome:
        return self.step_runner.do(plan, step)

    def watch(self, plan: Plan) -> Callable[[], Flow]:
        from bmtick.collect.clock import LogClock
        from bmtick.incident.queued import read_ledger, read_queue
        from bmtick.incident.response.guide import Flow
        from bmtick.incident.response.outflow import LogTail, Outflow

        tail = LogTail(self.paths)
        entries = list(read_queue(self.step_runner.programs))
        oldest = min((e.arrival_time for e in entries), default=int(time.time()))
        outflow = Outflow(plan.target, read_ledger(self.paths, oldest))
        clock = LogClock(time.time())
        mine = set(plan.selection.ids)

        def sample() -> Flow:
            outflow.feed(tail.lines(), clock)
            moving = 0
            for entry in read_queue(self.step_runner.programs):
                message = outflow.ledger.open.get(entry.queue_id)
                owned = entry.queue_id in mine or (message is not None and outflow.owns(message))
                moving += owned and entry.queue_name != "hold"
            return Flow(outflow.left, outflow.accepted, moving)

        return sample

    def report(self) -> str:
        from bmtick.cli.report import command as report

        path = self.journal.folder / f"report-{time.strftime('%Y%m%dT%H%M%S')}.html"
        self.journal.opened().close()
        self.ctx.invoke(
            report,
            output=path,
            logs=self.paths,
            since="7d",
            past="35d",
            points=None,
            influxdb=None,
            config_dir=self.step_runner.programs.config_directory,
        )
        return str(path)

    def _request(self, target: Target) -> Request:
        from bmtick.incident.response.situation import Request

        known = tuple(self.settings.collect.known_clients)
        return Request(target, self.paths, known, force=True)


def _target(accused: Accused) -> Target:
    from bmtick.incident.account import Account
    from bmtick.incident.response.target import Target, client_network

    if accused.kind == "client":
        return Target(client=client_network(accused.name))
    return Target(Account(accused.name))


def _accused(
    settings: Settings,
    paths: tuple[str, ...],
    since: str,
    past: str,
    config_dir: str,
    who: str | None,
) -> list[Accused]:
    """Return the suspects of log and guard, those of the guard first; with WHO, only that one.

    Raises:
        BmtickError: the log cannot be read.
    """
    from bmtick.cli._sources import known_relays
    from bmtick.incident.account import normal
    from bmtick.incident.assessment import SUSPECT
    from bmtick.incident.networks import parse_address
    from bmtick.incident.relays import ORDINARY
    from bmtick.incident.response.guide import Accused
    from bmtick.incident.suspects import find_suspects

    analysis = analyse_logs(settings, paths, since, past)
    found: dict[tuple[str, str], Accused] = {}
    for suspect in find_suspects(analysis):
        accused = suspect.verdict == SUSPECT and suspect.kind == "account"
        if accused or (who and normal(suspect.user) == normal(who)):
            texts = tuple(e.text for e in suspect.evidence)
            found["user", suspect.user] = Accused("user", suspect.user, suspect.since, texts)
    for relay in known_relays(analysis, settings, config_dir):
        if relay.verdict != ORDINARY or relay.client == who:
            texts = tuple(e.text for e in relay.evidence)
            found["client", relay.client] = Accused("client", relay.client, relay.since, texts)
    for key, since_, reason in _held(settings):
        before = found.pop(key, None)
        evidence = before.evidence if before else (reason,)
        began = before.since if before else since_
        found = {key: Accused(*key, began, evidence, held=True), **found}
    if who is None:
        return list(found.values())
    kind = "user" if parse_address(who) is None else "client"
    named = [a for a in found.values() if a.kind == kind and normal(a.name) == normal(who)]
    return named or [Accused(kind, who, 0, ())]


def _held(settings: Settings) -> list[tuple[tuple[str, str], int, str]]:
    """Return held subjects: kind and name, since when, why; empty if no guard ran here."""
    from bmtick.guard import manual

    try:
        holds = manual.open_journal(settings.guard.state).holds
    except BmtickError as error:
        said = _("without the guard: {reason}", reason=error.message)
        click.echo(f"bmtick: {printable(said)}", err=True)
        return []
    now = time.time()
    found = []
    for hold in sorted(holds.held.values(), key=lambda h: h.since):
        document = hold.who.document()
        kind = "user" if document.get("user") else "client"
        if hold.active(now) and document.get(kind):
            found.append(((kind, str(document[kind])), int(hold.since), hold.reason))
    return found


def _alerts(settings: Settings) -> list[str]:
    """Return the messages of the watch's firing alerts; empty if no watch runs here."""
    from bmtick.watch.status import exists, read_watch

    if not exists(settings.watch.state):
        return []
    try:
        found = read_watch(settings.watch.state, (), time.time_ns())
    except BmtickError as error:
        click.echo(f"bmtick: without the alerts: {printable(error.message)}", err=True)
        return []
    return [e.message for status in found for e in status.events if e.level != "OK"]


def _document(actions: _Actions, accused: Accused) -> dict[str, Any]:
    from bmtick.cli.respond import document
    from bmtick.incident.units import iso

    try:
        plan: dict[str, Any] | None = document(actions.plan(accused))
        why = ""
    except BmtickError as error:
        plan, why = None, error.message
    return {
        accused.kind: accused.name,
        "since": iso(accused.since) if accused.since else None,
        "evidence": list(accused.evidence),
        "held": accused.held,
        "plan": plan,
        "without_plan": why,
    }
