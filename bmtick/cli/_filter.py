"""The filter options of ``bmtick queue`` and ``bmtick respond``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from bmtick.cli._complete import users
from bmtick.errors import BmtickError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bmtick.incident.grouping import Filter

NAMES = ("sender", "user", "client", "older", "reason", "domain", "queue_name")


def filter_options(*, login: bool) -> Callable[[Any], Any]:
    """Return the options; ``login`` adds ``--user``."""
    options = [
        click.option("--sender", help="Exactly this envelope sender; '<>' for the empty one."),
        click.option(
            "--user",
            shell_complete=users,
            help="Exactly this login, as the log or the queue file tells it.",
        ),
        click.option("--client", help="Client address or network, like 192.0.2.7 or 192.0.2.0/24."),
        click.option("--older", metavar="DURATION", help="In the queue for longer, like 1h."),
        click.option("--reason", help="A part of the reason of delay."),
        click.option("--domain", help="Exactly this domain of a recipient."),
        click.option(
            "--queue",
            "queue_name",
            type=click.Choice(["active", "deferred", "hold", "incoming"]),
            help="Only this queue.",
        ),
    ]
    if not login:
        options = [options[0], *options[3:]]

    def add(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def make_filter(wanted: dict[str, str | None]) -> Filter:
    """Return the filter for the given options.

    Raises:
        BmtickError: an address, a network or a duration is invalid.
    """
    from bmtick.incident.grouping import Filter
    from bmtick.incident.networks import parse_address, parse_networks
    from bmtick.incident.response.target import client_network
    from bmtick.incident.units import seconds

    client, older = wanted.get("client"), wanted.get("older")
    clients = None
    if client is not None:
        # One IPv6 client owns a /64, as everywhere in bmtick.
        single = parse_address(client.strip("[]"))
        clients = parse_networks(str(client_network(client)) if single else client)
        if not clients.networks:
            raise BmtickError(
                f"'{client}' is no address", remedy="write it like 192.0.2.7 or 192.0.2.0/24"
            )
    return Filter(
        sender=wanted.get("sender"),
        user=wanted.get("user"),
        clients=clients,
        older_than=int(time.time()) - seconds(older) if older is not None else None,
        reason=wanted.get("reason"),
        domain=wanted.get("domain"),
        queue=wanted.get("queue_name"),
    )


def describe(wanted: dict[str, str | None]) -> str:
    """Return the given options as words that identify a target in the journal."""
    return " ".join(
        f"{name.removesuffix('_name')}={wanted[name]!r}" for name in NAMES if wanted.get(name)
    )
