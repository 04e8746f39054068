"""``python -m benchmarks.guard.latency``: time per request at 500 requests/s, beside the peers.

Each service gets the same requests of 10,000 users over ten connections, one after the other. postfwd
and policyd-rate-limit are Debian's, with a limit per account as their pages show it; what is not
installed is left out. With ``--users N`` the guard's memory after one request of each user.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

_RULE = "id=R1; sasl_username=~/./; action=rate(sasl_username/100000/3600/REJECT too much)\n"
_POLICYD = """
debug: True
user: root
group: root
pidfile: {folder}/policyd.pid
SOCKET: ["127.0.0.1", {port}]
sqlite_config:
    database: "{folder}/db.sqlite3"
backend: 0
limits:
    - [100000, 60]
    - [1000000, 86400]
limits_by_id: {{}}
limit_by_sasl: True
limit_by_sender: False
limit_by_ip: False
"""


def _port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def _running(command: list[str], port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        else:
            raise RuntimeError((folder / "out").read_text())
        yield process
    finally:
        process.terminate()
        process.wait(20)
        if (daemon := folder / "postfwd.pid").exists():  # it went into the background
            os.kill(int(daemon.read_text().split()[0]), signal.SIGTERM)
            daemon.unlink()


def services(folder: Path) -> Iterator[tuple[str, list[str], int]]:
    """Yield name, command and port of each service that is there."""
    port = _port()
    config = folder / "bmtick.toml"
    config.write_text(
        f'[guard]\nmode = "hold"\nstate = "{folder}/guard.state"\npoints = ""\n'
        f'[collect]\nlogs = ["{folder}/mail.log"]\n'
    )
    (folder / "mail.log").touch()
    listen = f"inet:127.0.0.1:{port}"
    guard = [sys.executable, "-m", "bmtick", "guard", "--config", str(config), "--listen", listen]
    yield "bmtick guard", [*guard, "--mails", str(folder)], port
    if program := shutil.which("postfwd") or shutil.which("postfwd", path="/usr/sbin"):
        port = _port()
        rules = folder / "postfwd.cf"
        rules.write_text(_RULE)
        yield (
            "postfwd",
            [
                *(program, "-d", "-f", str(rules), "-i", "127.0.0.1", "-p", str(port)),
                *("-u", "nobody", "-g", "nogroup", "--cache_port", str(_port())),
                *("--pidfile", str(folder / "postfwd.pid")),
            ],
            port,
        )
    if program := shutil.which("policyd-rate-limit"):
        port = _port()
        (folder / "policyd.yaml").write_text(_POLICYD.format(folder=folder, port=port))
        yield "policyd-rate-limit", [program, "--file", str(folder / "policyd.yaml")], port


def request(random: Random, number: int, users: int) -> bytes:
    """Return what Postfix 3.7 sends at the end of a message."""
    user = random.randrange(users) if number >= users else number
    return (
        "request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\nprotocol_name=ESMTP\n"
        f"client_address=10.{user >> 16 & 255}.{user >> 8 & 255}.{user & 255}\n"
        f"client_name=unknown\nreverse_client_name=unknown\nhelo_name=pc{user}\n"
        f"sender=user{user}@example.org\nrecipient=a{number}@example.net\nrecipient_count=1\n"
        f"queue_id=4{number:012X}\ninstance=1.{number}.0\nsize=4321\netrn_domain=\nstress=\n"
        f"sasl_method=PLAIN\nsasl_username=user{user}@example.org\nsasl_sender=\n"
        "ccert_subject=\nccert_issuer=\nccert_fingerprint=\nencryption_protocol=\n\n"
    ).encode()


def measure(port: int, rate: float, seconds: float, users: int) -> list[float]:
    """Return the milliseconds of each request, sent at a steady rate over ten connections."""
    random = Random(1)
    socks = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(10)]
    for sock in socks:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    took: list[float] = []
    start = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = start + number / rate
        if (wait := due - time.perf_counter()) > 0:
            time.sleep(wait)
        sock = socks[number % 10]
        data = request(random, number + users, users)
        before = time.perf_counter()
        sock.sendall(data)
        answer = b""
        while not answer.endswith(b"\n\n"):
            more = sock.recv(4096)
            if not more:
                raise RuntimeError(f"closed after {number} requests")
            answer += more
        took.append(1000 * (time.perf_counter() - before))
    for sock in socks:
        sock.close()
    return took


def fill(port: int, users: int) -> None:
    """Send one request of each user, many at once."""
    random = Random(2)
    with socket.create_connection(("127.0.0.1", port), 60) as sock:
        for first in range(0, users, 100):
            count = min(100, users - first)
            sock.sendall(b"".join(request(random, n, users) for n in range(first, first + count)))
            answers = 0
            while answers < count:
                answers += sock.recv(65536).count(b"\n\n")


def resident(pid: int) -> float:
    """Return the resident memory of a process, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard.latency", description=__doc__)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--guard-only", action="store_true")
    given = parser.parse_args(arguments)
    print("| service | p50 | p99 | most | resident memory |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for service, command, port in services(Path(name)):
            if given.guard_only and service != "bmtick guard":
                continue
            with _running(command, port, Path(name)) as process:
                if service == "bmtick guard":
                    fill(port, given.users)
                took = sorted(measure(port, given.rate, given.seconds, given.users))
                daemon = Path(name) / "postfwd.pid"
                pid = int(daemon.read_text().split()[0]) if daemon.exists() else process.pid
                print(
                    f"| {service} | {statistics.median(took):.2f} ms "
                    f"| {took[int(len(took) * 0.99)]:.2f} ms | {took[-1]:.1f} ms "
                    f"| {resident(pid):.0f} MiB |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
