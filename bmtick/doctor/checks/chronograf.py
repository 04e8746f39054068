"""Check whether a configured Chronograf is reachable."""

from __future__ import annotations

from collections.abc import Iterator

from bmtick.doctor.check import Check, broken, off, ok
from bmtick.doctor.context import Context
from bmtick.errors import BmtickError

ORDER = 60
_NAME = "chronograf"
_AUTHENTICATION = (401, 403)  # nginx asks for a password, so it is reachable


def run(context: Context) -> Iterator[Check]:
    """Fetch Chronograf's page."""
    url = context.settings.chronograf.url
    if not url:
        yield off(_NAME, "no [chronograf] url is set (alerts and mails work without)")
        return
    try:
        reply = context.get(url)
    except BmtickError as error:
        yield broken(_NAME, f"{url} does not answer: {error.message}", "systemctl start chronograf")
        return
    if reply.status in _AUTHENTICATION:
        yield ok(_NAME, f"{url} answers and asks for a password")
    elif reply.status >= 400:
        yield broken(
            _NAME,
            f"{url} answers {reply.status}",
            "grep -n -A1 chronograf /etc/bmtick/bmtick.toml  # on BlueMind the url ends in /tick",
        )
    else:
        yield ok(_NAME, f"{url} answers")
