"""What a real Kapacitor keeps of silent users: ``python -m benchmarks.kapacitor_memory``.

Feeds the recommended alerts with generations of users, each silent afterwards for longer than the
alerts remember, and prints Kapacitor's live heap after each. ``forget_after`` is shortened, because
Kapacitor's barriers run on the wall clock. Needs ``kapacitord`` (``$KAPACITORD``) and ``influxd``.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from pathlib import Path
from random import Random

import requests

from bmtick.alerts import catalogue, render
from bmtick.durations import SECOND
from bmtick.names import FIELDS, SENDER
from bmtick.points import Point
from tests.support import servers
from tests.support.servers import Kapacitor

_BATCH = 2000


def heap(server: Kapacitor) -> float:
    """Return the live heap in MiB, after a collection."""
    text = requests.get(
        f"{server.url}/kapacitor/v1/debug/pprof/heap?gc=1&debug=1", timeout=120
    ).text
    found = re.search(r"# HeapAlloc = (\d+)", text)
    return int(found[1]) / 2**20 if found else 0.0


def define(server: Kapacitor, forget: str) -> list[str]:
    """Define the recommended alerts; return their names."""
    names = [name for name, alert in catalogue().items() if alert.recommended]
    for name in names:
        alert = catalogue()[name]
        values = {"recipients": [], "log": "/dev/null"}
        if "forget_after" in alert.parameters:
            values["forget_after"] = forget
        elif "window" in alert.parameters:
            values["window"] = "20s"
        reply = server.define(f"bmtick-{name}", render(alert, values).script)
        if reply.status_code != 200:
            raise SystemExit(f"{name}: {reply.text}")
    return names


def feed(server: Kapacitor, users: int, generation: int, random: Random, loud: float) -> None:
    """Write some points of each user, of whom a share sends enough to be weighed."""
    facts = dict.fromkeys(FIELDS[SENDER], 0)
    for round_ in range(3):
        lines = []
        for number in range(users):
            many = random.randint(15, 60) if random.random() < loud else random.randint(1, 8)
            tags = {
                "host": "mail",
                "datalocation": "bm",
                "user": f"u{generation}-{number}@example.org",
            }
            said = {
                "messages": 1,
                "recipients": 1,
                "hour_messages": many,
                "hour_recipients": many,
                "day_recipients": many,
                "days": 3,
                "usual": 20,
                "clients": 2,
            }
            lines.append(
                Point(SENDER, tags, {**facts, **said}, int(time.time() + round_) * SECOND).to_line()
            )
        for first in range(0, len(lines), _BATCH):
            server.write(lines[first : first + _BATCH])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kapacitor_memory", description=__doc__
    )
    parser.add_argument("--users", type=int, default=12_000)
    parser.add_argument("--generations", type=int, default=3)
    parser.add_argument("--loud", type=float, default=0.1, help="share that is weighed at all")
    parser.add_argument("--forget", default="20s")
    given = parser.parse_args(arguments)
    random = Random(1)
    with (
        tempfile.TemporaryDirectory() as name,
        servers.influxdb(Path(name) / "influxdb") as influx,
        servers.kapacitor(Path(name) / "kapacitor", influx, subscriptions=False) as server,
    ):
        print(", ".join(define(server, given.forget)))
        print(f"empty: {heap(server):.0f} MiB")
        for generation in range(given.generations):
            feed(server, given.users, generation, random, given.loud)
            active = heap(server)
            time.sleep(65)
            print(f"generation {generation + 1}: {active:.0f} MiB, silent: {heap(server):.0f} MiB")


if __name__ == "__main__":
    main()
