"""Seconds from the first spam to the mail: ``python -m benchmarks.time_to_mail``, as root.

A stolen account sends a burst through a real Postfix. Telegraf with BlueMind's agent settings runs
what ``bmtick telegraf`` prints, InfluxDB stores, a real Kapacitor runs what ``bmtick apply``
deployed; or ``bmtick watch`` does all of it. Needs ``kapacitord``, ``telegraf`` (``$KAPACITORD``,
``$TELEGRAF``), Debian's ``postfix`` and ``influxdb``.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random

from tests.support import servers
from tests.support.postfix import Postfix, postfix

USER, PASSWORD = "paul@example.org", "right"
WAYS = ("exec", "execd", "watch")
_MESSAGES, _RECIPIENTS = 30, 10
# BlueMind's: each 10 s, give or take 10 s; written each 10 to 15 s.
_AGENT = """
[global_tags]
  host = "192.0.2.7"
  datalocation = "bm-master"
[agent]
  interval = "10s"
  round_interval = true
  collection_jitter = "10s"
  flush_interval = "10s"
  flush_jitter = "5s"
  omit_hostname = true
[[outputs.influxdb]]
  urls = ["{url}"]
  database = "telegraf"
  skip_database_creation = true
[[inputs.cpu]]
[[inputs.mem]]
[[inputs.net]]
"""


class Chain:
    """The programs between Postfix's log and the mail."""

    def __init__(self, way: str, folder: Path, mta: Postfix, stack: ExitStack) -> None:
        self.way, self.folder, self.mta = way, folder, mta
        self.sink = stack.enter_context(servers.smtp_sink())
        self.env = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TZ": "UTC",
            "HOME": str(folder),
        }
        settings = [
            "[notify]\nrecipients = ['admin@example.org']\n",
            f"[collect]\nlogs = ['{mta.log}']\nqueue = 'on'\nspool = '{mta.queue_directory}'\n",
            f"state = '{folder}/collect.state'\n",
            "[alerts.sender_outbreak]\n",
        ]
        self.settings = folder / "bmtick.toml"
        if way == "watch":
            settings.append(f"[watch]\nstate = '{folder}/watch.state'\n")
            settings.append(f"[smtp]\nhost = '127.0.0.1'\nport = {self.sink.port}\n")
            self.settings.write_text("".join(settings))
            self._start([*self._bmtick(), "watch"], stack)
            return
        self.influx = stack.enter_context(servers.influxdb(folder / "influx"))
        kapacitor = stack.enter_context(
            servers.kapacitor(folder / "kapacitor", self.influx, self.sink)
        )
        settings.append(
            f"[kapacitor]\nurl = '{kapacitor.url}'\n[influxdb]\nurl = '{self.influx.url}'\n"
        )
        self.settings.write_text("".join(settings))
        self._run("apply", "--yes", "--wait", "0s", "--state-dir", str(folder / "state"))
        execd = ["--execd"] if way == "execd" else []
        snippet = self._run("telegraf", *execd)
        (folder / "telegraf.d").mkdir()
        (folder / "telegraf.d/bmtick.conf").write_text(snippet)
        (folder / "telegraf.conf").write_text(_AGENT.format(url=self.influx.url))
        self._start(
            [servers.find_program("telegraf", "TELEGRAF"), "--config", str(folder / "telegraf.conf"),
             "--config-directory", str(folder / "telegraf.d")],
            stack,
        )  # fmt: skip

    def _bmtick(self) -> list[str]:
        return [sys.executable, "-m", "bmtick", "--config", str(self.settings)]

    def _run(self, *words: str) -> str:
        return subprocess.run(
            [*self._bmtick(), *words],
            env=os.environ | self.env,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    def _start(self, command: list[str], stack: ExitStack) -> None:
        stack.enter_context(servers.running(command, self.folder / "way.log", self.env))

    def measure(self, random: Random) -> float:
        """Send a burst as another user each time; return the seconds to the mail that names them."""
        user = f"u{random.randrange(10**9)}@example.org"
        self.mta.add_user(user, PASSWORD)
        seen = len(self.sink.messages)
        begun = time.monotonic()
        for number in range(_MESSAGES):
            self.mta.submit(
                user,
                [f"x{number}.{r}@customer.example" for r in range(_RECIPIENTS)],
                client=f"203.0.{number}.7",
                user=user,
                password=PASSWORD,
            )
        sent = time.monotonic() - begun
        servers.wait_for(
            lambda: any(user in str(m["Subject"]) for m in self.sink.messages[seen:]),
            f"the mail about {user}",
            120,
            lambda: (self.folder / "way.log").read_text()[-3000:],
        )
        took = time.monotonic() - begun
        print(f"{self.way:6} {took:5.1f} s (the burst took {sent:.1f} s)", flush=True)
        return took


def main() -> None:
    """Measure each way and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ways", nargs="*", help=f"of {', '.join(WAYS)}; default: all")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    random = Random(1)
    for way in arguments.ways or WAYS:
        with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
            mta = stack.enter_context(postfix(users={USER: PASSWORD}))
            chain = Chain(way, Path(name), mta, stack)
            time.sleep(20)  # the collector is warm, the agent has found its pace
            took = []
            for _ in range(arguments.runs):
                time.sleep(random.uniform(5, 15))
                took.append(chain.measure(random))
        print(
            f"{way}: median {statistics.median(took):.1f} s, "
            f"{min(took):.1f} to {max(took):.1f} s of {len(took)} runs"
        )
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"CPU of all programs: {used.ru_utime + used.ru_stime:.1f} s")


if __name__ == "__main__":
    main()
