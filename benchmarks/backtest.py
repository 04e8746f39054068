"""A month of queue data from a real InfluxDB: ``python -m benchmarks backtest``.

Five queues, a point each 10 s, 30 days: 1,296,000 points. ``bmtick backtest`` reads them from an
InfluxDB on loopback, runs ``postfix_queue`` over them and makes its table of thresholds; what it
finds is first compared with a plain sum of the queues. Beside it stand a bare read of the same
answer, which nothing could beat, and, where kapacitord is on PATH or named by ``$KAPACITORD``,
Kapacitor's own replay of the same query through the same script. A replay is the nearest that
Kapacitor has, with no episodes and no table; it runs as fast as it can, so that the script's
barrier, which waits by the wall clock, does less there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import requests

from benchmarks.collector import ROOT, Cost, measure
from tests.support import servers

BEGIN = 1_767_225_600  # 2026-01-01 00:00:00 UTC
STEP = 10
PER_DAY = 86_400 // STEP
QUEUES = ("active", "deferred", "hold", "incoming", "maildrop")
CRIT = 200
BATCH = 10_000  # ticks


def lengths(ticks: int) -> Iterator[dict[str, int]]:
    """Yield the queues' lengths at each tick: noise, busy mornings, two outbreaks."""
    random = Random(1)
    deferred = 40
    for tick in range(ticks):
        deferred = max(0, min(120, deferred + random.randint(-3, 3)))
        busy = 150 if 3000 < tick % PER_DAY < 3080 else 0
        outbreak = 900 if 0.40 < tick / ticks < 0.405 or 0.80 < tick / ticks < 0.801 else 0
        yield {
            "active": random.randint(0, 20) + busy,
            "deferred": deferred + outbreak,
            "hold": int(tick % 7 == 0),
            "incoming": random.randint(0, 5),
            "maildrop": 0,
        }


def write(influx: servers.Influx, ticks: int) -> None:
    lines: list[str] = []
    for tick, queues in enumerate(lengths(ticks)):
        for queue, length in queues.items():
            lines.append(
                f"postfix_queue,datalocation=bm-master,host=bm,queue={queue} "
                f"age={tick % 3600}i,length={length}i,size={length * 3000}i "
                f"{BEGIN + tick * STEP}000000000"
            )
        if len(lines) >= BATCH * len(QUEUES):
            influx.write(lines)
            lines = []
    if lines:
        influx.write(lines)


def episodes(ticks: int, crit: int) -> int:
    """Count by a plain sum how often the queues reach crit."""
    found, standing = 0, False
    for queues in lengths(ticks):
        reached = sum(queues.values()) >= crit
        found += reached and not standing
        standing = reached
    return found


def commands(influx: servers.Influx, folder: Path, ticks: int) -> tuple[list[str], list[str]]:
    """Return the backtest and the bare read of what it reads."""
    end = BEGIN + ticks * STEP
    config = folder / "bmtick.toml"
    config.write_text(f'[influxdb]\nurl = "{influx.url}"\n[alerts.postfix_queue]\ncrit = {CRIT}\n')
    times = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in (BEGIN, end)]
    ours = [sys.executable, "-m", "bmtick", "backtest", "--config", str(config)]
    ours += ["--from", times[0], "--to", times[1], "--format", "json"]
    params = {"db": "telegraf", "q": query(ticks), "epoch": "ns", "chunked": "true"}
    url = requests.Request("GET", f"{influx.url}/query", params=params).prepare().url
    code = (
        "import sys, urllib.request\n"
        "with urllib.request.urlopen(sys.argv[1]) as reply:\n"
        "    while reply.read(1 << 18): pass"
    )
    return ours, [sys.executable, "-c", code, str(url)]


def query(ticks: int) -> str:
    span = f"time >= {BEGIN}s AND time < {BEGIN + ticks * STEP}s"
    return f'SELECT * FROM "telegraf"."autogen"."postfix_queue" WHERE {span}'


def check(command: list[str], ticks: int) -> None:
    """Stop unless the backtest finds what a plain sum finds, for every threshold."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (found,) = json.loads(done.stdout)
    if found["points"] != ticks * len(QUEUES):
        sys.exit(f"{found['points']} points, {ticks * len(QUEUES)} were written")
    rows = {row["threshold"]: row["episodes"] for row in found["thresholds"]}
    for crit, count in {CRIT: len(found["episodes"]), **rows}.items():
        if count != (wanted := episodes(ticks, crit)):
            sys.exit(f"{count} episodes of crit = {crit}, a sum of the queues finds {wanted}")
    print(f"episodes equal those of a plain sum for {len(rows)} thresholds")


def processor(pid: int) -> tuple[float, float]:
    """Return the seconds of processor time and the most memory, in MiB, of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    memory = next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), memory / 1024


def script(folder: Path) -> str:
    command = [sys.executable, "-m", "bmtick", "render", "postfix_queue", "--set", f"crit={CRIT}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    (folder / "postfix_queue.tick").write_text(done.stdout)
    return done.stdout


def replayed(influx: servers.Influx, folder: Path, ticks: int) -> Cost:
    """Let Kapacitor replay the query through the script, as fast as it can."""
    with servers.kapacitor(folder / "kapacitor", influx, subscriptions=False) as server:
        reply = server.define("postfix_queue", script(folder), enabled=False)
        reply.raise_for_status()
        assert server.process is not None
        before, begin = processor(server.process.pid)[0], time.perf_counter()
        body: dict[str, Any] = {
            "id": "month",
            "task": "postfix_queue",
            "type": "stream",
            "query": query(ticks),
            "recording-time": True,
            "clock": "fast",
        }
        url = f"{server.url}/kapacitor/v1/replays/query"
        requests.post(url, json=body, timeout=20).raise_for_status()
        while (state := server.get("/replays/month"))["status"] == "running":
            time.sleep(0.05)
        wall = time.perf_counter() - begin
        if state["status"] != "finished":
            sys.exit(f"Kapacitor's replay: {state['status']} {state['error']}")
        used, memory = processor(server.process.pid)
        return Cost(used - before, wall, memory)


def table(costs: dict[str, Cost], points: int) -> None:
    base = costs["a bare read of the answer"]
    print(f"\n{points:,} points; the server's own processor time is not counted")
    print(f"{'':34} {'wall s':>8} {'cpu s':>8} {'MiB':>7} {'us a point':>11} {'of the read':>12}")
    for name, cost in costs.items():
        each, ratio = cost.cpu / points * 1e6, cost.wall / base.wall
        memory = "" if cost is base else f"{cost.memory:.0f}"  # too little to be told from ours
        print(
            f"{name:34} {cost.wall:8.1f} {cost.cpu:8.1f} {memory:>7} {each:11.2f} {ratio:10.1f} x"
        )


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks backtest")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args(arguments)
    if shutil.which("influxd") is None:
        print("backtest: left out, there is no influxd on PATH")
        return
    ticks = given.days * PER_DAY
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bmtick-bench-")))
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "pyc")
        influx = stack.enter_context(servers.influxdb(folder / "influx"))
        write(influx, ticks)
        ours, bare = commands(influx, folder, ticks)
        check(ours, ticks)
        named = {"a bare read of the answer": bare, "bmtick backtest": ours}
        costs: dict[str, Cost] = {}
        for name, command in list(named.items()) * given.rounds:
            cost = measure(command)
            costs[name] = min(cost, costs.get(name, cost), key=lambda one: one.wall)
        if os.environ.get("KAPACITORD") or shutil.which("kapacitord"):
            costs["Kapacitor's replay, no table"] = replayed(influx, folder, ticks)
        table(costs, ticks * len(QUEUES))
