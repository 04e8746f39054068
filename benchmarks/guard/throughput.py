"""``python -m benchmarks.guard.throughput``: Postfix with and without the guard.

1,000 messages over ten sessions at once into a real Postfix (as root), which delivers them to a
server on loopback; rounds with and without the guard in turn.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
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


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard.throughput")
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args(arguments)
    port = free_port()
    users = {f"user{n}@example.org": "secret" for n in range(_SESSIONS)}
    took: dict[str, list[float]] = {"without": [], "with": []}
    cpu: dict[str, list[float]] = {"without": [], "with": []}
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
                    before = _cpu(running.process.pid)
                    seconds.append(_round(server, given.messages))
                    cpu[how].append(_cpu(running.process.pid) - before)
    without, with_guard = (statistics.median(took[how]) for how in ("without", "with"))
    print(f"without the guard {without:.2f} s, with it {with_guard:.2f} s for {given.messages:,}")
    print(f"messages, median of {given.rounds} rounds: {100 * (with_guard / without - 1):+.1f} %")
    print(
        f"the guard worked {statistics.median(cpu['with']):.2f} s of it, "
        f"{statistics.median(cpu['without']):.2f} s for the log alone"
    )


if __name__ == "__main__":
    main()
