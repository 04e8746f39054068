"""Starts the web page of ``watch`` and ``guard`` from ``[web]`` of the settings."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

from bmtick.errors import BmtickError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bmtick.live.board import Board
    from bmtick.settings import Settings
    from bmtick.web.serve import Server


def serve(settings: Settings, board: Board, warn: Callable[[str], None]) -> Server | None:
    """Start the server of ``[web]``; return None if it is disabled.

    Raises:
        BmtickError: a library is missing, or the address is unusable or needs a token.
    """
    listen = settings.web.listen
    if not listen:
        return None
    try:
        from bmtick.web.app import Access, make_app
        from bmtick.web.hold_control import JournalHoldControl
        from bmtick.web.serve import Server, is_loopback, read_token, split
    except ImportError as error:
        raise BmtickError(
            f"[web] needs the library {error.name}",
            remedy="pipx inject bmtick 'bmtick[web]', or in a virtual environment: "
            "pip install 'bmtick[web]'",
        ) from None
    from bmtick.credentials import read_secret
    from bmtick.settings import setting_error

    token = read_token(settings.web.token_file, os.environ, read_secret)
    host, _ = split(listen)
    local = is_loopback(host)
    if not local and not token:
        shared = BmtickError(
            f"[web] listen: others could read the page on {listen}",
            remedy="set [web] token_file, or listen on 127.0.0.1 and come by ssh -L",
        )
        raise setting_error(settings, "web.listen", shared)
    hosts = (
        frozenset({"localhost", "127.0.0.1", "::1", host.lower()}) if local else frozenset[str]()
    )
    access = Access(token=token, open=local, hosts=hosts)
    hold_control = JournalHoldControl(
        settings.guard.state, settings.guard.helper, settings.guard.mode
    )
    try:
        server = Server(listen, make_app(board.snapshot, hold_control, access))
    except BmtickError as error:  # for example, watch or guard already uses the port
        warn(f"without a page: {error.message}")
        return None
    shown = f"[{host}]" if ":" in host else host
    actions = "with actions" if token else "read-only: [web] token_file allows actions"
    warn(f"the page is at http://{shown}:{server.address[1]}/ ({actions})")
    return server


def board_of(settings: Settings, state: str) -> Board:
    """Return a board with the incidents from the history of ``watch``, which is beside its state."""
    from bmtick.live.board import Board
    from bmtick.watch.history import path_of, read_history

    board = Board(settings.watch.host or socket.gethostname())
    if state:
        with contextlib.suppress(BmtickError):  # owned by another user: only new events are shown
            for record in read_history(path_of(state)):
                board.add_event(record)
    return board
