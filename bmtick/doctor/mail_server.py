"""Ask a mail server whether it accepts a mail: an SMTP dialogue that ends before DATA."""

from __future__ import annotations

from bmtick.smtp import BoundedSMTP

_TIMEOUT = 10  # seconds


def ask_mail_server(host: str, port: int, sender: str, recipients: list[str]) -> str:
    """Return the server's refusal of this sender or of one of the recipients, or ``""``.

    Raises:
        OSError: the server cannot be reached, or does not speak SMTP.
    """
    smtp = BoundedSMTP(host, port, _TIMEOUT)
    try:
        smtp.ehlo_or_helo_if_needed()
        answers = [smtp.mail(sender)] + [smtp.rcpt(recipient) for recipient in recipients]
        for code, text in answers:
            if code >= 400:
                return f"{code} {text.decode('utf-8', 'replace')}"
        smtp.rset()
    finally:
        smtp.close_quietly()
    return ""
