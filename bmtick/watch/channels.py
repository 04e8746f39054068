"""Slack, Teams, Telegram, Matrix, ntfy, Signal, PagerDuty, webhooks: by Apprise; its only import.

A channel is a name and a URL of Apprise, which holds its secrets. So URLs come from a file that
only its owner may read, or from the environment, and are shown in no message.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

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
_HELP: Final = "https://github.com/caronc/apprise lists the forms, such as ntfys://ntfy.sh/TOPIC"


def read_channels(text: str, file: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the URL of each channel by its name.

    Args:
        text: of the file, ``NAME = URL`` a line, ``#`` for a comment; "" for none.
        file: its name.
        environment: BMTICK_CHANNEL_NAME is a URL, too.

    Raises:
        BmtickError: a line is no such thing; its text is not shown.
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
    """The channels that are told.

    Attributes:
        services: what sends, by name.
        level: the lowest level that is told; an OK is told after such a one.
    """

    services: Mapping[str, Callable[[str, str, str], str]]
    level: str = "WARNING"

    def handlers(self, event: AlertEvent) -> list[Handler]:
        """Return a handler for each channel that is to be told of an event."""
        highest = max(LEVELS.index(event.level), LEVELS.index(event.previous_level or "OK"))
        if highest < LEVELS.index(self.level):
            return []
        return [Handler(CHANNEL + name, [], {}) for name in self.services]

    def deliveries(self) -> dict[str, Callable[[Delivery], None]]:
        """Return what delivers, by the kind of handler."""
        return {CHANNEL + name: _sender(name, send) for name, send in self.services.items()}


def _sender(name: str, send: Callable[[str, str, str], str]) -> Callable[[Delivery], None]:
    def deliver(delivery: Delivery) -> None:
        event: dict[str, Any] = delivery.event
        body = shown(str(event.get("text") or plain_text(str(event["details"]))))
        failed = send(shown(str(event["message"])), body[:_LONGEST], str(event["level"]))
        if failed:
            raise DeliveryError(f"channel {name}: {failed}")

    return deliver


def open_channels(urls: Mapping[str, str], level: str) -> Channels:
    """Return the channels of these URLs.

    Raises:
        BmtickError: Apprise is missing, or a URL is none of its forms; the URL is not shown.
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
        services[name] = _Service(made, url).send
    return Channels(services, level)


_KINDS: Final = {"CRITICAL": "failure", "WARNING": "warning", "INFO": "info", "OK": "success"}


class _Log(logging.Handler):
    """What Apprise logs, which says why it fails nowhere else; of each thread its own."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Take one line."""
        if hasattr(self._lines, "said"):
            self._lines.said.append(record.getMessage())

    def listen(self) -> list[str]:
        """Return a list that this thread's next lines come into."""
        said: list[str] = []
        self._lines.said = said
        return said


_LOG: Final = _Log()


class _Service:
    """One of Apprise's services; it says why it fails in its log alone."""

    def __init__(self, service: Any, url: str) -> None:
        self._service, self._url = service, url

    def send(self, title: str, body: str, level: str) -> str:
        """Send; return what went wrong, or ""."""
        import apprise  # noqa: PLC0415 -- as above

        logger = apprise.logger
        logger.addHandler(_LOG)
        logger.propagate = False  # its lines hold secrets, and belong into no log
        said = _LOG.listen()
        try:
            sent = self._service.notify(
                body=body,
                title=title,
                notify_type=_KINDS.get(level, "info"),
                body_format=apprise.NotifyFormat.TEXT,
            )
        except TypeError as error:
            raise PermanentError(f"{error}") from None
        if sent:
            return ""
        text = next((line for line in reversed(said) if line.strip()), "it was not sent")
        for secret in sorted(_secrets(self._url), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def _secrets(url: str) -> Iterable[str]:
    """Yield the parts of a URL that no message shows."""
    return [part for part in re.split(r"[/?&=:@#]+", url) if len(part) >= 6]
