"""Real servers for tests, each on loopback, on free ports, with its data in a temporary folder.

``influxd`` (InfluxDB 1.x) is Debian's package; it, ``kapacitord``, ``telegraf`` and ``influxd2``
(InfluxDB 2.x) are found on PATH or by ``$INFLUXD``, ``$KAPACITORD``, ``$TELEGRAF`` and
``$INFLUXD2``. A missing one skips the test and says so.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import requests
from aiosmtpd.controller import Controller


def find_program(name: str, variable: str = "") -> str:
    """Return the program's path, or skip the test with a line that says what is missing."""
    found = (os.environ.get(variable) if variable else None) or shutil.which(name)
    if not found or not Path(found).exists():
        hint = f" (put it on PATH or name it in ${variable})" if variable else ""
        pytest.skip(f"no {name} on this machine{hint}")
    return found


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_for(
    condition: Callable[[], object],
    what: str,
    seconds: float = 120,
    seen: Callable[[], str] = str,
) -> None:
    """Wait until the condition holds; a machine with other work may take long, so wait long.

    ``seen`` tells, when it was waited in vain, what there is instead.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except (OSError, requests.RequestException):
            pass
        time.sleep(0.05)
    pytest.fail(f"waited {seconds:g} s in vain for {what}\n{seen()}")


@contextmanager
def running(
    command: list[str], log: Path, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen]:
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass
class Influx:
    """A running InfluxDB 1.x."""

    url: str
    log: Path
    user: tuple[str, str] | None = None  # name and password, where it wants them

    def query(self, statement: str, db: str = "telegraf") -> list[dict]:
        reply = requests.get(
            f"{self.url}/query",
            params={"q": statement, "db": db, "epoch": "ns"},
            auth=self.user,
            timeout=120,
        )
        reply.raise_for_status()
        return reply.json()["results"][0].get("series", [])

    def execute(self, statement: str) -> None:
        requests.post(
            f"{self.url}/query", data={"q": statement}, auth=self.user, timeout=120
        ).raise_for_status()

    def write(self, lines: str | list[str], db: str = "telegraf", rp: str = "autogen") -> None:
        body = lines if isinstance(lines, str) else "\n".join(lines)
        reply = requests.post(
            f"{self.url}/write", params={"db": db, "rp": rp}, data=body.encode(), timeout=120
        )
        assert reply.status_code == 204, reply.text


@contextmanager
def influxdb(folder: Path, user: tuple[str, str] | None = None) -> Iterator[Influx]:
    """Start InfluxDB with databases ``telegraf`` and ``chronograf``; with an admin, if named."""
    program = find_program("influxd", "INFLUXD")
    folder.mkdir(parents=True, exist_ok=True)
    http, rpc = free_port(), free_port()
    config = folder / "influxdb.conf"
    config.write_text(f"""
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  series-id-set-cache-size = 100
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{http}"
  log-enabled = false
  auth-enabled = {"true" if user else "false"}
""")
    log = folder / "influxd.log"
    with running([program, "-config", str(config)], log):
        server = Influx(f"http://127.0.0.1:{http}", log)
        wait_for(
            lambda: requests.get(f"{server.url}/ping", timeout=2).status_code == 204, "influxd"
        )
        if user:
            name, password = user
            server.execute(f"CREATE USER {name} WITH PASSWORD '{password}' WITH ALL PRIVILEGES")
            server.user = user
        server.execute("CREATE DATABASE telegraf")
        server.execute("CREATE DATABASE chronograf")
        yield server


@dataclass
class Influx2:
    """A running InfluxDB 2.x with the organisation ``bm`` and an operator's token."""

    url: str
    log: Path
    token: str
    org: str = "bm"
    password: str = "at-least-8"  # of the user "admin"

    def api(self, method: str, path: str, **options: object) -> requests.Response:
        """Call ``/api/v2`` with the token."""
        reply = requests.request(
            method,
            f"{self.url}/api/v2{path}",
            headers={"Authorization": f"Token {self.token}"},
            timeout=120,
            **options,
        )
        reply.raise_for_status()
        return reply

    def create(self, bucket: str, *, mapped: bool = True) -> str:
        """Create a bucket ``DATABASE/POLICY``; mapped: also as that database and policy."""
        org = self.api("GET", "/orgs", params={"org": self.org}).json()["orgs"][0]["id"]
        made = self.api("POST", "/buckets", json={"orgID": org, "name": bucket}).json()["id"]
        if mapped:
            database, _, policy = bucket.partition("/")
            mapping = {
                "orgID": org,
                "bucketID": made,
                "database": database,
                "retention_policy": policy or "autogen",
                "default": True,
            }
            self.api("POST", "/dbrps", json=mapping)
        return made

    def token_for(self, *buckets: str, actions: tuple[str, ...] = ("read", "write")) -> str:
        """Return a token that may only do this with buckets, given by id."""
        org = self.api("GET", "/orgs", params={"org": self.org}).json()["orgs"][0]["id"]
        permissions = [
            {"action": action, "resource": {"type": "buckets", "id": bucket, "orgID": org}}
            for bucket in buckets
            for action in actions
        ]
        body = {"orgID": org, "permissions": permissions}
        return self.api("POST", "/authorizations", json=body).json()["token"]


