"""``bmtick`` as a process, started a hundred times in a moment.

A server, started once by a test process, has imported the whole program and forks for each run:
a run costs some milliseconds, not the imports again. What it runs is a process like any other,
with its own streams, folder, environment and exit status, and may be killed; but its parent is
the server. What is about a start itself (what is imported, ``BMTICK_PURE``) wants a real one.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[2]
_STREAMS = 3


def run(
    *arguments: str,
    stdin: bytes = b"",
    cwd: str | Path = ROOT,
    env: Mapping[str, str] | None = None,
    kill_after: float | None = None,
) -> subprocess.CompletedProcess:
    """Run ``bmtick`` with these arguments to its end; its streams are bytes.

    ``env`` is added to the environment; ``kill_after`` so many seconds it is killed.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(_STREAMS)]
        files[0].write(stdin)
        files[0].seek(0)
        what = {
            "arguments": arguments,
            "cwd": str(cwd),
            "env": {**os.environ, **(env or {})},
            "kill_after": kill_after,
        }
        status = _ask(what, [file.fileno() for file in files])
        for file in files:
            file.seek(0)
        return subprocess.CompletedProcess(arguments, status, files[1].read(), files[2].read())


def run_text(*arguments: str, **options: object) -> subprocess.CompletedProcess:
    """Do the same; its streams are text."""
    done = run(*arguments, **options)
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


_SERVER: list[str] = []


def _ask(what: dict, fds: list[int]) -> int:
    if not _SERVER:
        _SERVER.append(_start())
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(_SERVER[0])
        message = json.dumps(what).encode()
        connection.sendall(len(message).to_bytes(4, "big"))
        socket.send_fds(connection, [message[:1]], fds)
        connection.sendall(message[1:])
        answer = connection.recv(4, socket.MSG_WAITALL)
    assert len(answer) == 4, "the server of tests/support/program.py died"
    return int.from_bytes(answer, "big", signed=True)


def _start() -> str:
    folder = tempfile.TemporaryDirectory(prefix="bmtick-program-")
    path = f"{folder.name}/socket"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.support.program", str(listener.fileno())],
        pass_fds=[listener.fileno()],
        stdin=subprocess.PIPE,  # it ends when this end is closed, however that comes
        cwd=ROOT,
    )
    listener.close()

    def end() -> None:
        server.stdin.close()
        server.wait()
        folder.cleanup()

    atexit.register(end)
    return path


# -- the server ---------------------------------------------------------------------------------


def _serve(listener: socket.socket) -> None:
    import gc
    import importlib
    import pkgutil

    import bmtick

    for module in pkgutil.walk_packages(bmtick.__path__, "bmtick."):
        if not module.name.startswith(("bmtick._", "bmtick.__main__")):
            importlib.import_module(module.name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    while listener in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _keep(connection)
        connection.close()


def _keep(connection: socket.socket) -> None:
    """Start one program, wait for its end, tell of it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size = int.from_bytes(connection.recv(4, socket.MSG_WAITALL), "big")
    first, fds, _, _ = socket.recv_fds(connection, 1, _STREAMS)
    what = json.loads(first + connection.recv(size - 1, socket.MSG_WAITALL))
    pid = os.fork()
    if pid == 0:
        for number, fd in enumerate(fds):
            os.dup2(fd, number)
        os.closerange(_STREAMS, 1024)
        _become(what)
    if what["kill_after"] is not None:
        end = os.pidfd_open(pid)
        if not select.select([end], [], [], what["kill_after"])[0]:
            os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))
    os._exit(0)


def _become(what: dict) -> None:
    """Be ``python -m bmtick ARGUMENTS``."""
    import threading
    import time
    import traceback

    os.chdir(what["cwd"])
    os.environ.clear()
    os.environ.update(what["env"])
    time.tzset()
    sys.argv = ["bmtick", *what["arguments"]]
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, errors=errors)
        for number, mode, errors in ((0, "r", None), (1, "w", None), (2, "w", "backslashreplace"))
    )
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    status = 0
    try:
        from bmtick.cli import main

        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 -- whatever ends a program
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
