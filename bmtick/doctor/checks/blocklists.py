"""Check whether block lists list this server; off until the settings name a list."""

from __future__ import annotations

from collections.abc import Iterator

from bmtick.doctor.check import Check, broken, off, ok, skipped
from bmtick.doctor.context import Context
from bmtick.incident.audit.blocklists import (
    CLEAN,
    LISTED,
    public_addresses,
    query_lists,
    resolver,
)

ORDER = 95
_NAME = "block lists"


def run(context: Context) -> Iterator[Check]:
    """Query the settings' lists for the server's public addresses."""
    chosen = context.settings.blocklists
    if not chosen.lists:
        yield off(_NAME, "[blocklists] lists names none")
        return
    addresses = public_addresses(context.programs, chosen.addresses)
    found = query_lists(addresses, chosen.lists, resolver(chosen.resolver))
    for listing in found:
        if listing.state == LISTED:
            yield broken(
                f"{_NAME}: {listing.list}",
                f"{listing.address} is listed: {listing.said}",
                f"bmtick audit  # once no spam leaves any more: {listing.page}",
            )
        elif listing.state != CLEAN:
            yield skipped(
                f"{_NAME}: {listing.list}",
                listing.said,
                "bmtick settings  # [blocklists] resolver and lists",
            )
    clean = sum(listing.state == CLEAN for listing in found)
    if clean:
        yield ok(_NAME, f"{clean} of {len(found)} lookups of {', '.join(addresses)} are clean")
