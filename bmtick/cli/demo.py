"""``bmtick demo``: the whole path on a shipped real log, without a server."""

from __future__ import annotations

import json
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bmtick.cli.common import format_option, print_json, print_table
from bmtick.errors import printable
from bmtick.languages import _, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bmtick.engine import AlertEvent
    from bmtick.incident.relays import Relay
    from bmtick.incident.suspects import Suspect
    from bmtick.watch.demo import Example


@click.command()
@click.option(
    "-o", "--output", type=click.Path(), help="Folder of the mails. Default: a temporary one."
)
@click.option(
    "--language",
    type=click.Choice(["en", "fr", "de"]),
    help="Language of mails and answers. Default: LANG's, else en.",
)
@format_option
def command(output: str | None, language: str | None, output_format: str) -> None:
    """Show which alerts bmtick would have sent, and when, during a real abuse of a server.

    A recorded log of a real Postfix passes through the collector, every alert of the catalogue
    with its defaults, and the embedded engine. The alert mails are written to a folder as .eml
    files.
    """
    from bmtick import languages
    from bmtick.files import write_output
    from bmtick.watch import demo

    language = languages.choose(language, os.environ)
    languages.set_language(language)
    folder = Path(output or tempfile.mkdtemp(prefix="bmtick-demo-"))
    example = demo.copy_of(demo.shipped_example(), folder)
    points = demo.points_of(example)
    alerts = demo.rendered_catalogue(language)
    seen: list[tuple[str, AlertEvent, Path | None]] = []
    for alert, event in demo.events_of(alerts, points):
        mail = demo.mail_of(event)
        path = folder / f"{len(seen) + 1:02d}-{alert.name}-{event.level.lower()}.eml"
        if mail:
            write_output(path, mail.as_bytes(), 0o600)
        seen.append((alert.name, event, path if mail else None))
    suspects, relays = _incident(example)
    if output_format == "json":
        print_json(_document(folder, seen, suspects, relays))
        return
    told = _(
        "{lines} lines of a real Postfix log, {points} points, {alerts} alerts with their defaults",
        lines=number(example.lines),
        points=number(len(points)),
        alerts=len(alerts),
    )
    click.echo(f"{told}\n")
    _show_events(seen)
    _show_culprits(suspects, relays)
    mails = sum(1 for *_rest, path in seen if path)
    where = printable(str(folder))
    click.echo("\n" + _("{mails} mails, and the log: {folder}", mails=mails, folder=where))
    ask = f"bmtick suspects --no-queue --log {printable(str(example.log))}"
    click.echo(_("Ask it yourself: {command}", command=ask))


def _incident(example: Example) -> tuple[list[Suspect], list[Relay]]:
    """Return the culprits, as ``bmtick suspects`` and ``bmtick relays`` show them."""
    from bmtick.incident.analysis import analyse
    from bmtick.incident.assessment import SUSPECT
    from bmtick.incident.networks import parse_networks
    from bmtick.incident.relays import ORDINARY, Trust, find_relays
    from bmtick.incident.suspects import find_suspects

    networks = example.truth["mynetworks"]
    analysis = analyse([str(example.log)], since=86400, trusted=networks)
    trust = Trust(parse_networks(networks), parse_networks("127.0.0.0/8"))
    relays = [r for r in find_relays(analysis, trust) if r.verdict != ORDINARY]
    return [s for s in find_suspects(analysis) if s.verdict == SUSPECT], relays


def _show_events(seen: list[tuple[str, AlertEvent, Path | None]]) -> None:
    print_table(
        [_("time"), _("alert"), _("what the mail says")],
        [[_clock(event.time // 10**9), name, event.message] for name, event, _mail in seen],
    )


def _show_culprits(suspects: Sequence[Suspect], relays: Sequence[Relay]) -> None:
    for suspect in suspects:
        since, name = _clock(suspect.since), printable(suspect.user)
        click.echo("\n" + _("The account to blame: {name}, since {since}", name=name, since=since))
        _show_evidence(suspect)
        click.echo(f"  {_('next:')} bmtick respond {name}")
    for relay in relays:
        since, name = _clock(relay.since), printable(f"{relay.name} [{relay.client}]")
        click.echo("\n" + _("The machine to blame: {name}, since {since}", name=name, since=since))
        _show_evidence(relay)
        click.echo(f"  {_('next:')} {printable(relay.remedy)}")


def _show_evidence(culprit: Suspect | Relay) -> None:
    for evidence in culprit.evidence:
        click.echo(f"  - {printable(evidence.text)}")


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds).astimezone():%H:%M:%S}"


def _document(
    folder: Path,
    seen: list[tuple[str, AlertEvent, Path | None]],
    suspects: Sequence[Suspect],
    relays: Sequence[Relay],
) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "events": [
            {"alert": name, "mail": path.name if path else None, **json.loads(event.to_json())}
            for name, event, path in seen
        ],
        "suspects": [{"user": s.user, "since": _iso(s.since), **_why(s)} for s in suspects],
        "relays": [{"client": r.client, "since": _iso(r.since), **_why(r)} for r in relays],
    }


def _why(culprit: Suspect | Relay) -> dict[str, Any]:
    return {"score": culprit.score, "evidence": [e.text for e in culprit.evidence]}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat()
