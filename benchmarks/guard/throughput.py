"""``python -m benchmarks.guard.throughput``: Postfix without, with an empty policy service, with the guard.

1,000 messages over ten sessions at once into a real Postfix (as root), which delivers them to a
server on loopback; rounds in turn. The empty service answers DUNNO and does nothing else: what it
costs is the price of any policy service. The seconds until all are taken, and the CPU that Postfix
and the service needed for them: on a machine that does other things, too, the former say little.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from tests.guard.support import asking, guard
from tests.support.postfix import Postfix, postfix
from tests.support.servers import free_port

_SESSIONS = 10


def _round(server: Postfix, messages: int) -> float:
    """Return the seconds until all messages are taken."""

    def session(number: int) -> None:
        user = f"user{number}@example.org"
        with server.connect(user=user, password="secret") as smtp:
            for n in range(messages // _SESSIONS):
                server.submit(user, [f"r{n}@example.net"], session=smtp)

    threads = [threading.Thread(target=session, args=(n,)) for n in range(_SESSIONS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - start
    server.wait_until_empty(300)
    return took


def _cpu(pid: int) -> float:
    """Return the seconds that a process has worked."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _of_all(server: Postfix) -> float:
    """Return the seconds that Postfix's processes have worked, those that have ended, too."""
    master = int((server.queue_directory / "pid" / "master.pid").read_text())
    total = 0.0
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            fields = status.read_text().rpartition(")")[2].split()
            if int(fields[1]) == master or status.parent.name == str(master):
                total += int(fields[11]) + int(fields[12])
                if status.parent.name == str(master):
                    total += int(fields[13]) + int(fields[14])
    return total / os.sysconf("SC_CLK_TCK")


_EMPTY = """
import select, socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
epoll, open_ = select.epoll(), {}
epoll.register(listener.fileno(), select.EPOLLIN)
while True:
    for fd, _ in epoll.poll():
        if fd == listener.fileno():
            sock, _ = listener.accept()
            open_[sock.fileno()] = sock
            epoll.register(sock.fileno(), select.EPOLLIN)
        elif not (data := open_[fd].recv(65536)):
            epoll.unregister(fd)
            open_.pop(fd).close()
        elif data.endswith(b"\\n\\n"):
            open_[fd].send(b"action=DUNNO\\n\\n")
"""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard.throughput")
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args(arguments)
    port, empty_port = free_port(), free_port()
    users = {f"user{n}@example.org": "secret" for n in range(_SESSIONS)}
    ways: dict[str, list[tuple[float, float, float]]] = {"none": [], "empty": [], "guard": []}
    with tempfile.TemporaryDirectory() as name, postfix(users=users) as server:
        empty = subprocess.Popen([sys.executable, "-c", _EMPTY, str(empty_port)])
        options = ("--mode", "hold", "--log", str(server.log))
        try:
            with guard(Path(name) / "g", *options, port=port) as running:
                processes = {"none": 0, "empty": empty.pid, "guard": running.process.pid}
                _round(server, given.messages)  # warm
                for _ in range(given.rounds):
                    for way, pid in processes.items():
                        ask = {"none": "", "empty": empty_port, "guard": port}[way]
                        value = asking(int(ask))["smtpd_end_of_data_restrictions"] if ask else ""
                        server.command("postconf", "-e", f"smtpd_end_of_data_restrictions={value}")
                        server.command("postfix", "reload")
                        time.sleep(1)
                        before = _of_all(server), _cpu(pid) if pid else 0.0
                        took = _round(server, given.messages)
                        of_service = _cpu(pid) - before[1] if pid else 0.0
                        ways[way].append((took, _of_all(server) - before[0], of_service))
        finally:
            empty.terminate()
            empty.wait()
    print("| | without | an empty policy service | the guard |")
    print("|---|---|---|---|")
    medians = {
        way: [statistics.median(found) for found in zip(*rows, strict=True)]
        for way, rows in ways.items()
    }
    for figure, what in enumerate(
        (
            f"seconds for {given.messages:,} messages, median of {given.rounds}",
            "CPU of Postfix",
            "CPU of the service",
        )
    ):
        none, *others = (medians[way][figure] for way in ways)
        cells = [
            f"{x:.2f} s" + (f" ({100 * (x / none - 1):+.1f} %)" if none else "") for x in others
        ]
        print(f"| {what} | {none:.2f} s | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
