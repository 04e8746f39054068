"""How a collector ends, so that what it printed is taken or printed again.

Source: Telegraf 1.26 ``internal/exec_unix.go`` (a command that gets SIGTERM at its timeout and ends
with status 0 counts as well done, any other status drops all that it printed) and
``internal/process/process.go`` (``Wait`` closes the pipe of a process that ends, read or not).
"""

from __future__ import annotations

import os
import stat
import time

GRACE = 2.0  # seconds that a reader has to take what was printed
_LATE = 0.2  # seconds between the end of a parent's pipes and that of the parent
_STEP = 0.0002  # seconds of the first wait; each next one is twice as long


class Shutdown:
    """What ends a collector that stays: nothing between two runs."""

    def print_begins(self) -> None:
        """Know that something is printed from now on."""

    def is_near(self) -> bool:
        """Whether to end before all that is new was read."""
        return False


class StayingShutdown(Shutdown):
    """SIGTERM ends a process that stays after the step that it is at."""

    def __init__(self) -> None:
        self.near = False

    def begin(self, *_: object) -> None:
        """Take a signal."""
        self.near = True

    def is_near(self) -> bool:
        """Whether the signal came."""
        return self.near


class OnceShutdown(Shutdown):
    """SIGTERM waits while a run prints, for what it printed counts only with a good end."""

    def print_begins(self) -> None:
        """Hold SIGTERM from now on."""
        import _signal as signal  # type: ignore[import-not-found] # signal imports enum, 3 ms

        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def is_near(self) -> bool:
        """Whether a SIGTERM waits."""
        import _signal as signal  # signal imports enum, 3 ms

        return signal.SIGTERM in signal.sigpending()


def is_taken(fd: int, timeout: float = GRACE) -> bool:
    """Wait until a reader took all that was written into a pipe.

    Returns:
        False where the reader is gone, with or without it; True where it took all, where there is
        no pipe, and where it is there but slow.
    """
    if not stat.S_ISFIFO(os.fstat(fd).st_mode):
        return True
    import fcntl
    import select
    import termios

    ends = select.poll()
    ends.register(fd, 0)  # the end of the reader alone
    deadline = time.monotonic() + timeout
    step = _STEP
    while True:
        left = fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4)
        if left == b"\0" * 4:
            return True
        if ends.poll(0):
            return False
        if time.monotonic() >= deadline:
            return True
        time.sleep(step)
        step = min(2 * step, 0.05)


def is_orphan(parent: int) -> bool:
    """Whether the process that started this one died, whose pipes are closed a moment before."""
    deadline = time.monotonic() + _LATE
    while os.getppid() == parent:
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)
    return True


def identity(pid: int) -> list[int]:
    """Return what tells a process from a later one of its number: number and start, in ticks."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # the name in brackets may hold spaces; the start is field 22
            return [pid, int(file.read().rpartition(b")")[2].split()[19])]
    except (OSError, ValueError, IndexError):
        return [pid, 0]


def is_telegraf(pid: int) -> bool:
    """Whether a process is Telegraf, by the name of its program."""
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            return file.read().strip() == b"telegraf"
    except OSError:
        return False
