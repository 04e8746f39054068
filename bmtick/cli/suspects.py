"""``bmtick suspects``: ranks accounts by evidence of spam."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from bmtick.cli._logs import analyse_logs, config_dir_option, log_option, span_options
from bmtick.cli.common import (
    config_option,
    format_option,
    load_settings,
    print_json,
    print_table,
)
from bmtick.errors import EXIT_FINDING, printable
from bmtick.languages import _, _n, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bmtick.incident.analysis import Analysis
    from bmtick.incident.suspects import Suspect


_FRESH = 3600  # seconds
_MACHINES = 3  # named in one line


@click.command()
@log_option
@span_options("24h", "judged")
@click.option(
    "--queue/--no-queue",
    default=True,
    help="Ask Postfix what is still queued, if the log is of the last hour.",
)
@config_dir_option
@click.option("--fail", is_flag=True, help="Exit with 1 if there are suspects.")
@format_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    logs: tuple[str, ...],
    since: str,
    past: str,
    queue: bool,
    config_dir: str,
    fail: bool,
    output_format: str,
) -> None:
    """Rank users by the evidence that they send spam.

    The evidence is that of the alerts: the last hour and day of each account, compared with its
    own baseline (the log before --since and its rotated files). 100 % is the threshold of the
    alert. The list includes senders of machines without a login, local programs (sendmail), and
    addresses that forward spam; 'bmtick relays' lists machines.
    """
    from bmtick.incident.assessment import SUSPECT
    from bmtick.incident.suspects import find_suspects

    settings = load_settings(ctx)
    analysis = analyse_logs(settings, logs, since, past)
    # A log that ended long ago is a copy: it says nothing about the current queue.
    fresh = time.time() - analysis.logs.newest < _FRESH
    found = find_suspects(analysis, _queued(config_dir) if queue and fresh else None)
    suspects = [s for s in found if s.verdict == SUSPECT]
    if output_format == "json":
        print_json(_document(analysis, found))
    else:
        _show(analysis, suspects, [s for s in found if s.verdict != SUSPECT])
    if fail and suspects:
        sys.exit(EXIT_FINDING)


def _document(analysis: Analysis, found: Sequence[Suspect]) -> dict[str, Any]:
    from bmtick.incident.assessment import SUSPECT
    from bmtick.incident.suspects import suspected_machines
    from bmtick.incident.units import iso

    window = analysis.traffic.window
    return {
        "from": iso(window.start),
        "to": iso(window.end),
        "logs": analysis.logs.names,
        "users": len(analysis.traffic.users),
        "suspects": [_entry(s) for s in found if s.verdict == SUSPECT],
        "unusual": [_entry(s) for s in found if s.verdict != SUSPECT],
        "machines": suspected_machines(analysis),
    }


def _entry(suspect: Suspect) -> dict[str, Any]:
    from bmtick.incident.units import iso

    return {
        "user": suspect.user,
        "kind": suspect.kind,
        "client": suspect.client,
        "alert": suspect.alert,
        "score": suspect.score,
        "first_suspicious": iso(suspect.since),
        "evidence": [
            {"kind": e.kind, "points": round(e.points, 2), "text": e.text, **e.numbers}
            for e in suspect.evidence
        ],
        "messages": suspect.messages,
        "recipients": suspect.recipients,
        "bytes": suspect.size,
        "addresses": suspect.addresses,
        "new_addresses": suspect.new_addresses,
        "refused": suspect.refused,
        "blocked": suspect.blocked,
        "failed_logins": suspect.failed_logins,
        "past": {"days": suspect.past_days, "recipients_per_hour": suspect.past_peak},
        "clients": [
            {
                "address": a.address,
                "name": a.name,
                "first_seen": iso(a.first_seen),
                "messages": a.messages,
                "recipients": a.recipients,
                "new": a.new,
                "failures_before": a.failures_before,
            }
            for a in suspect.top_addresses
        ],
        "queue_ids": list(suspect.queue_ids),
    }


def _show(analysis: Analysis, suspects: list[Suspect], unusual: list[Suspect]) -> None:
    from bmtick.incident.suspects import suspected_machines
    from bmtick.incident.units import plain

    window = analysis.traffic.window
    click.echo(
        _(
            "{start} to {end} (the newest line of the log)",
            start=plain(window.start),
            end=plain(window.end),
        )
        + ", "
        + _n("{n} user", "{n} users", len(analysis.traffic.users))
    )
    if machines := suspected_machines(analysis):
        named = ", ".join(printable(client) for client in machines[:_MACHINES])
        more = f", +{len(machines) - _MACHINES}" if len(machines) > _MACHINES else ""
        click.echo(
            _n(
                "{n} machine without a login sends spam: {clients}; see 'bmtick relays'",
                "{n} machines without a login send spam: {clients}; see 'bmtick relays'",
                len(machines),
                clients=named + more,
            )
        )
    if not suspects and not machines:
        click.echo(_("Nobody behaves suspiciously."))
    elif suspects:
        print_table(
            [
                _("user"),
                _("kind"),
                _("evidence %"),
                _("since"),
                _("messages"),
                _("recipients"),
                _("addresses"),
                _("refused"),
                _("queued"),
            ],
            [
                [
                    s.user,
                    s.kind,
                    s.score,
                    plain(s.since),
                    number(s.messages),
                    number(s.recipients),
                    number(s.addresses),
                    number(s.refused),
                    number(len(s.queue_ids)),
                ]
                for s in suspects
            ],
        )
    for suspect in suspects:
        click.echo(
            "\n"
            + _(
                "{name}: first suspicious {since}",
                name=printable(suspect.user),
                since=plain(suspect.since),
            )
        )
        for evidence in suspect.evidence:
            click.echo(f"  - {printable(evidence.text)}")
        if suspect.failed_logins:
            tried = _n(
                "{n} failed login for this name in the log",
                "{n} failed logins for this name in the log",
                suspect.failed_logins,
            )
            click.echo(f"  - {tried}")
        click.echo("  " + _("next: {step}", step=_next(suspect)))
    if unusual:
        click.echo("\n" + _("Unusual, but not accused (innocent mail can look like this, too):"))
        for suspect in unusual:
            reasons = "; ".join(e.text for e in suspect.evidence)
            click.echo(f"  {printable(suspect.user)}: {printable(reasons)}")


def _next(suspect: Suspect) -> str:
    if suspect.kind == "account":
        return f"bmtick respond {_quoted(suspect.user)}"
    if suspect.kind == "local":
        named = "" if suspect.user.startswith("uid=") else f" --sender {_quoted(suspect.user)}"
        return _(
            "a program of uid {uid} on this machine sends it (a web form?): stop it, then: {command}",
            uid=printable(suspect.client),
            command=f"bmtick queue{named}",
        )
    if suspect.kind == "forwarder":
        return _(
            "remove the alias or rule that forwards it, then: {command}", command="bmtick queue"
        )
    return _(
        "it comes through {client} without a login: change this user's password there, then: "
        "{command}",
        client=printable(suspect.client),
        command=f"bmtick queue --sender {_quoted(suspect.user)}",
    )


def _quoted(user: str) -> str:
    import shlex

    quoted = printable(shlex.quote(user))
    return f"-- {quoted}" if user.startswith("-") else quoted


def _queued(config_dir: str) -> set[str] | None:
    """Return the ids in the current queue, or None if Postfix's queue cannot be read."""
    from bmtick.errors import BmtickError
    from bmtick.incident.programs import Programs
    from bmtick.incident.queued import read_queue

    try:
        return {e.queue_id for e in read_queue(Programs(config_dir))}
    except BmtickError as error:
        if config_dir:
            raise
        click.echo(f"bmtick: the log alone says what is queued: {error.message}", err=True)
        return None
