"""``bmtick relays``: clients that send without a login, and a check for an open relay."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from bmtick.cli._logs import analyse_logs, config_dir_option, log_option, span_options
from bmtick.cli._sources import mynetworks, postfix_settings, trust
from bmtick.cli.common import config_option, format_option, load_settings, print_json, print_table
from bmtick.errors import EXIT_FINDING, BmtickError, printable
from bmtick.languages import _, number
from bmtick.terminal import Styled

if TYPE_CHECKING:
    from bmtick.incident.analysis import Analysis
    from bmtick.incident.openrelay import Verdict
    from bmtick.incident.postconf import PostfixSettings
    from bmtick.incident.probe import Probe
    from bmtick.incident.relays import Relay


@click.command()
@log_option
@span_options("24h", "judged")
@config_dir_option
@click.option(
    "--probe", is_flag=True, help="Ask the SMTP server by a dialogue that ends before DATA."
)
@click.option(
    "--server",
    default="127.0.0.1:25",
    show_default=True,
    metavar="HOST:PORT",
    help="The server that --probe asks; an address of this machine.",
)
@click.option("--fail", is_flag=True, help="Exit with 1 on a bad relay or an open relay.")
@format_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    logs: tuple[str, ...],
    since: str,
    past: str,
    config_dir: str,
    probe: bool,
    server: str,
    fail: bool,
    output_format: str,
) -> None:
    """Rank clients that relay without a login; check whether this server is an open relay.

    Postfix's settings are read with postconf and never changed.
    """
    from bmtick.incident.openrelay import OPEN
    from bmtick.incident.openrelay import analyse as analyse_restrictions
    from bmtick.incident.relays import ORDINARY, find_relays

    settings = load_settings(ctx)
    postfix = postfix_settings(config_dir)
    asked = _probe(server, postfix) if probe else None
    analysis = None
    try:
        analysis = analyse_logs(settings, logs, since, past, trusted=mynetworks(postfix))
    except BmtickError as error:
        if logs or (postfix is None and asked is None):
            raise
        click.echo(f"bmtick: without a log, so no relays are ranked: {error.message}", err=True)
    verdicts = analyse_restrictions(postfix) if postfix else []
    relays = find_relays(analysis, trust(settings, postfix)) if analysis else []
    if output_format == "json":
        print_json(_document(analysis, relays, verdicts, asked))
    else:
        _show(analysis, relays, verdicts, asked)
    bad = any(r.verdict != ORDINARY for r in relays) or any(v.state == OPEN for v in verdicts)
    if fail and (bad or (asked is not None and asked.state == "relays")):
        sys.exit(EXIT_FINDING)


def _probe(server: str, postfix: PostfixSettings | None) -> Probe:
    from bmtick.incident.networks import parse_networks
    from bmtick.incident.probe import own_addresses, probe

    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise BmtickError(
            f"'{server}' is not HOST:PORT", remedy="write it like 127.0.0.1:25 or [::1]:25"
        )
    trusted = parse_networks(postfix.get("mynetworks") if postfix else "127.0.0.0/8 ::1")
    return probe(host, int(port), trusted, own_addresses(host, int(port)))


def _document(
    analysis: Analysis | None, relays: list[Relay], verdicts: list[Verdict], asked: Probe | None
) -> dict[str, Any]:
    from dataclasses import asdict

    from bmtick.incident.units import iso

    window = analysis.traffic.window if analysis else None
    return {
        "from": iso(window.start) if window else None,
        "to": iso(window.end) if window else None,
        "logs": analysis.logs.names if analysis else [],
        "relays": [
            {
                **{k: v for k, v in asdict(r).items() if k not in ("since", "evidence")},
                "first_suspicious": iso(r.since) if r.evidence else None,
                "evidence": [
                    {"kind": e.kind, "points": round(e.points, 2), "text": e.text, **e.numbers}
                    for e in r.evidence
                ],
            }
            for r in relays
        ],
        "restrictions": [asdict(v) for v in verdicts],
        "probe": asdict(asked) if asked else None,
    }


def _show(
    analysis: Analysis | None, relays: list[Relay], verdicts: list[Verdict], asked: Probe | None
) -> None:
    from bmtick.incident.relays import ORDINARY
    from bmtick.incident.units import plain

    if analysis:
        window = analysis.traffic.window
        start, end = plain(window.start), plain(window.end)
        click.echo(_("{start} to {end} (the newest line of the log)", start=start, end=end))
    if relays:
        print_table(
            [
                _("client"),
                _("name"),
                _("trusted by"),
                _("messages"),
                _("relayed"),
                _("waiting"),
                _("refused"),
                _("verdict"),
                _("evidence %"),
            ],
            [
                [
                    r.client,
                    r.name,
                    r.trusted_by or _("nothing"),
                    number(r.messages),
                    number(r.relayed),
                    number(r.waiting),
                    number(r.refused),
                    _verdict(r),
                    r.score,
                ]
                for r in relays
            ],
        )
    elif analysis:
        click.echo(_("No client without a login relays through this server."))
    for relay in relays:
        if relay.verdict == ORDINARY:
            continue
        click.echo(
            "\n"
            + _(
                "{client} ({verdict}), since {since}:",
                client=printable(relay.client),
                verdict=_verdict(relay),
                since=plain(relay.since),
            )
        )
        for evidence in relay.evidence:
            click.echo(f"  - {printable(evidence.text)}")
        click.echo("  " + _("do: {step}", step=printable(relay.remedy)))
    click.echo("")
    for verdict in verdicts:
        where = f" ({verdict.service})" if verdict.service else ""
        click.echo(_("open relay by its settings") + f"{where}: " + _said(verdict.state))
        for reason in verdict.reasons:
            click.echo(f"  - {printable(reason)}")
    if asked:
        click.echo(f"probe as {printable(asked.client)}: {printable(asked.explanation)}")


def _verdict(relay: Relay) -> Styled:
    from bmtick.incident.relays import COMPROMISED, UNAUTHORISED

    if relay.verdict == COMPROMISED:
        return Styled(_("culprit"), "bold red")
    return (
        Styled(_("intruder"), "bold red")
        if relay.verdict == UNAUTHORISED
        else Styled(_("ordinary"))
    )


def _said(state: str) -> str:
    if state == "open":
        return _("YES")
    return _("no") if state == "closed" else _("cannot be told from the settings alone")
