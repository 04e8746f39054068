"""``bmtick watch``: collector, engine and mail in one process, without a TICK stack."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bmtick.cli import _notify, _web
from bmtick.cli.common import config_option, load_settings, mail_dir_option
from bmtick.durations import SECOND, parse_duration
from bmtick.errors import EXIT_FINDING, BmtickError, Location, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bmtick.alerts import Rendered
    from bmtick.collect.emit import Row
    from bmtick.engine import AlertEvent
    from bmtick.engine.queries import QueryRunner
    from bmtick.live.board import Board
    from bmtick.settings import Settings
    from bmtick.watch.channels import Channels
    from bmtick.watch.digest import Digests
    from bmtick.watch.service import Status, Watch
    from bmtick.watch.source import Collector

_TICK = 1.0  # seconds between two reads of the log
_BUCKET = 2  # default in seconds: an alert waits for the end of its bucket
_GRACE = 3.0  # seconds for running deliveries when the watch stops


# Nodes that count missing data, by the server's clock.
_SILENCE = re.compile(r"^\s*\|(stats|deadman)\(", re.MULTILINE)


@click.command()
@click.option("--once", is_flag=True, help="Process what is there, deliver, and end.")
@click.option("--from-start", is_flag=True, help="Without a state, read the logs from the start.")
@click.option("--log", "logs", multiple=True, help="Log instead of the settings'; repeatable.")
@click.option("--state", help="Where all is kept. Default: the settings', [watch] state.")
@click.option("--no-state", is_flag=True, help="Keep nothing.")
@mail_dir_option
@click.option("--test-mail", is_flag=True, help="Send a test by mail and each channel, and end.")
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    once: bool,
    from_start: bool,
    logs: tuple[str, ...],
    state: str | None,
    no_state: bool,
    mails: str | None,
    test_mail: bool,
) -> None:
    """Watch this machine's mail log and queue; send alerts by mail, channels, post, exec, log.

    The alerts are those that the settings enable, the same that 'bmtick apply' deploys. State
    survives a restart. SIGTERM ends it, SIGHUP reloads the settings. With --once and no state,
    the logs are read from their start. The exit status is 1 if a delivery failed, also with
    --test-mail.
    """
    stop = _Stop()
    settings = load_settings(ctx)
    if test_mail:
        sys.exit(_notify.test_all(settings, mails))
    screen = _Screen()
    path = "" if no_state else state or settings.watch.state
    board = _web.board_of(settings, path)
    watch = _watch(settings, logs, path, mails, screen, board, once=once)
    watch.start(from_start=from_start or once, now=time.time())
    server = None if once else _web.serve(settings, board, screen.warn)
    status = None
    try:
        while not stop.asked and not stop.again:
            status = watch.tick(time.time(), lambda: stop.asked)
            if once:
                watch.tell_all(time.time())
                break
            screen.status(status)
            stop.wait(_TICK)
            if stop.reload:
                stop.reload = False
                stop.again = _usable(ctx, screen)
        while once and watch.busy and not stop.asked:
            watch.finish(time.time(), _TICK)
        watch.finish(time.time(), _GRACE)
    finally:
        if server:
            server.stop()
        watch.stop()
        screen.clear()
    if stop.again and not stop.asked:
        _restart()
    if once and status:
        status = watch.status(time.time())
        click.echo(screen.line(status), err=True)
        if status.waiting:
            sys.exit(EXIT_FINDING)


def _usable(ctx: click.Context, screen: _Screen) -> bool:
    """Whether the current settings are valid; an error is printed."""
    from bmtick.alerts import desired, require_recipients
    from bmtick.watch.handlers import check_handlers

    try:
        settings = load_settings(ctx)
        alerts = desired(settings)
        require_recipients(settings, alerts)
        check_handlers(alerts)
        _asking(settings, alerts)
        _digests(settings, alerts, "")
        _notify.channels(settings)
        if not alerts:
            raise BmtickError("the settings enable no alert")
    except BmtickError as error:
        said = str(error).partition("\n")[0]  # only the first line, for the journal
        screen.warn(f"the settings stay as they were: {said}")
        return False
    screen.warn("the settings are reloaded")
    return True


def _restart() -> None:
    """Replace this process by one with the new settings; the state contains all it needs."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the new process handles it
    signal.set_wakeup_fd(-1)
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 -- this program itself


