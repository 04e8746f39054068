"""A program killed at its n-th system call, counted over it and all that it starts, by ptrace(2).

``strace -e inject`` counts each name for itself, and a number that fits a call in one run (``brk``,
``mmap``) fits another one in the next; here the calls are counted as they come. The program is a
function, so a run costs a fork and not the start of an interpreter.
"""

import ctypes
import fcntl
import io
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

TRACE_ME, CONTINUE_TO_CALL, SET_OPTIONS, GET_CHILD, GET_CALL = (
    0,
    24,
    0x4200,
    0x4201,
    0x420E,
)  # <linux/ptrace.h>
MARK_CALLS, FOLLOW, KILL_WITH_TRACER = 1, 2 | 4 | 8, 0x100000
CHILD_STARTED = (1, 2, 3)  # fork, vfork, clone
ALL_CHILDREN = 0x40000000  # __WALL
PIPE_SIZE = 1 << 20  # bytes: a run's output fits, so nobody has to read while it runs
SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ
_libc = ctypes.CDLL(None, use_errno=True)


class _Call(ctypes.Structure):
    """The beginning of ``struct ptrace_syscall_info``, of an entry."""

    _fields_ = (
        ("kind", ctypes.c_uint64), ("pointer", ctypes.c_uint64), ("stack", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
    )  # fmt: skip


@dataclass
class Run:
    """What became of a program.

    Attributes:
        status: of the program; -9 where it was killed.
        printed: all of its stdout.
        calls: the number of each system call, in order.
    """

    status: int = 0
    printed: bytes = b""
    calls: list[int] = field(default_factory=list)


def possible() -> bool:
    """Whether this machine lets a process trace its children."""
    try:
        return run(lambda: 3, 10_000).status == 3
    except OSError:
        return False


def run(
    program: Callable[[], int],
    kill_at: int | None = None,
    *,
    watch: Callable[[int, int], None] = lambda call, stdout: None,
    stdin: int | None = None,
) -> Run:
    """Run a program to its end, and that of all that it starts.

    Args:
        program: returns its exit status; its stdout is a pipe.
        kill_at: the index in ``calls`` of the one at whose entry SIGKILL comes; None: nothing is
            traced.
        watch: told the number of each call at its entry, and the pipe to read.
        stdin: its stdin.
    """
    reader, writer = os.pipe()
    fcntl.fcntl(writer, SET_PIPE_SIZE, PIPE_SIZE)
    first = os.fork()
    if first == 0:
        status = 127
        try:
            os.dup2(writer, 1)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            os.dup2(os.open(os.devnull, os.O_RDONLY) if stdin is None else stdin, 0)
            os.closerange(3, 1024)
            sys.stdin, sys.stdout = io.TextIOWrapper(io.FileIO(0)), _writer(1)
            sys.stderr = _writer(2)
            if kill_at is not None:
                _libc.ptrace(TRACE_ME, 0, 0, 0)
                os.kill(os.getpid(), signal.SIGSTOP)
            status = program()
            sys.stdout.flush()
        finally:
            os._exit(status)
    os.close(writer)
    done = Run()
    try:
        if kill_at is not None:
            _follow(first, done, kill_at, lambda call: watch(call, reader))
        done.printed = b"".join(iter(lambda: os.read(reader, 1 << 16), b""))
        if kill_at is None:
            done.status = os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
    finally:
        os.close(reader)
    return done


def _writer(fd: int) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedWriter(io.FileIO(fd, "w")))


def _follow(first: int, done: Run, kill_at: int, watch: Callable[[int], None]) -> None:
    alive = {first}
    inside: set[int] = set()
    ready = False
    while alive:
        pid, status = os.waitpid(-1, ALL_CHILDREN)
        alive.add(pid)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            alive.discard(pid)
            if pid == first:
                done.status = os.waitstatus_to_exitcode(status)
            continue
        stopped = os.WSTOPSIG(status)
        deliver = 0
        if not ready:
            ready = True
            _libc.ptrace(SET_OPTIONS, pid, 0, MARK_CALLS | FOLLOW | KILL_WITH_TRACER)
        elif stopped == signal.SIGTRAP | 0x80:
            inside ^= {pid}
            if pid in inside:
                call = _Call()
                _libc.ptrace(GET_CALL, pid, ctypes.sizeof(call), ctypes.byref(call))
                done.calls.append(call.number)
                if len(done.calls) - 1 == kill_at:
                    os.kill(pid, signal.SIGKILL)
                watch(call.number)
        elif status >> 16 in CHILD_STARTED:  # known before it stops: its parent may die first
            child = ctypes.c_ulong()
            _libc.ptrace(GET_CHILD, pid, 0, ctypes.byref(child))
            if child.value:
                alive.add(child.value)
        elif stopped not in (signal.SIGTRAP, signal.SIGSTOP):
            deliver = stopped
        _libc.ptrace(CONTINUE_TO_CALL, pid, 0, deliver)
