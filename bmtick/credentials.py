"""Credentials for a server: Basic or Bearer, from the environment or from a 0600 file.

``bmtick.toml``, messages, logs, the journal and the history never contain secrets. For the server
``[kapacitor.edge]`` the variables ``BMTICK_KAPACITOR_EDGE_PASSWORD`` etc. take precedence over the
general ``BMTICK_KAPACITOR_USERNAME``, ``_PASSWORD`` and ``_TOKEN``.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from bmtick.errors import BmtickError, Location

_LONGEST: Final = 1 << 16  # maximum bytes of a secret


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name with a password, or a token; all empty: no authentication."""

    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


def split_url(url: str) -> tuple[str, Credentials]:
    """Split user name and password off a URL, so that no message can show them."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    clean = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
    return clean, Credentials(unquote(parts.username or ""), unquote(parts.password or ""))


def find_credentials(
    service: str,
    server: str,
    username: str,
    secret_file: str,
    environment: Mapping[str, str],
) -> Credentials:
    """Return the credentials for one server.

    Args:
        service: ``KAPACITOR`` or ``INFLUXDB``, as in the names of the variables.
        server: the name of the section, ``default`` for a plain ``[kapacitor]``.
        username: from ``bmtick.toml``; the variable takes precedence.
        secret_file: a 0600 file: the password, or the token if there is no user name.
        environment: ``os.environ``.

    Raises:
        BmtickError: the file is missing, empty, or readable by others.
    """
    special = re.sub(r"[^A-Z0-9]", "_", server.upper())

    def look_up(what: str) -> str:
        own = environment.get(f"BMTICK_{service}_{special}_{what}")
        return own or environment.get(f"BMTICK_{service}_{what}") or ""

    user = look_up("USERNAME") or username
    password, token = look_up("PASSWORD"), look_up("TOKEN")
    if secret_file and not password and not token:
        secret = read_secret(Path(secret_file))
        password, token = (secret, "") if user else ("", secret)
    if password and not user:
        raise BmtickError(
            f"there is a password for {service.capitalize()} but no user name",
            remedy=f"set BMTICK_{service}_USERNAME, or 'username' in bmtick.toml",
        )
    return Credentials(user, password, token)


def read_secret(path: Path) -> str:
    """Read a one-line secret from a file that is readable by its owner only."""
    text = read_private(path).strip()
    if not text or "\n" in text:
        raise BmtickError("a secret is one line of text", location=Location(str(path)))
    return text


def read_private(path: Path) -> str:
    """Read the text of a file that is readable by its owner only.

    Raises:
        BmtickError: it cannot be read, or others can read it.
    """
    where = Location(str(path))
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_LONGEST).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise BmtickError(f"cannot read the secret: {reason}", location=where) from None
    if stat.S_IMODE(mode) & 0o077:
        raise BmtickError(
            "others may read this secret",
            location=where,
            remedy=f"chmod 600 {shlex.quote(str(path))}",
        )
    return text
