"""Check whether the clocks of this machine and of the servers agree."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from bmtick.doctor.check import Check, broken, ok, skipped
from bmtick.doctor.context import Context
from bmtick.errors import BmtickError

ORDER = 80
TICK_STACK = True
_LIMIT = 5.0  # seconds; more would affect a window of ten seconds
_REMEDY = "timedatectl set-ntp true  # on both machines"


def run(context: Context) -> Iterator[Check]:
    """Compare the Date header of each server's answer with this machine's clock."""
    servers = {"influxdb": f"{context.settings.influxdb.url.rstrip('/')}/ping"}
    for name, kapacitor in context.settings.kapacitor.items():
        servers[f"kapacitor {name}"] = f"{kapacitor.url.rstrip('/')}/kapacitor/v1/ping"
    for name, url in servers.items():
        yield _compare(context, f"clock: {name}", url)


def _compare(context: Context, name: str, url: str) -> Check:
    if context.is_silent(url):
        return skipped(name, "the server did not answer", "fix the check above first")
    try:
        header = context.get(url).header("Date")
        theirs = parsedate_to_datetime(header).timestamp()
    except (BmtickError, TypeError, ValueError):
        return skipped(name, "the server sent no time", "fix the check above first")
    apart = abs(theirs - context.present())
    if apart > _LIMIT:
        return broken(name, f"{apart:.0f} seconds apart", _REMEDY)
    return ok(name, "agrees to the second" if apart < 2 else f"{apart:.0f} seconds apart")
