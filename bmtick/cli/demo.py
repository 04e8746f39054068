"""``bmtick demo``: the whole path on a shipped real log, without any server."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bmtick.cli.common import format_option, print_json, print_table
from bmtick.errors import printable

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
    default="en",
    show_default=True,
    help="Language of the alerts.",
)
@format_option
def command(output: str | None, language: str, output_format: str) -> None:
    """Show what bmtick would have said, and when, while a real server was abused.

    A recorded log of a real Postfix goes through the collector, every alert of the catalogue
    with its defaults, and the embedded engine. The mails that administrators would have got
    lie in a folder as .eml files.
    """
    from bmtick.files import write_output
    from bmtick.watch import demo

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
    click.echo(
        f"{example.lines:,} lines of a real Postfix log, {len(points):,} points, "
        f"{len(alerts)} alerts with their defaults\n"
    )
    _show_events(seen)
    _show_culprits(suspects, relays)
    click.echo(
        f"\n{sum(1 for *_, path in seen if path)} mails, and the log: {printable(str(folder))}"
    )
    click.echo(f"Ask it yourself: bmtick suspects --no-queue --log {printable(str(example.log))}")


def _incident(example: Example) -> tuple[list[Suspect], list[Relay]]:
    """Return who is to blame: what ``bmtick suspects`` and ``bmtick relays`` say."""
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
        ["time", "alert", "what the mail says"],
        [[_clock(event.time // 10**9), name, event.message] for name, event, _ in seen],
    )


def _show_culprits(suspects: Sequence[Suspect], relays: Sequence[Relay]) -> None:
    for suspect in suspects:
        _show_culprit("account", suspect.user, suspect)
        click.echo(f"  next: bmtick respond {printable(suspect.user)}")
    for relay in relays:
        _show_culprit("machine", f"{relay.name} [{relay.client}]", relay)
        click.echo(f"  next: {printable(relay.remedy)}")


def _show_culprit(kind: str, name: str, culprit: Suspect | Relay) -> None:
    click.echo(f"\nThe {kind} to blame: {printable(name)}, since {_clock(culprit.since)}")
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
