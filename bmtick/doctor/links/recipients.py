"""Who gets the alert mails? The example's address is nobody's."""

from __future__ import annotations

from collections.abc import Iterator

from bmtick.alerts import catalogue, desired
from bmtick.alerts.model import Alert
from bmtick.doctor.link import Link, off, ok
from bmtick.doctor.world import World

ORDER = 57
_NAME = "recipients"


def look(world: World) -> Iterator[Link]:
    """Name the addresses of all alerts that mail."""
    mailing = [alert for alert in desired(world.settings) if "email" in alert.handlers]
    if not mailing:
        yield off(_NAME, "no alert sends mail")
        return
    found = dict.fromkeys(str(to) for a in mailing for to in a.values.get("recipients") or ())
    said = f"alert mails go to {', '.join(found)}"
    examples = {str(to) for alert in catalogue().values() for to in _default(alert)}
    if examples & found.keys():
        said += "; is that you? If not, set [notify] recipients"
    yield ok(_NAME, said)


def _default(alert: Alert) -> list[str]:
    parameter = alert.parameters.get("recipients")
    return list(parameter.default or ()) if parameter else []
