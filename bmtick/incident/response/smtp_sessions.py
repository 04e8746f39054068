"""Find open SMTP sessions in the log, and end them.

Neither a new password nor ``postfix reload`` ends a session that is already logged in (seen on
3.7.11). Killing the ``smtpd`` process ends it, but Postfix then treats the service as broken and
stops it for a minute (``bad command startup -- throttling``). So the connection itself is shut
down: ``smtpd`` sees that the client hangs up, does not queue the message in transfer, and serves
the next client. The descriptor is duplicated with ``pidfd_getfd(2)`` (Linux 5.6), so the checked
connection is the one that is shut down.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bmtick.collect import events as ev
from bmtick.collect.clock import LogClock
from bmtick.collect.postfix import events
from bmtick.errors import BmtickError
from bmtick.incident.logs import find_logs, open_lines
from bmtick.incident.networks import parse_address

# Anchored at the first bracket: foreign text later in a line may look like a log line.
_LINE = re.compile(
    rb"[^\[\]]*smtpd\[(?P<pid>[0-9]{1,10})\]: (?:(?P<what>connect from|disconnect from) "
    rb"[^ \[\]]*\[(?P<address>[^\] ]{1,64})\]|[0-9A-Za-z]{5,32}: client=)"
)
_LOG_SECONDS = 24 * 3600  # seconds of log that are read
_PIDFD_GETFD = 438  # the same on all architectures since Linux 5.6
_CLOCK_TOLERANCE = 5  # seconds that a log line may be older than the process that wrote it


@dataclass(frozen=True)
class SmtpSession:
    """One open session.

    Attributes:
        pid: of its ``smtpd``.
        peer: the client's address, as Postfix logs it.
        since: when it began, seconds since the epoch.
        clients: addresses that its messages came from: the peer, or those that a proxy named.
        logins: users who logged in and sent mail on it.
    """

    pid: int
    peer: str
    since: int
    clients: frozenset[str] = frozenset()
    logins: frozenset[str] = frozenset()


def read_sessions(paths: Iterable[str]) -> list[SmtpSession]:
    """Return the sessions without an end in the logs.

    Raises:
        BmtickError: a log is missing or unreadable.
    """
    logs = find_logs(tuple(paths), since=_LOG_SECONDS)
    found: dict[int, SmtpSession] = {}
    for file in logs.files:
        with open_lines(file.path) as lines:
            update_sessions(lines, LogClock(logs.newest, file.first), found)
    return list(found.values())


def update_sessions(lines: Iterable[bytes], clock: LogClock, found: dict[int, SmtpSession]) -> None:
    """Update the open sessions (by process) with some lines of a log."""
    for line in lines:
        match = _LINE.match(line) if b"smtpd[" in line else None
        if match is None:
            continue
        pid = int(match["pid"])
        if match["what"] == b"connect from":
            peer = match["address"].decode("ascii", "replace")
            found[pid] = SmtpSession(pid, peer, clock.read(line) or 0)
        elif match["what"]:
            found.pop(pid, None)
        elif pid in found:
            before = found[pid]
            for _, event in events(iter([line]), clock):
                if isinstance(event, ev.Client):
                    found[pid] = SmtpSession(
                        pid,
                        before.peer,
                        before.since,
                        before.clients | {event.client},
                        before.logins | ({event.sasl_username} - {""}),
                    )


def is_running(session: SmtpSession, master: int, proc: Path = Path("/proc")) -> bool:
    """Whether the process of a session is still the one in the log.

    Args:
        session: from the log.
        master: process id of this Postfix's ``master``, which must be its parent.
        proc: ``/proc``.
    """
    try:
        stat = (proc / str(session.pid) / "stat").read_text("utf-8", errors="replace")
        boot = (proc / "stat").read_text()
    except OSError:
        return False
    name, _, rest = stat.partition("(")[2].rpartition(")")
    fields = rest.split()
    began = float(re.search(r"^btime (\d+)", boot, re.MULTILINE)[1])  # type: ignore[index]
    began += int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return (
        name == "smtpd" and int(fields[1]) == master and began <= session.since + _CLOCK_TOLERANCE
    )


def master_of(spool: Path) -> int:
    """Return the process id of a spool's ``master``; 0 if Postfix is not running."""
    try:
        return int((spool / "pid" / "master.pid").read_text().strip())
    except (OSError, ValueError):
        return 0


def end(session: SmtpSession, master: int) -> bool:
    """Hang up on a session; return whether there was a connection to end.

    Raises:
        BmtickError: the kernel or missing privileges prevent it.
    """
    try:
        process = os.pidfd_open(session.pid)
    except ProcessLookupError:
        return False
    except OSError as error:
        raise _refused(session, error) from None
    try:
        # The process is pinned now: check again that it is the right one.
        if not is_running(session, master):
            return False
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(s) for s in _sockets(session, process)]
            ports = {
                _port(s) for s in sockets if s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            }
            ended = False
            for connection in sockets:
                if _peer(connection) == parse_address(session.peer) and _port(connection) in ports:
                    connection.shutdown(socket.SHUT_RDWR)
                    ended = True
            return ended
    except OSError as error:
        raise _refused(session, error) from None
    finally:
        os.close(process)


def _sockets(session: SmtpSession, process: int) -> Iterator[socket.socket]:
    """Yield duplicates of a process's network sockets: listening ones and connections."""
    libc = ctypes.CDLL(None, use_errno=True)
    for path in Path(f"/proc/{session.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if not str(path.readlink()).startswith("socket:"):
                continue
            copy = libc.syscall(_PIDFD_GETFD, process, int(path.name), 0)
            if copy < 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
            one = socket.socket(fileno=copy)
            if one.family in (socket.AF_INET, socket.AF_INET6):
                yield one
            else:
                one.close()


def _port(connection: socket.socket) -> int:
    return int(connection.getsockname()[1])


def _peer(connection: socket.socket) -> object:
    try:
        return parse_address(connection.getpeername()[0])
    except OSError:
        return None


def _refused(session: SmtpSession, error: OSError) -> BmtickError:
    return BmtickError(
        f"cannot end the session of smtpd[{session.pid}]: {error.strerror}",
        remedy=f"as root: ss -K dst '[{session.peer}]'"
        if ":" in session.peer
        else f"as root: ss -K dst {session.peer}",
    )
