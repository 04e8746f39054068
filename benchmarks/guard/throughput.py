"""``python -m benchmarks.guard.throughput``: Postfix with and without the guard.

1,000 messages over ten sessions at once into a real Postfix (as root), which delivers them to a
server on loopback; rounds with and without the guard in turn. The seconds until all are taken, and
the CPU that Postfix and the guard needed for them: on a machine that does other things, too, the
former say little.
"""

from __future__ import annotations

import argparse
import os
import statistics
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


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard.throughput")
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args(arguments)
    port = free_port()
    users = {f"user{n}@example.org": "secret" for n in range(_SESSIONS)}
    took: dict[str, list[float]] = {"without": [], "with": []}
    cpu: dict[str, list[float]] = {"without": [], "with": []}
    of_postfix: dict[str, list[float]] = {"without": [], "with": []}
    with tempfile.TemporaryDirectory() as name, postfix(users=users) as server:
        arguments = ("--mode", "hold", "--log", str(server.log))
        with guard(Path(name) / "g", *arguments, port=port) as running:
            _round(server, given.messages)  # warm
            for _ in range(given.rounds):
                for how, seconds in took.items():
                    restrictions = asking(port)["smtpd_end_of_data_restrictions"]
                    value = restrictions if how == "with" else ""
                    server.command("postconf", "-e", f"smtpd_end_of_data_restrictions={value}")
                    server.command("postfix", "reload")
                    time.sleep(1)
                    before = _cpu(running.process.pid), _of_all(server)
                    seconds.append(_round(server, given.messages))
                    cpu[how].append(_cpu(running.process.pid) - before[0])
                    of_postfix[how].append(_of_all(server) - before[1])
    print("| | without the guard | with it | |")
    print("|---|---|---|---|")
    for name, found in (
        (f"seconds for {given.messages:,} messages, median of {given.rounds}", took),
        ("CPU of Postfix", of_postfix),
        ("CPU of the guard (without: it reads the log)", cpu),
    ):
        without, with_guard = (statistics.median(found[how]) for how in took)
        more = f"{100 * (with_guard / without - 1):+.1f} %" if found is not cpu else ""
        print(f"| {name} | {without:.2f} s | {with_guard:.2f} s | {more} |")
    without, with_guard = (
        statistics.median(a + b for a, b in zip(cpu[how], of_postfix[how], strict=True))
        for how in took
    )
    print(
        f"| CPU of both | {without:.2f} s | {with_guard:.2f} s "
        f"| {100 * (with_guard / without - 1):+.1f} % |"
    )


if __name__ == "__main__":
    main()
