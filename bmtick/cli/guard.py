"""``bmtick guard``: Postfix's policy service."""

from __future__ import annotations

import socket
import sys
import time
from binascii import crc32
from typing import TYPE_CHECKING

import click

from bmtick.cli._guard import state_option
from bmtick.cli._logs import config_dir_option, log_option
from bmtick.cli.common import config_option, load_settings, mail_dir_option
from bmtick.errors import BmtickError, printable

_LEARNING = 3.0  # seconds to read the log before the first answer; the rest is read later
_QUIET = 600.0  # seconds between two equal warnings of the log's reader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bmtick.guard.holds import Hold
    from bmtick.guard.log import LogReader
    from bmtick.guard.memory import GuardMemory
    from bmtick.guard.notify import HoldNotifier
    from bmtick.guard.service import Service
    from bmtick.settings import Settings
    from bmtick.watch.tail import Tail
    from bmtick.web.serve import Server


@click.command()
@click.option(
    "--listen", help="inet:HOST:PORT or unix:PATH. Default: the settings', [guard] listen."
)
@click.option(
    "--mode", type=click.Choice(["observe", "hold"]), help="Default: the settings', [guard] mode."
)
@click.option("--print-postfix", is_flag=True, help="Print how Postfix is told to ask it, and end.")
@state_option
@log_option
@config_dir_option
@mail_dir_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    listen: str | None,
    mode: str | None,
    print_postfix: bool,
    state: str | None,
    logs: tuple[str, ...],
    config_dir: str,
    mails: str | None,
) -> None:
    """Hold the mail of an account or machine while it sends spam.

    Postfix asks it once per message (--print-postfix shows how to enable that). It answers DUNNO,
    or HOLD for a held sender; it never refuses mail. Mode observe holds nobody and only records
    whom the guard would have held. Runs until SIGTERM.
    """
    settings = load_settings(ctx)
    settings = _with_options(settings, state, mode)
    listen = listen or settings.guard.listen
    if print_postfix:
        from bmtick.guard.setup import print_lines
        from bmtick.incident.programs import Programs

        click.echo(print_lines(listen, Programs(config_dir)), nl=False)
        return
    from bmtick.guard.listen import open_socket

    service = _service(settings, logs, config_dir, mails)
    page = _page(settings)
    try:
        sock = open_socket(listen)
        if service.reader is not None:
            service.reader.start()
            service.reader.learned.wait(_LEARNING)
        service.run(sock, lambda: click.echo("ready", err=True))
    finally:
        if page:
            page[0].stop()
            page[1].stop()
        service.journal.close()
    sys.stderr.flush()


def _with_options(settings: Settings, state: str | None, mode: str | None) -> Settings:
    import msgspec

    given = {name: value for name, value in (("state", state), ("mode", mode)) if value}
    guard = msgspec.structs.replace(settings.guard, **given)
    return msgspec.structs.replace(settings, guard=guard)


def _page(settings: Settings) -> tuple[Server, Tail] | None:
    """Serve the page of ``[web]``; an error in it does not stop the guard."""
    from bmtick.cli import _web
    from bmtick.cli.watch import collector_of
    from bmtick.watch.tail import Tail

    if not settings.web.listen:
        return None
    board = _web.board_of(settings, settings.watch.state)
    try:
        server = _web.serve(settings, board, _warn)
    except BmtickError as error:
        _warn(str(error))
        return None
    if server is None:
        return None
    host = settings.watch.host or socket.gethostname()
    tail = Tail(collector_of(settings, (), host, _warn), board.feed, _warn)
    try:
        tail.start()
    except BmtickError as error:
        _warn(f"the page has no figures: {error}")
    return server, tail


def _warn(text: str) -> None:
    click.echo(f"bmtick: {printable(text)}", err=True)


def _service(
    settings: Settings, logs: tuple[str, ...], config_dir: str, mails: str | None
) -> Service:
    from bmtick.collect.known import KnownClients
    from bmtick.guard.core import Guard
    from bmtick.guard.detector import MemoryDetector, scales
    from bmtick.guard.helper import choose_queue_holder
    from bmtick.guard.holds import Journal
    from bmtick.guard.memory import GuardMemory
    from bmtick.guard.publish import Publisher
    from bmtick.guard.service import Service
    from bmtick.incident.programs import Programs

    programs = Programs(config_dir)
    publish = Publisher(settings.guard.points)
    journal = Journal(settings.guard.state)
    journal.lock()
    memory = GuardMemory()
    reader = _reader(settings, logs, memory, journal.path.with_suffix(".memory"))
    known = KnownClients(settings.collect.known_clients)
    sender = settings.smtp.sender or f"bmtick@{socket.getfqdn()}"
    recipients = settings.notify.recipients
    guard = Guard(
        journal,
        MemoryDetector(
            memory,
            scales(settings),
            (settings.guard.factor, settings.guard.user_factor),
            is_trusted=lambda client: client.removesuffix("/64") in known,
            is_ours=reader.is_ours,
        ),
        settings.guard.mode,
        clock=time.time,
        warn=_warn,
        own=(sender.lower(), frozenset(to.lower() for to in recipients)),
    )
    return Service(
        guard,
        journal,
        choose_queue_holder(programs, settings.guard.helper),
        _notifier(settings, sender, recipients, mails),
        lambda guard: publish(guard, time.time()),
        reader,
    )


def _reader(
    settings: Settings, logs: tuple[str, ...], memory: GuardMemory, path: Path
) -> LogReader:
    from bmtick.collect.options import Options
    from bmtick.guard.log import LogReader

    collect = settings.collect
    options = Options(
        interval=1, known=collect.known_clients, blocked=collect.blocked_patterns, now=time.time()
    )
    said: dict[str, float] = {}

    def warn(text: str) -> None:
        now = time.monotonic()
        if now - said.get(text, -_QUIET) >= _QUIET:
            said[text] = now
            _warn(text)

    return LogReader(logs or collect.logs, options, memory, path, warn)


def _notifier(
    settings: Settings, sender: str, recipients: list[str], mails: str | None
) -> HoldNotifier:
    """Return a notifier that mails each hold to the [notify] recipients."""
    from bmtick.guard.notify import HoldNotifier

    host = settings.watch.host or socket.gethostname()

    def send(holds: Sequence[Hold], recipient: str) -> None:
        # The mail modules take 4 MiB and are rarely needed.
        from bmtick.cli._notify import mailer as mailer_of
        from bmtick.guard.hold_mail import write_hold_mail
        from bmtick.watch.failure import DeliveryError, PermanentError
        from bmtick.watch.mail import compose

        # One mail each: the guard recognises its own mail by its single recipient.
        hold, count = holds[0], len(holds)
        key = f"guard.{int(hold.since * 1000)}.{crc32(f'{hold.who} {count} {recipient}'.encode()):08x}"
        try:
            mail = compose(write_hold_mail(holds, host), sender, [recipient], key, hold.since)
            mailer_of(settings, mails).send(mail)
        except PermanentError as error:
            raise ValueError(str(error)) from None
        except DeliveryError as error:
            raise BmtickError(str(error)) from None

    return HoldNotifier(recipients, send, _warn)
