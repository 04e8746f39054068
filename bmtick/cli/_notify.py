"""Notification without Kapacitor: mail, channels, and tests of both."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bmtick.durations import SECOND, parse_duration
from bmtick.errors import EXIT_DONE, EXIT_FINDING, BmtickError, printable

if TYPE_CHECKING:
    from bmtick.engine import Handler
    from bmtick.settings import Settings
    from bmtick.watch.channels import Channels
    from bmtick.watch.handlers import Notifier
    from bmtick.watch.mail import Mailer


def channels(settings: Settings) -> Channels:
    """Return the channels of ``[channels]`` and the environment.

    Raises:
        BmtickError: the file, or a URL in it, is invalid.
    """
    from bmtick.credentials import read_private
    from bmtick.watch.channels import open_channels, read_channels

    file = settings.channels.file
    text = read_private(Path(file)) if file else ""
    return open_channels(read_channels(text, file, os.environ), settings.channels.level)


def notifier(settings: Settings, mails: str | None, channels: Channels) -> Notifier:
    """Return the notifier: mails, the scripts' handlers, and channels."""
    from bmtick.watch.handlers import Notifier
    from bmtick.watch.mail import own_address

    return Notifier(
        mailer(settings, mails),
        own_address(settings.smtp.sender),
        time.time,
        channels.deliveries(),
    )


def test_all(settings: Settings, mails: str | None) -> int:
    """Send a test to all mail recipients of the alerts and through all channels; return the status."""
    from bmtick.alerts import desired, require_recipients
    from bmtick.engine import Handler
    from bmtick.watch.handlers import check_handlers

    alerts = desired(settings)
    require_recipients(settings, alerts)
    check_handlers(alerts)
    named = [str(to) for alert in alerts for to in alert.values.get("recipients") or ()]
    recipients = list(dict.fromkeys(named or settings.notify.recipients))
    known = channels(settings)
    handlers = [Handler("email", [recipients], {})] if recipients else []
    handlers += [Handler(kind, [], {}) for kind in known.deliveries()]
    if not handlers:
        raise BmtickError("nobody is told", remedy="set [notify] recipients, or [channels] file")
    return try_each(settings, mails, known, handlers, "bmtick watch")


def try_each(
    settings: Settings, mails: str | None, known: Channels, handlers: list[Handler], name: str
) -> int:
    """Send a test through each handler, even after failures; print each result."""
    from bmtick.deploy.fire import test_texts
    from bmtick.watch.dispatch import attempt
    from bmtick.watch.outbox import Delivery

    deliver = notifier(settings, mails, known).deliver
    now = time.time()
    message, details = test_texts(name, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now)))
    event = {
        "id": f"{name}-test",
        "message": message,
        "details": details,
        "time": time.time_ns(),
        "duration": 0,
        "level": "CRITICAL",
        "previousLevel": "OK",
        "data": {"series": []},
        "recoverable": False,
    }
    status = EXIT_DONE
    for number, handler in enumerate(handlers):
        key = f"test.{time.time_ns()}.{number}"
        delivery = Delivery(key, handler.kind, handler.args, handler.properties, event, now)
        result = attempt(deliver, delivery)
        mail = handler.kind == "email"
        what = "mail" if mail else f"by {handler.kind.removeprefix('channel:')}"
        if result.outcome == "done":
            told = f" to {', '.join(_recipients(handler.args))}" if mail else ""
            click.echo(printable(f"a test {what}{told} was handed on"))
        else:
            click.echo(printable(f"bmtick: the test {what} did not go: {result.reason}"), err=True)
            status = EXIT_FINDING
    return status


def _recipients(args: Any) -> list[str]:
    return [
        to for one in args for to in (_recipients(one) if isinstance(one, list) else [str(one)])
    ]


def mailer(settings: Settings, mails: str | None) -> Mailer:
    """Return the mailer of the settings."""
    from bmtick.settings import setting_error
    from bmtick.watch.mail import FolderMailer, SendmailMailer

    watch = settings.watch
    if mails or watch.mail == "folder":
        folder = mails or watch.folder
        if not folder:
            error = BmtickError(
                '[watch] mail = "folder" without a folder',
                remedy='write folder = "/var/lib/bmtick/mails" below it, too',
            )
            raise setting_error(settings, "watch.mail", error)
        try:
            Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise BmtickError(
                f"cannot use '{folder}' as the folder of mails: {error.strerror}",
                remedy="name another one by --mail-dir or [watch] folder",
            ) from None
        return FolderMailer(Path(folder))
    if watch.mail == "sendmail":
        return SendmailMailer(watch.sendmail)
    return _smtp(settings)


def _smtp(settings: Settings) -> Mailer:
    from bmtick.credentials import find_credentials
    from bmtick.net import tls_context
    from bmtick.settings import setting_error
    from bmtick.watch.mail import SmtpMailer

    smtp = settings.smtp
    host, colon, port = smtp.host.partition(":")
    if colon and port.isdecimal():
        error = BmtickError(
            f"[smtp] host is a name or an address, not '{smtp.host}'",
            remedy=f'write host = "{host}" and port = {port}',
        )
        raise setting_error(settings, "smtp.host", error)
    known = find_credentials("SMTP", "default", smtp.username, smtp.secret_file, os.environ)
    if known.username and not known.password:
        error = BmtickError(
            "[smtp] has a user name, but there is no password for it",
            remedy="set BMTICK_SMTP_PASSWORD in the environment, or [smtp] secret_file",
        )
        raise setting_error(settings, "smtp.username", error)
    if known.username and smtp.tls == "none" and smtp.host not in ("127.0.0.1", "::1", "localhost"):
        error = BmtickError(
            "[smtp] would send the password in the clear", remedy='set tls = "starttls" or "tls"'
        )
        raise setting_error(settings, "smtp.tls", error)
    return SmtpMailer(
        smtp.host,
        smtp.port,
        tls=smtp.tls,
        context=tls_context(smtp.ca_file, verify=smtp.verify) if smtp.tls != "none" else None,
        username=known.username,
        password=known.password,
        timeout=parse_duration(smtp.timeout) / SECOND,
    )
