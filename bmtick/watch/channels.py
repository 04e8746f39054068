"""Slack, Teams, Telegram, Matrix, ntfy, Signal, PagerDuty, webhooks, via Apprise (imported only here).

A channel is a name and an Apprise URL, which contains its secrets. URLs therefore come from a file
that only its owner may read, or from the environment, and no message shows them.

Apprise has no total timeout and stores a whole response. Each text is therefore sent by its own
process, with a time limit and a memory limit.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, cast

from bmtick.engine import AlertEvent, Handler
from bmtick.engine.events import LEVELS
from bmtick.errors import BmtickError, Location
from bmtick.watch.failure import DeliveryError, PermanentError
from bmtick.watch.mail import plain_text, shown
from bmtick.watch.outbox import CHANNEL, Delivery

_VARIABLE: Final = re.compile(r"BMTICK_CHANNEL_([A-Z0-9_]+)")
_LINE: Final = re.compile(r"([A-Za-z0-9_-]+)\s*=\s*(\S.*)")
_SCHEME: Final = re.compile(r"([a-z0-9]+)://", re.IGNORECASE)
_LOCAL: Final = frozenset(("dbus", "gnome", "growl", "macosx", "syslog", "windows"))
_LONGEST: Final = 2000  # characters of a body: what the shortest of the services take
_SECONDS: Final = 30.0  # for a text
_MEMORY: Final = 64 << 20  # bytes beside what Apprise itself takes
_HELP: Final = "https://github.com/caronc/apprise lists the forms, such as ntfys://ntfy.sh/TOPIC"


def read_channels(text: str, file: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the URL of each channel by its name.

    Args:
        text: the content of the file, ``NAME = URL`` per line, ``#`` for comments; may be empty.
        file: its name.
        environment: BMTICK_CHANNEL_NAME is also a URL.

    Raises:
        BmtickError: a line is invalid; its text is not shown.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if not match:
            raise BmtickError(
                "this line is not NAME = URL", location=Location(file, number), remedy=_HELP
            )
        if match[1] in found:
            raise BmtickError(
                f"there are two channels '{match[1]}'", location=Location(file, number)
            )
        found[match[1]] = match[2].strip("\"'")
    for name, value in sorted(environment.items()):
        if (match := _VARIABLE.fullmatch(name)) and value:
            found[match[1].lower()] = value
    return found


@dataclass(frozen=True)
class Channels:
    """The notification channels.

    Attributes:
        services: the senders by name.
        level: the lowest level that notifies; an OK notifies after such a level.
    """

    services: Mapping[str, Callable[[str, str, str], str]]
    level: str = "WARNING"

    def handlers(self, event: AlertEvent) -> list[Handler]:
        """Return a handler for each channel that an event notifies."""
        highest = max(LEVELS.index(event.level), LEVELS.index(event.previous_level or "OK"))
        if highest < LEVELS.index(self.level):
            return []
        return [Handler(CHANNEL + name, [], {}) for name in self.services]

    def deliveries(self) -> dict[str, Callable[[Delivery], None]]:
        """Return the delivery functions by kind of handler."""
        return {CHANNEL + name: _sender(name, send) for name, send in self.services.items()}


def _sender(name: str, send: Callable[[str, str, str], str]) -> Callable[[Delivery], None]:
    def deliver(delivery: Delivery) -> None:
        event: dict[str, Any] = delivery.event
        body = shown(str(event.get("text") or plain_text(str(event["details"]))))
        failed = send(shown(str(event["message"])), body[:_LONGEST], str(event["level"]))
        if failed:
            raise DeliveryError(f"channel {name}: {failed}")

    return deliver


def open_channels(
    urls: Mapping[str, str], level: str, tell: Callable[[str, str, str, str], str] | None = None
) -> Channels:
    """Return the channels of these URLs.

    Args:
        urls: by the names of the channels.
        level: the lowest level that notifies.
        tell: sends a title and a body of a level to a URL, as ``tell_apart`` does, the default.

    Raises:
        BmtickError: Apprise is missing or does not support a URL; the URL is not shown.
    """
    if not urls:
        return Channels({}, level)
    try:
        import apprise  # noqa: PLC0415 -- optional, and it takes half a second
    except ImportError:
        raise BmtickError(
            "channels need the library apprise",
            remedy="pipx inject bmtick apprise, or in a virtual environment: "
            "pip install 'bmtick[channels]'",
        ) from None
    services: dict[str, Callable[[str, str, str], str]] = {}
    for name, url in urls.items():
        scheme = _SCHEME.match(url)
        made = None
        if scheme and scheme[1].lower() not in _LOCAL:
            made = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if made is None:
            kind = f"'{scheme[1]}://' " if scheme else ""
            raise BmtickError(f"the URL {kind}of channel '{name}' is not understood", remedy=_HELP)
        services[name] = partial(tell or tell_apart, url)
    return Channels(services, level)


_KINDS: Final = {"CRITICAL": "failure", "WARNING": "warning", "INFO": "info", "OK": "success"}
# It finds what this process finds, from nowhere else, and its arguments hold no secret.
_PROGRAM: Final = """\
import json, sys
given = json.load(sys.stdin)
sys.path[:] = given["path"]
from bmtick.watch.channels import answer
answer(*given["what"])
"""


def tell_apart(url: str, title: str, body: str, level: str, seconds: float = _SECONDS) -> str:
    """Send in a separate process; return the error, or "".

    Raises:
        PermanentError: a retry would fail too.
    """
    given = {"path": sys.path, "what": [url, title, body, level]}
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", _PROGRAM],
            input=json.dumps(given).encode(),
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no whole answer within {seconds:g} s"
    said = done.stdout.rpartition(b"\n")[2]
    if done.returncode or not said:
        return _hidden(url, done.stderr.decode(errors="replace").strip().rpartition("\n")[2])
    outcome = json.loads(said)
    if outcome["never"]:
        raise PermanentError(outcome["failed"])
    return str(outcome["failed"])


def answer(url: str, title: str, body: str, level: str) -> None:
    """Send, in the separate process, and print the result as JSON."""
    import apprise  # noqa: F401, PLC0415 -- before the memory is measured

    with open("/proc/self/statm") as file:  # noqa: PTH123 -- a line
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY, used + _MEMORY))
    outcome = {"never": False, "failed": ""}
    try:
        outcome["failed"] = tell(url, title, body, level)
    except PermanentError as error:
        outcome = {"never": True, "failed": str(error)}
    except MemoryError:
        outcome["failed"] = f"the answer takes more than {_MEMORY >> 20} MiB"
    sys.stdout.write("\n" + json.dumps(outcome))


def tell(url: str, title: str, body: str, level: str) -> str:
    """Send a title and a body of a level to a URL; return the error, or "".

    Raises:
        PermanentError: a retry would fail too.
    """
    import apprise  # noqa: PLC0415 -- as above

    service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    capture = cast("Any", apprise.LogCapture)  # Apprise logs the reason
    with capture(level=apprise.logging.WARNING) as log:
        try:
            sent = cast("Any", service).notify(
                body=body,
                title=title,
                notify_type=_KINDS.get(level, "info"),
                body_format=apprise.NotifyFormat.TEXT,
            )
        except TypeError as error:
            raise PermanentError(f"{error}") from None
        said = [line for line in log.getvalue().splitlines() if line.strip()]
    if sent:
        return ""
    text = said[-1].partition(" - ")[2] or said[-1] if said else "it was not sent"
    return _hidden(url, text.partition("WARNING - ")[2] or text)


def _hidden(url: str, text: str) -> str:
    """Return a text without any part of a URL."""
    parts: Iterable[str] = [part for part in re.split(r"[/?&=:@#]+", url) if len(part) >= 6]
    for secret in sorted(parts, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
