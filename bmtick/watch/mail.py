r"""Alert mails: the same subject and body as Kapacitor's, by SMTP, sendmail or into a folder.

Source: kapacitor ``services/smtp/service.go``: the message is the subject, the details are the HTML
body. In addition, a mail has a plain-text part, its own id, so that a duplicate is recognised, and a
header that marks it as automatic, so that no holiday notice replies.

Messages and details hold names of a mail log, which an attacker chooses. So no header is ever
parsed or decoded here: what is not plain ASCII, or could be taken for an encoded word (RFC 2047),
is encoded as a whole, and what could end a line, hide or turn text around is shown as ``\u202e``.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import policy
from email.header import Header
from email.message import EmailMessage
from email.utils import format_datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final, Protocol

from bmtick.files import Folder
from bmtick.net import reason_of
from bmtick.smtp import BoundedSMTP
from bmtick.watch.failure import DeliveryError, PermanentError

_PERMANENT = range(500, 600)
_SENDMAIL_TIMEOUT = 60  # seconds
_LONGEST_SUBJECT: Final = 400  # characters
_LONGEST_LINE: Final = 900  # bytes of a header that is not folded; RFC 5322 allows 998
_ADDRESS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")
_TOKEN: Final = re.compile(r"[!-~]+(?: [!-~]+)*")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
# C0 and C1, marks and overrides of direction, separators of lines and paragraphs, the invisible,
# surrogates, what is no character, tags
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"
    "\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)


def shown(text: str) -> str:
    r"""Return a text without hidden characters: ``\u202e`` and similar escapes replace them.

    Line ends and tabs are kept.
    """
    return _HIDDEN.sub(_escape, text.replace("\r\n", "\n"))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


@dataclass(frozen=True)
class Mail:
    """A composed mail."""

    sender: str
    recipients: tuple[str, ...]
    subject: str
    key: str
    time: datetime
    text: str
    html: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def message_id(self) -> str:
        """The unique identification of the mail."""
        return message_id(self.key, self.sender)

    def as_bytes(self, line_end: str = "\r\n") -> bytes:
        """Return the mail as bytes to send."""
        lines = [
            ("Date", format_datetime(self.time.astimezone())),
            ("From", self.sender),
            ("To", ",\n ".join(self.recipients)),
            ("Subject", _encoded(self.subject)),
            ("Message-ID", self.message_id),
            ("Auto-Submitted", "auto-generated"),
            *self.headers.items(),
        ]
        body = EmailMessage(policy=policy.SMTP)
        body.set_content(self.text, cte="quoted-printable")
        body.add_alternative(self.html, subtype="html", cte="quoted-printable")
        head = "".join(f"{name}: {value}\n" for name, value in lines).encode("ascii")
        raw = head + body.as_bytes(policy=policy.SMTP.clone(linesep="\n"))
        return raw.replace(b"\n", line_end.encode())


def message_id(key: str, sender: str) -> str:
    """Return the Message-ID of the mail with this key, for References of a later one."""
    domain = sender.rpartition("@")[2] or "localhost"
    return f"<bmtick.{re.sub('[^A-Za-z0-9._-]', '_', key)}@{domain}>"


def compose(
    content: Mapping[str, Any],
    sender: str,
    recipients: Sequence[str],
    key: str,
    now: float,
    headers: Mapping[str, str] | None = None,
    *,
    answers: str = "",
) -> Mail:
    """Return a mail; no part of its texts is ever interpreted.

    Args:
        content: ``message`` for the subject, ``details`` in HTML, and perhaps ``text``, the same
            for those who read no HTML.
        sender: the address in From.
        recipients: the addresses in To.
        key: the unique key of this mail.
        now: seconds since the epoch, for Date.
        headers: further headers in plain ASCII, such as ``References``.
        answers: key of the mail that this one replies to.

    Raises:
        PermanentError: an address or a header is invalid.
    """
    sender, *recipients = [_address(one) for one in (sender, *recipients)]
    headers = dict(headers or {})
    if answers:
        headers["In-Reply-To"] = headers["References"] = message_id(answers, sender)
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _TOKEN.fullmatch(value) or len(value) > _LONGEST_LINE:
            raise PermanentError(f"'{shown(name)}: {shown(value)}' is no header")
    html = shown(str(content["details"]))
    return Mail(
        sender,
        tuple(recipients),
        shown(" ".join(str(content["message"]).split()))[:_LONGEST_SUBJECT],
        key,
        datetime.fromtimestamp(now, UTC),
        shown(str(content.get("text") or plain_text(html))),
        html,
        headers,
    )


def _address(text: str) -> str:
    """Return an address as a mail server takes it, with the name of its domain in ASCII."""
    local, at, domain = text.rpartition("@")
    try:
        address = f"{local}{at}{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        address = ""
    if not _ADDRESS.fullmatch(address):
        raise PermanentError(f"'{shown(text)}' is no mail address that can be written to")
    return address


def _encoded(text: str) -> str:
    """Return the value of a header; a reader decodes it into this text, whatever it holds."""
    plain = text.isascii() and "=?" not in text and "?=" not in text
    if plain and len(text) <= _LONGEST_LINE:
        return text
    return Header(text, "utf-8", maxlinelen=76, header_name="Subject").encode(linesep="\n")


class _Text(HTMLParser):
    """Collects the visible text of HTML."""

    _BREAKS: Final = frozenset(
        [
            "br",
            "p",
            "div",
            "tr",
            "li",
            "ul",
            "ol",
            "table",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "pre",
        ]
    )
    _SILENT: Final = frozenset(("style", "script", "head", "title"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0
        self._link = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._SILENT:
            self._silent += 1
        elif tag in self._BREAKS:
            self.parts.append("\n- " if tag == "li" else "\n")
        elif tag in ("td", "th"):
            self.parts.append("  ")
        elif tag == "a":
            self._link = dict(attrs).get("href") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag in self._SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in self._BREAKS:
            self.parts.append("\n")
        elif tag == "a" and self._link:
            self.parts.append(f" ({self._link})")
            self._link = ""

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(re.sub(r"\s+", " ", data))


def plain_text(html: str) -> str:
    """Return HTML as text: a line per paragraph and row, links with their address."""
    parser = _Text()
    parser.feed(html)
    parser.close()
    lines = [line.strip() for line in "".join(parser.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def own_address(configured: str = "") -> str:
    """Return the sender address: from the settings, or with this machine's full name."""
    if configured:
        return configured
    names = [socket.gethostname()]
    if "." not in names[0]:
        names.append(socket.getfqdn())
    try:
        names.append(Path("/etc/mailname").read_text("ascii")[:255].strip())
    except (OSError, UnicodeDecodeError):
        names.append("")
    full = [n for n in names if "." in n and _ADDRESS.fullmatch(f"bmtick@{n}")]
    full = [n for n in full if not n.startswith("localhost")]
    return f"bmtick@{full[0] if full else names[0]}"


