"""How a collector ends, so that what it printed is taken or printed again.

Source: Telegraf 1.26 ``internal/exec_unix.go`` (a command that gets SIGTERM at its timeout and ends
with status 0 counts as well done, any other status drops all that it printed) and
``internal/process/process.go`` (``Wait`` closes the pipe of a process that ends, read or not).
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable

GRACE = 2.0  # seconds that a reader has to take what was printed
_LATE = 0.2  # seconds between the end of a parent's pipes and that of the parent
_PIDFD_GET_INFO, _EXIT_INFO = 0xC040FF0B, 1 << 3  # <linux/pidfd.h>
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


def after_good_end(act: Callable[[], None]) -> None:
    """Have something done once this process has ended with status 0, and only then.

    Telegraf drops what a command printed that was killed, be it at its very last system call, so
    nothing that a process does itself can say that it ended well. A child does it: the kernel
    closes the last end of a pipe while a process dies, before who waits for it is told, and the
    child looks for the status then. The child holds stdout: who reads the output to its end has
    waited for it. Where nobody reads stdout by a pipe, and where no child can be made, it is done
    at once.
    """
    child = -1
    try:
        if stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode):
            handle = os.pidfd_open(os.getpid())
            status = os.open("/proc/self/stat", os.O_RDONLY | os.O_CLOEXEC)
            ended, lives = os.pipe()  # the second is closed by the end of this process
            child = os.fork()
    except OSError:
        child = -1
    if child < 0:
        act()
    if child:
        return
    try:
        os.close(lives)
        os.read(ended, 1)
        if _ended_well(status, handle):
            act()
    finally:
        os._exit(0)


def _ended_well(status: int, handle: int) -> bool:
    """Whether a process ended with 0.

    Args:
        status: its open ``/proc/PID/stat``, whose last field says it until somebody waited for it.
        handle: its pidfd, which says it from then on (Linux 6.15; ``struct pidfd_info``).
    """
    try:
        return os.pread(status, 4096, 0).split()[-1] == b"0"
    except OSError:
        import fcntl

    info = bytearray(_EXIT_INFO.to_bytes(8, sys.byteorder).ljust(64, b"\0"))
    try:
        fcntl.ioctl(handle, _PIDFD_GET_INFO, info)
    except OSError:
        return True  # its parent was faster, and the kernel is older: as likely as ever
    return int.from_bytes(info[60:], sys.byteorder) == 0


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
