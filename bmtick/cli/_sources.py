"""Shared by incident commands: trusted networks, the alert's threshold, the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bmtick.errors import BmtickError
from bmtick.languages import _

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bmtick.incident.analysis import Analysis
    from bmtick.incident.postconf import PostfixSettings
    from bmtick.incident.relays import Relay, Trust
    from bmtick.incident.traffic import Window
    from bmtick.points import Point
    from bmtick.settings import Settings


def postfix_settings(config_dir: str) -> PostfixSettings | None:
    """Return Postfix's settings; None, with a warning on stderr, if there are none.

    Raises:
        BmtickError: the given folder cannot be read.
    """
    from bmtick.incident.postconf import read_settings
    from bmtick.incident.programs import Programs

    try:
        return read_settings(Programs(config_dir))
    except BmtickError as error:
        if config_dir:
            raise
        said = _("without Postfix's settings: {reason}", reason=error.message)
        click.echo(f"bmtick: {said}", err=True)
        return None


def trust(settings: Settings, postfix: PostfixSettings | None) -> Trust:
    """Return the networks that may relay without a login.

    Raises:
        BmtickError: the settings' known_clients contain an invalid network.
    """
    from bmtick.incident.networks import parse_networks
    from bmtick.incident.openrelay import CLOSED, analyse
    from bmtick.incident.relays import Trust

    closed = postfix is None or all(v.state == CLOSED for v in analyse(postfix))
    return Trust(
        parse_networks(postfix.get("mynetworks")) if postfix else None,
        parse_networks(settings.collect.known_clients, strict=True),
        complete=not closed,
    )


def known_relays(analysis: Analysis, settings: Settings, config_dir: str) -> list[Relay]:
    """Rank the relays of a completed analysis."""
    from bmtick.incident.relays import find_relays

    return find_relays(analysis, trust(settings, postfix_settings(config_dir)))


def threshold(settings: Settings) -> int:
    """Return the queue length from which the alert ``postfix_queue`` is critical."""
    from bmtick.alerts import catalogue

    default = catalogue()["postfix_queue"].parameters["crit"].default
    return int(settings.alerts.get("postfix_queue", {}).get("crit", default))


def measured_points(settings: Settings, window: Window) -> Iterator[Point]:
    """Read the points of ``postfix_queue`` from the settings' InfluxDB.

    Raises:
        BmtickError: InfluxDB is unreachable or returns an error.
    """
    from bmtick.cli._influxdb import connection
    from bmtick.durations import SECOND
    from bmtick.history import Span, read_points
    from bmtick.names import QUEUE

    span = Span(window.start * SECOND, (window.end + 1) * SECOND)
    return read_points(connection(settings), [QUEUE], span)


def mynetworks(postfix: PostfixSettings | None) -> list[str]:
    """Return Postfix's trusted networks for the collector, without lookup tables."""
    from bmtick.incident.networks import parse_networks

    return [str(n) for n in parse_networks(postfix.get("mynetworks")).networks] if postfix else []