class _Stop:
    """Whether SIGTERM, SIGINT or SIGHUP was received; a signal also ends a wait."""

    def __init__(self) -> None:
        self.asked = self.reload = self.again = False
        self._reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, number: int, _frame: Any) -> None:
        if number == signal.SIGHUP:
            self.reload = True
        else:
            self.asked = True

    def wait(self, seconds: float) -> None:
        import select

        select.select([self._reader], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, 64)


class _Screen:
    """stderr: a status line on a terminal; warnings and events have one line each everywhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._shown = False

    def clear(self) -> None:
        if self._shown:
            click.echo("\r\x1b[K", err=True, nl=False)
            self._shown = False

    def warn(self, text: str) -> None:
        self.clear()
        click.echo(f"bmtick: {printable(text)}", err=True)

    def tell(self, event: AlertEvent, silence: str) -> None:
        self.clear()
        muted = f" (muted by {silence})" if silence else ""
        click.echo(printable(f"{event.level} {event.id}: {event.message}{muted}"), err=True)

    def line(self, status: Status) -> str:
        when = time.strftime("%H:%M:%S", time.localtime(status.now))
        return (
            f"{when}  {status.alerts} alerts, {status.firing} firing, "
            f"{status.points:,} points, {status.events} events, {status.waiting} waiting"
        )

    def status(self, status: Status) -> None:
        if self._terminal:
            text = self.line(status)[: shutil.get_terminal_size().columns - 1]
            click.echo(f"\r\x1b[K{text}", err=True, nl=False)
            self._shown = True


def _watch(
    settings: Settings,
    logs: tuple[str, ...],
    state: str,
    mails: str | None,
    screen: _Screen,
    board: Board,
    *,
    once: bool,
) -> Watch:
    from bmtick.alerts import desired, require_recipients
    from bmtick.collect.state import StateFile
    from bmtick.watch.dispatch import Threads
    from bmtick.watch.handlers import check_handlers
    from bmtick.watch.history import History, line_of, path_of
    from bmtick.watch.outbox import Outbox
    from bmtick.watch.recorder import Recorder
    from bmtick.watch.service import Watch
    from bmtick.watch.silences import SilenceFile, Silences, groups_of
    from bmtick.watch.tail import Observed
    from bmtick.watch.tasks import Tasks

    alerts = desired(settings)
    if not alerts:
        raise BmtickError(
            "the settings enable no alert",
            remedy="write sections such as [alerts.postfix_queue]; 'bmtick alerts' lists them",
        )
    require_recipients(settings, alerts)
    check_handlers(alerts)
    if once and (silent := [alert for alert in alerts if _SILENCE.search(alert.script)]):
        names = ", ".join(alert.name for alert in silent)
        screen.warn(f"{names} left out: what runs once cannot tell that points stay away")
        alerts = [alert for alert in alerts if alert not in silent]
    ask = _asking(settings, alerts)
    host = settings.watch.host or socket.gethostname()
    channels = _notify.channels(settings)
    collector = collector_of(settings, logs, host, screen.warn, state, ended=once)
    for line in _start_lines(alerts, collector, channels):
        screen.warn(line)

    def tell(event: AlertEvent, silence: str) -> None:
        screen.tell(event, silence)
        board.add_event_line(line_of(event, silence))

    return Watch(
        Observed(collector, board),
        Tasks(alerts, host, screen.warn, ask=ask, at_once=once),
        Outbox(
            settings.watch.max_queue_length,
            parse_duration(settings.watch.max_retry_age) / SECOND,
            screen.warn,
            gather=settings.notify.gather,
            digests=_digests(settings, alerts, host),
        ),
        Threads(_notify.notifier(settings, mails, channels).deliver),
        StateFile(state) if state else None,
        warn=screen.warn,
        tell=tell,
        recorder=Recorder(
            Silences(SilenceFile(state), groups_of(alerts), screen.warn) if state else None,
            History(path_of(state), screen.warn) if state else None,
            channels.handlers,
        ),
    )


def _digests(settings: Settings, alerts: Sequence[Rendered], host: str) -> Digests | None:
    """Return the digests; None if the settings disable them.

    Raises:
        BmtickError: there is no recipient.
    """
    from bmtick.watch.digest import Digests
    from bmtick.watch.digest_counts import Schedule
    from bmtick.zones import local_zone

    notify = settings.notify
    if notify.digest == "off":
        return None
    named = [str(to) for alert in alerts for to in alert.values.get("recipients") or ()]
    recipients = list(notify.recipients) or list(dict.fromkeys(named))
    if not recipients:
        raise BmtickError(
            f'[notify] digest = "{notify.digest}" is for nobody', remedy="set [notify] recipients"
        )
    schedule = Schedule(notify.digest, notify.digest_at, notify.digest_day, local_zone())
    return Digests(schedule, host, recipients)


def _asking(settings: Settings, alerts: Sequence[Rendered]) -> QueryRunner | None:
    """Return a function that runs the alerts' queries; None if there are no queries.

    Raises:
        BmtickError: an alert queries InfluxDB, and the settings have none.
    """
    from bmtick.cli._influxdb import asking
    from bmtick.settings import has_section

    names = [alert.name for alert in alerts if alert.alert.batch]
    if not names:
        return None
    if not has_section(settings, "influxdb"):
        raise BmtickError(
            f"[alerts.{names[0]}] asks InfluxDB, and the settings name none",
            location=Location(settings.path) if settings.path else None,
            remedy="write [influxdb] with its url, or enabled = false for this alert",
        )
    return asking(settings)


def _start_lines(
    alerts: Sequence[Rendered], collector: Collector, channels: Channels
) -> Iterator[str]:
    """Yield lines that describe what is watched and who is notified."""
    names = ", ".join(alert.name for alert in alerts)
    yield f"watches {collector.watched} for {len(alerts)} alert{'s' * (len(alerts) != 1)}: {names}"
    told = [str(to) for alert in alerts for to in alert.values.get("recipients") or ()]
    told += [kind for alert in alerts for kind in alert.handlers if kind != "email"]
    told += [f"channel {name}" for name in channels.services]
    yield f"tells {', '.join(dict.fromkeys(told)) or 'nobody'}"


def collector_of(
    settings: Settings,
    logs: tuple[str, ...],
    host: str,
    warn: Callable[[str], None],
    state: str = "",
    *,
    ended: bool = False,
) -> Collector:
    """Return the collector over the settings' logs, or over the given ones."""
    from bmtick.collect.options import Options
    from bmtick.collector_options import read_logs
    from bmtick.settings import Collect
    from bmtick.watch.source import Collector

    collect = settings.collect
    options = Options.of(collect)
    if collect.interval == Collect().interval:
        options.interval = _BUCKET
    seen = collect.queue == "on" or (collect.queue == "auto" and Path(collect.spool).is_dir())
    return Collector(
        logs or read_logs(collect.logs),
        options,
        spool=collect.spool if seen else "",
        guard=settings.guard.points,
        tags={"host": host, "datalocation": settings.watch.datalocation},
        warn=warn,
        state=state,
        ended=ended,
        listings=None if ended else _listings(settings, warn),
    )


def _listings(
    settings: Settings, warn: Callable[[str], None]
) -> Callable[[float, float], list[Row]] | None:
    """Return a function that queries the block lists once an hour; None if none are configured."""
    used = {str(table.get("use", name)) for name, table in settings.alerts.items()}
    if not settings.blocklists.lists or "blocklisted" not in used:
        return None
    from bmtick.incident.audit.blocklists import Listing, public_addresses, query_lists, resolver
    from bmtick.incident.programs import Programs
    from bmtick.watch.listed import HourlyListings

    chosen = settings.blocklists

    def look() -> list[Listing]:
        addresses = public_addresses(Programs(""), chosen.addresses)
        return query_lists(addresses, chosen.lists, resolver(chosen.resolver))

    return HourlyListings(look, warn).rows
