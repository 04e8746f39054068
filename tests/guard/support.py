"""A running guard, and a Postfix that asks it."""

import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from bmtick.guard.setup import with_milter
from tests.support.servers import free_port, wait_for

TRY_LIMITS = {
    "smtpd_policy_service_default_action": "DUNNO",
    "smtpd_policy_service_timeout": "3s",
    "smtpd_policy_service_try_limit": "1",
}


def asking(port):
    """Return the parameters by which Postfix asks a guard."""
    return {
        "smtpd_end_of_data_restrictions": f"check_policy_service inet:127.0.0.1:{port}",
        "non_smtpd_milters": with_milter("", f"inet:127.0.0.1:{port}"),
        **TRY_LIMITS,
    }


class RunningGuard:
    def __init__(self, folder: Path, port: int, *arguments: str, config: str = ""):
        folder.mkdir(exist_ok=True)
        self.folder, self.port, self.arguments = folder, port, arguments
        self.config = folder / "bmtick.toml"
        self.config.write_text(
            config
            or f'[notify]\nrecipients = ["admin@example.org"]\n[guard]\nstate = "{self.state}"\n'
            f'points = "{folder}/points.json"\n'
        )
        self.process = None

    @property
    def state(self) -> Path:
        return self.folder / "guard.state"

    @property
    def mails(self) -> Path:
        return self.folder / "mails"

    def start(self, *more: str):
        log = (self.folder / "stderr").open("ab")
        start = self.said.count("ready\n")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "bmtick", "guard", "--config", str(self.config)),
                *("--listen", f"inet:127.0.0.1:{self.port}", "--mails", str(self.mails)),
                *(*self.arguments, *more),
            ],
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
        log.close()
        wait_for(
            lambda: self.said.count("ready\n") > start or self.process.poll() is not None,
            "ready",
            20,
        )
        assert self.process.poll() is None, self.said

    @property
    def said(self) -> str:
        path = self.folder / "stderr"
        return path.read_text() if path.exists() else ""

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(120)


@contextmanager
def guard(folder: Path, *arguments: str, port: int = 0, config: str = ""):
    running = RunningGuard(folder, port or free_port(), *arguments, config=config)
    running.start()
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()


def burst(server, user, count=300, addresses=80, password="secret"):
    """Send spam as a botnet does: one session after the other, each from its own address."""
    per = -(-count // addresses)
    sent = 0
    while sent < count:
        n = sent // per
        with server.connect(
            client=f"{11 + n % 200}.{n % 7}.113.{n % 250 + 1}", user=user, password=password
        ) as session:
            for _ in range(min(per, count - sent)):
                refused = server.submit(
                    "service@bank.example", [f"v{sent}@example.net"], session=session
                )
                assert not refused
                sent += 1
    return time.time()