class Mailer(Protocol):
    """Sends mails."""

    def send(self, mail: Mail) -> None:
        """Send a mail, or raise DeliveryError."""


class SmtpMailer:
    """Sends by SMTP with one connection per mail.

    Args:
        host: of the server.
        port: of the server.
        tls: ``none``, ``starttls`` or ``tls``.
        context: for TLS.
        username: with password, or empty.
        password: never shown.
        timeout: seconds for a whole connection.
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

    def send(self, mail: Mail) -> None:
        """Send; a permanent refusal is not retried, any other error may be."""
        server: BoundedSMTP | None = None
        try:
            server = self._connect(mail.sender)
            if self._tls == "starttls" and self._context:
                server.begin_tls(self._context)
            if self._username:
                server.login(self._username, self._password)
            refused = server.sendmail(mail.sender, list(mail.recipients), mail.as_bytes())
        except smtplib.SMTPRecipientsRefused as error:
            raise _refused(error.recipients) from None
        except smtplib.SMTPAuthenticationError as error:
            # a retry succeeds once the password is corrected
            raise DeliveryError(f"{self._where} refused the login: {error.smtp_code}") from None
        except smtplib.SMTPResponseException as error:
            kind = PermanentError if error.smtp_code in _PERMANENT else DeliveryError
            raise kind(f"{self._where}: {error.smtp_code} {_text(error.smtp_error)}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryError(f"{self._where}: {reason_of(error)}") from None
        finally:
            if server:
                server.close_quietly()
        if refused:
            raise PermanentError(f"some did not get it: {_refused(refused)}")

    @property
    def _where(self) -> str:
        return f"mail server {self._host}:{self._port}"

    def _connect(self, sender: str) -> BoundedSMTP:
        return BoundedSMTP(
            self._host,
            self._port,
            self._timeout,
            context=self._context if self._tls == "tls" else None,
            name=sender.rpartition("@")[2],
        )


def _refused(recipients: dict[str, tuple[int, bytes]]) -> DeliveryError:
    reasons = "; ".join(f"{who}: {code} {_text(text)}" for who, (code, text) in recipients.items())
    permanent = all(code in _PERMANENT for code, _ in recipients.values())
    return (PermanentError if permanent else DeliveryError)(reasons)


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer


class SendmailMailer:
    """Passes mails to a sendmail program, which queues them itself."""

    def __init__(self, program: str) -> None:
        self._program = program

    def send(self, mail: Mail) -> None:
        """Run the program with the mail on stdin."""
        command = [self._program, "-oi", "-f", mail.sender, "--", *mail.recipients]
        try:
            done = subprocess.run(
                command,
                input=mail.as_bytes("\n"),
                capture_output=True,
                timeout=_SENDMAIL_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DeliveryError(f"{self._program}: {error}") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()[:300]
            raise DeliveryError(f"{self._program} ended with {done.returncode}: {said}")


class FolderMailer:
    """Writes mails to a folder as .eml files, atomically."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, mail: Mail) -> None:
        """Write one file; the same mail again replaces it."""
        key = mail.message_id.partition("@")[0].rpartition(".")[2][:16]
        try:
            with Folder(self._folder, create=True) as folder:
                there = [n for n in folder.names() if n.endswith(".eml") and n[0] != "."]
                name = next((n for n in there if n.endswith(f"-{key}.eml")), None)
                name = name or f"{mail.time:%Y%m%dT%H%M%SZ}-{len(there) + 1:04d}-{key}.eml"
                folder.replace(name, mail.as_bytes())
        except OSError as error:
            raise DeliveryError(f"folder {self._folder}: {error.strerror}") from None
