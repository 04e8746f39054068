"""Alert mails: the same subject and body as Kapacitor's, by SMTP, sendmail or into a folder.

Source: kapacitor ``services/smtp/service.go``: the message is the subject, the details the body, as
HTML. Beyond that the mails bear an id of their own, so that one sent twice shows as one, and say
that a machine sent them, so that nobody's holiday notice answers.
"""

from __future__ import annotations

import smtplib
import ssl
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol

from bmtick.files import Folder
from bmtick.watch.failure import DeliveryError, PermanentError

_PERMANENT = range(500, 600)
_SENDMAIL_PATIENCE = 60  # seconds


class Mailer(Protocol):
    """Hands a mail on."""

    def send(self, sender: str, recipients: Sequence[str], mail: EmailMessage) -> None:
        """Hand it on, or raise DeliveryError."""


def compose(
    event: dict[str, Any], sender: str, recipients: Sequence[str], key: str, now: float
) -> EmailMessage:
    """Return the mail for an event.

    Args:
        event: with message and details.
        sender: the address in From.
        recipients: the addresses in To.
        key: what tells this mail from all others.
        now: seconds since the epoch, for Date.
    """
    mail = EmailMessage(policy=policy.SMTP.clone(max_line_length=998))
    mail["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    # a line break in a subject would end the headers
    mail["Subject"] = " ".join(str(event["message"]).split())
    mail["Message-ID"] = f"<bmtick.{key}@{sender.rpartition('@')[2] or 'localhost'}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(str(event["details"]), subtype="html", charset="utf-8", cte="quoted-printable")
    return mail


class SmtpMailer:
    """Sends by SMTP, one connection a mail.

    Args:
        host: of the server.
        port: of the server.
        tls: ``none``, ``starttls`` or ``tls``.
        context: for TLS.
        username: with password, or empty.
        password: never shown.
        timeout: seconds.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: str = "none",
        context: ssl.SSLContext | None = None,
        username: str = "",
        password: str = "",
        timeout: float = 30.0,
    ) -> None:
        self._host, self._port, self._tls, self._context = host, port, tls, context
        self._username, self._password, self._timeout = username, password, timeout

    def send(self, sender: str, recipients: Sequence[str], mail: EmailMessage) -> None:
        """Send; what a server refuses for good is given up, all else may be tried again."""
        try:
            with self._connect() as server:
                if self._tls == "starttls":
                    server.starttls(context=self._context)
                if self._username:
                    server.login(self._username, self._password)
                refused = server.send_message(mail, sender, list(recipients))
        except smtplib.SMTPRecipientsRefused as error:
            raise _refused(error.recipients) from None
        except smtplib.SMTPAuthenticationError as error:
            # once the password is right, the mail can go
            raise DeliveryError(f"{self._where} refused the login: {error.smtp_code}") from None
        except smtplib.SMTPResponseException as error:
            kind = PermanentError if error.smtp_code in _PERMANENT else DeliveryError
            raise kind(f"{self._where}: {error.smtp_code} {_text(error.smtp_error)}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryError(
                f"{self._where}: {getattr(error, 'strerror', None) or error}"
            ) from None
        if refused:
            raise PermanentError(f"some did not get it: {_refused(refused)}")

    @property
    def _where(self) -> str:
        return f"mail server {self._host}:{self._port}"

    def _connect(self) -> smtplib.SMTP:
        if self._tls == "tls":
            return smtplib.SMTP_SSL(
                self._host, self._port, timeout=self._timeout, context=self._context
            )
        return smtplib.SMTP(self._host, self._port, timeout=self._timeout)


def _refused(recipients: dict[str, tuple[int, bytes]]) -> DeliveryError:
    reasons = "; ".join(f"{who}: {code} {_text(text)}" for who, (code, text) in recipients.items())
    permanent = all(code in _PERMANENT for code, _ in recipients.values())
    return (PermanentError if permanent else DeliveryError)(reasons)


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer


class SendmailMailer:
    """Hands mails to a sendmail program, which queues them itself."""

    def __init__(self, program: str) -> None:
        self._program = program

    def send(self, sender: str, recipients: Sequence[str], mail: EmailMessage) -> None:
        """Run the program with the mail on its stdin."""
        command = [self._program, "-oi", "-f", sender, "--", *recipients]
        try:
            done = subprocess.run(
                command,
                input=mail.as_bytes(policy=policy.SMTP.clone(linesep="\n", max_line_length=998)),
                capture_output=True,
                timeout=_SENDMAIL_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DeliveryError(f"{self._program}: {error}") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()[:300]
            raise DeliveryError(f"{self._program} ended with {done.returncode}: {said}")


class FolderMailer:
    """Puts mails into a folder as .eml files, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, sender: str, recipients: Sequence[str], mail: EmailMessage) -> None:
        """Write one file; the same mail again takes its own place again."""
        del sender, recipients
        key = str(mail["Message-ID"]).partition("@")[0].rpartition(".")[2][:16]
        try:
            with Folder(self._folder, create=True) as folder:
                there = [n for n in folder.names() if n.endswith(".eml") and n[0] != "."]
                name = next((n for n in there if n.endswith(f"-{key}.eml")), None)
                name = name or f"{_stamp(mail)}-{len(there) + 1:04d}-{key}.eml"
                folder.replace(name, mail.as_bytes())
        except OSError as error:
            raise DeliveryError(f"folder {self._folder}: {error.strerror}") from None


def _stamp(mail: EmailMessage) -> str:
    return f"{parsedate_to_datetime(str(mail['Date'])).astimezone(UTC):%Y%m%dT%H%M%SZ}"