@contextmanager
def influxdb2(folder: Path) -> Iterator[Influx2]:
    """Start InfluxDB 2.x, found as ``influxd2`` on PATH or by ``$INFLUXD2``."""
    program = find_program("influxd2", "INFLUXD2")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    log = folder / "influxd2.log"
    command = [
        program,
        f"--http-bind-address=127.0.0.1:{port}",
        f"--bolt-path={folder}/influxd.bolt",
        f"--engine-path={folder}/engine",
        "--reporting-disabled",
        "--ui-disabled",
        "--log-level=error",
    ]
    with running(command, log, {"HOME": str(folder)}):
        server = Influx2(f"http://127.0.0.1:{port}", log, "a-token-of-tests")
        wait_for(
            lambda: requests.get(f"{server.url}/health", timeout=2).status_code == 200, "influxd2"
        )
        setup = {
            "username": "admin",
            "password": server.password,
            "org": server.org,
            "bucket": "first",
            "token": server.token,
        }
        requests.post(f"{server.url}/api/v2/setup", json=setup, timeout=120).raise_for_status()
        yield server


@dataclass
class Sink:
    """A real SMTP server that keeps what it gets."""

    port: int
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients.append(list(envelope.rcpt_tos))
        self.raw.append(envelope.content)
        return "250 OK"


@contextmanager
def smtp_sink() -> Iterator[Sink]:
    sink = Sink(free_port())
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port)
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()


@dataclass
class Kapacitor:
    """A running kapacitord; ``restart`` keeps its data."""

    url: str
    log: Path
    config: Path
    influx: Influx
    sink: Sink | None
    process: subprocess.Popen | None = None

    def get(self, path: str, **params: object) -> dict:
        reply = requests.get(f"{self.url}/kapacitor/v1{path}", params=params, timeout=120)
        reply.raise_for_status()
        return reply.json()

    def define(
        self,
        task: str,
        script: str,
        *,
        type_: str = "stream",
        db: str = "telegraf",
        rp: str = "autogen",
        enabled: bool = True,
        **extra: object,
    ) -> requests.Response:
        body = {
            "id": task,
            "type": type_,
            "dbrps": [{"db": db, "rp": rp}],
            "script": script,
            "status": "enabled" if enabled else "disabled",
            **extra,
        }
        return requests.post(f"{self.url}/kapacitor/v1/tasks", json=body, timeout=120)

    def delete(self, task: str) -> None:
        requests.delete(f"{self.url}/kapacitor/v1/tasks/{task}", timeout=120).raise_for_status()

    def write(self, lines: str | list[str], db: str = "telegraf", rp: str = "autogen") -> None:
        """Write points straight into Kapacitor's stream, not through InfluxDB."""
        body = lines if isinstance(lines, str) else "\n".join(lines)
        reply = requests.post(
            f"{self.url}/kapacitor/v1/write",
            params={"db": db, "rp": rp},
            data=body.encode(),
            timeout=120,
        )
        assert reply.status_code == 204, reply.text


@contextmanager
def kapacitor(
    folder: Path,
    influx: Influx,
    sink: Sink | None = None,
    *,
    subscriptions: bool = True,
    extra: str = "",
    port: int = 0,
) -> Iterator[Kapacitor]:
    """Start kapacitord on ``influx``; ``extra`` is appended to its configuration."""
    program = find_program("kapacitord", "KAPACITORD")
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    config = folder / "kapacitor.conf"
    smtp = (
        ""
        if sink is None
        else f"""
[smtp]
  enabled = true
  host = "127.0.0.1"
  port = {sink.port}
  from = "kapacitor@example.org"
  to = ["default@example.org"]
  no-verify = true
"""
    )
    config.write_text(f"""
hostname = "127.0.0.1"
data_dir = "{folder}"
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[replay]
  dir = "{folder}/replay"
[storage]
  boltdb = "{folder}/kapacitor.db"
[logging]
  file = "STDERR"
  level = "INFO"
[reporting]
  enabled = false
[stats]
  enabled = true
  stats-interval = "1s"
  database = "_kapacitor"
  retention-policy = "autogen"
[[influxdb]]
  enabled = true
  default = true
  name = "default"
  urls = ["{influx.url}"]
  disable-subscriptions = {"false" if subscriptions else "true"}
  subscription-protocol = "http"
  subscription-mode = "server"
  subscriptions-sync-interval = "1s"
  http-port = {port}
  kapacitor-hostname = "127.0.0.1"
  startup-timeout = "1m"
{smtp}
{extra}
""")
    log = folder / "kapacitord.log"
    with running([program, "-config", str(config)], log) as process:
        server = Kapacitor(f"http://127.0.0.1:{port}", log, config, influx, sink, process)
        wait_for(
            lambda: requests.get(f"{server.url}/kapacitor/v1/ping", timeout=2).status_code == 204,
            "kapacitord",
        )
        yield server
