"""Is Chronograf reachable, where one is configured?"""

from __future__ import annotations

from collections.abc import Iterator

import requests

from bmtick.doctor.link import Link, broken, off, ok
from bmtick.doctor.world import World

ORDER = 60
_NAME = "chronograf"
_AUTHENTICATION = (401, 403)  # nginx asks for a password: it is there


def look(world: World) -> Iterator[Link]:
    """Fetch Chronograf's page."""
    url = world.settings.chronograf.url
    if not url:
        yield off(_NAME, "no [chronograf] url is set (alerts and mails work without)")
        return
    try:
        reply = world.get(url)
    except requests.RequestException as error:
        yield broken(
            _NAME, f"{url} does not answer: {type(error).__name__}", "systemctl start chronograf"
        )
        return
    if reply.status_code in _AUTHENTICATION:
        yield ok(_NAME, f"{url} answers and asks for a password")
    elif reply.status_code >= 400:
        yield broken(
            _NAME,
            f"{url} answers {reply.status_code}",
            "check [chronograf] url; on BlueMind it ends in /tick",
        )
    else:
        yield ok(_NAME, f"{url} answers")
