"""SMTP with one deadline and one size limit for a whole conversation."""

from __future__ import annotations

import smtplib
import ssl
from typing import Final

from bmtick.net import BoundedSocket, BoundedSSLSocket, Limits, connect, secured

_LONGEST: Final = 1 << 20  # bytes of all answers of one conversation


class BoundedSMTP(smtplib.SMTP):
    """A connection to a mail server with a timeout for the whole conversation.

    Args:
        host: name or address.
        port: of the server.
        seconds: from the connection to the last answer.
        context: for TLS from the first byte; None: no TLS, or ``starttls`` later.
        name: of this machine, for EHLO.
        source: a local address to connect from.

    Raises:
        OSError: it cannot be reached.
        smtplib.SMTPException: it refuses the conversation.
    """

    def __init__(
        self,
        host: str,
        port: int,
        seconds: float,
        *,
        context: ssl.SSLContext | None = None,
        name: str | None = None,
        source: str = "",
    ) -> None:
        self._limits = Limits(seconds, _LONGEST)
        self._context, self._source = context, source
        super().__init__(host, port, local_hostname=name)

    def _get_socket(self, host: str, port: int, timeout: float) -> BoundedSocket | BoundedSSLSocket:
        del timeout  # the limits have their own
        sock = connect(host, port, self._limits, self._source)
        return secured(sock, self._context, host) if self._context else sock

    def begin_tls(self, context: ssl.SSLContext) -> None:
        """Switch to TLS, as ``starttls`` does."""
        self.starttls(context=context)
        if isinstance(self.sock, BoundedSSLSocket):
            self.sock.limits = self._limits

    def close_quietly(self) -> None:
        """Send QUIT; errors no longer matter."""
        try:
            self.quit()
        except (OSError, smtplib.SMTPException):
            self.close()
