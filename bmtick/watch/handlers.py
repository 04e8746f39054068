"""The alert handlers that work without Kapacitor: email, post, exec, log, tcp.

Source: kapacitor ``services/alert/handlers.go``, ``services/httppost/service.go``. The JSON that is
posted, logged or passed to a program equals Kapacitor's.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from bmtick.alerts import Rendered
from bmtick.credentials import split_url
from bmtick.durations import SECOND
from bmtick.engine import gojson
from bmtick.engine.gotime import rfc3339_nano
from bmtick.errors import BmtickError
from bmtick.files import Folder
from bmtick.httpclient import HttpError, fetch
from bmtick.net import Limits, connect, reason_of, tls_context
from bmtick.watch.failure import DeliveryError, PermanentError
from bmtick.watch.mail import Mailer, compose
from bmtick.watch.outbox import Delivery

_TIMEOUT: Final = 30.0  # seconds for an answer, where the alert names no time
_EXEC_TIMEOUT: Final = 60.0
_TOO_MANY: Final = 429
_LOG_MODE: Final = 0o600

SUPPORTED: Final = ("email", "post", "exec", "log", "tcp")


def alert_json(event: dict[str, Any]) -> bytes:
    """Return the content of Kapacitor's handlers: one line of JSON."""
    data = {
        "id": event["id"],
        "message": event["message"],
        "details": event["details"],
        "time": rfc3339_nano(event["time"]),
        "duration": event["duration"],
        "level": event["level"],
        "data": event["data"],
        "previousLevel": event["previousLevel"],
        "recoverable": event["recoverable"],
    }
    return gojson.dumps(data).encode("utf-8", "replace") + b"\n"


def check_handlers(alerts: Iterable[Rendered]) -> None:
    """Refuse an alert with a handler that only Kapacitor supports.

    Raises:
        BmtickError: with the names of alert and handler.
    """
    for alert in alerts:
        for kind in sorted(alert.handlers):
            if kind not in SUPPORTED:
                raise BmtickError(
                    f"alert '{alert.name}' tells by '{kind}', which bmtick watch has not",
                    remedy=f"one of: {', '.join(SUPPORTED)}; [channels] reaches Slack, Teams, Telegram and more",
                )


class Notifier:
    """Delivers notifications.

    Args:
        mailer: sends mails.
        sender: the address in From.
        clock: seconds since the epoch.
        channels: further delivery functions, by kind of handler.
    """

    def __init__(
        self,
        mailer: Mailer,
        sender: str,
        clock: Callable[[], float],
        channels: Mapping[str, Callable[[Delivery], None]] | None = None,
    ) -> None:
        self._mailer, self._sender, self._clock = mailer, sender, clock
        self._channels: dict[str, Callable[[Delivery], None]] = {
            "email": self._email,
            "post": _post,
            "exec": _exec,
            "log": _log,
            "tcp": _tcp,
            **(channels or {}),
        }

    def deliver(self, delivery: Delivery) -> None:
        """Deliver, or raise DeliveryError."""
        channel = self._channels.get(delivery.kind)
        if channel is None:
            raise PermanentError(f"there is no handler '{delivery.kind}' here")
        try:
            channel(delivery)
        except gojson.UnsupportedValueError as error:
            raise PermanentError(str(error)) from None

    def _email(self, delivery: Delivery) -> None:
        recipients = [str(one) for one in _flat([delivery.args, delivery.properties.get("to", [])])]
        if not recipients:
            raise PermanentError("a mail without recipients")
        mail = compose(
            delivery.event,
            self._sender,
            recipients,
            delivery.key,
            self._clock(),
            answers=delivery.thread,
        )
        self._mailer.send(mail)


def _flat(values: Any) -> Iterable[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _flat(value)
        else:
            yield value


def _post(delivery: Delivery) -> None:
    given = delivery.properties
    urls = [str(url) for url in _flat([delivery.args, given.get("uRL", [])])]
    if not urls:
        raise PermanentError("a post without a URL: endpoints of kapacitor.conf are not known here")
    headers = {str(k): str(v) for k, v in given.get("header", [])}
    try:
        reply = fetch(
            urls[0],
            data=alert_json(delivery.event),
            headers={"Content-Type": "application/json", **headers},
            seconds=given.get("timeout", 0) / SECOND or _TIMEOUT,
            context=tls_context(verify=not given.get("skipSSLVerification", False)),
        )
    except HttpError as error:
        raise (DeliveryError if error.uncertain else PermanentError)(error.message) from None
    if reply.status >= 300:
        later = reply.status >= 500 or reply.status == _TOO_MANY
        says = reply.body[:200].decode("utf-8", "replace").strip()
        raise (DeliveryError if later else PermanentError)(
            f"{split_url(urls[0])[0]} answered {reply.status}: {says}"
        )


def _exec(delivery: Delivery) -> None:
    # Not retried, as in Kapacitor: a program may have done its work before it failed.
    command = [str(one) for one in _flat(delivery.args)]
    try:
        done = subprocess.run(
            command,
            input=alert_json(delivery.event),
            capture_output=True,
            timeout=_EXEC_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, IndexError) as error:
        raise PermanentError(f"{command[:1]}: {error}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[:300]
        raise PermanentError(f"{command[0]} ended with {done.returncode}: {said}")


def _log(delivery: Delivery) -> None:
    path = str(next(iter(_flat([delivery.args, delivery.properties.get("filePath", [])]))))
    mode = int(delivery.properties.get("mode", _LOG_MODE))
    try:
        with Folder(Path(path).parent) as folder:
            folder.append(Path(path).name, alert_json(delivery.event), mode)
    except OSError as error:
        raise DeliveryError(f"{path}: {error.strerror}") from None


def _tcp(delivery: Delivery) -> None:
    address = str(next(iter(_flat([delivery.args, delivery.properties.get("address", [])]))))
    host, _, port = address.rpartition(":")
    try:
        with connect(host.strip("[]"), int(port), Limits(_TIMEOUT, 0)) as there:
            there.sendall(alert_json(delivery.event) + b"\n")
    except ValueError:
        raise PermanentError(f"'{address}' is not HOST:PORT") from None
    except OSError as error:
        raise DeliveryError(f"{address}: {reason_of(error)}") from None
