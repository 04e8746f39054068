"""``bmtick guard-queue``: root's helper, which puts queued mail on hold for the guard."""

from __future__ import annotations

import os
import socket

import click

from bmtick.cli._logs import config_dir_option
from bmtick.errors import BmtickError

_FIRST = 3  # the descriptor that systemd passes; sd_listen_fds(3)


@click.command()
@click.option("--socket", "path", type=click.Path(), help="Listen here. Default: systemd's socket.")
@click.option("--idle", default=60.0, show_default=True, help="End after so many idle seconds.")
@config_dir_option
def command(path: str | None, idle: float, config_dir: str) -> None:
    """Put queued mail on hold, and release it, for a guard that is not root.

    bmtick-guard-queue.socket starts it as root when the guard asks. It accepts queue ids of one
    account or machine, and touches only messages that belong to it.
    """
    from bmtick.guard.helper import serve
    from bmtick.guard.listen import open_socket
    from bmtick.guard.postfix import Postsuper
    from bmtick.incident.programs import Programs

    if path is not None:
        listener = open_socket(f"unix:{os.path.abspath(path)}", mode=0o660)  # noqa: PTH100
    elif os.environ.get("LISTEN_PID") == str(os.getpid()):
        listener = socket.socket(fileno=_FIRST)
    else:
        raise BmtickError(
            "no socket was handed over", remedy="systemctl start bmtick-guard-queue.socket"
        )
    with listener:
        serve(listener, Postsuper(Programs(config_dir)), idle)
