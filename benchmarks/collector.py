"""The collector beside its peers, in one session on one core: ``python -m benchmarks collector``.

The log is of the project's own simulator: half a day of a busy server, a million lines, outbreaks,
hostile names; 45 % are lines of other daemons, as beside a real Postfix, and the second half has
times of RFC 3339, as after an upgrade of rsyslog. The collector's sums are compared with its
ground truth before anything is measured. Peers that are not installed are left out. Runs take turns, and the
least processor time of each counts: other work on the machine only adds to it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import NamedTuple

from benchmarks.simulator.noise import noise_line
from bmtick.collect.raw import client

ROOT = Path(__file__).parents[1]
LINES = 1_000_000
EXEC_LINES = 1000
QUEUED = 20_000
NOISE = 0.45  # share of lines of other daemons, of what is written
HEAD = re.compile(rb"[A-Z][a-z]{2} [ 0-3][0-9] [0-9:]{8}")

# What a careful administrator would write: messages and recipients per SASL user.
MTAIL = r"""
counter messages by user
counter recipients by user
hidden text owner by qid

/smtpd\[\d+\]: (?P<qid>[0-9A-Za-z]+): client=.*sasl_username=(?P<user>.*)$/ {
  owner[$qid] = $user
}
/qmgr\[\d+\]: (?P<qid>[0-9A-Za-z]+): from=<.*>, size=\d+, nrcpt=(?P<nrcpt>\d+) \(queue active\)$/ {
  messages[owner[$qid]]++
  recipients[owner[$qid]] += $nrcpt
}
/qmgr\[\d+\]: (?P<qid>[0-9A-Za-z]+): removed$/ {
  del owner[$qid]
}
"""


class Cost(NamedTuple):
    """Seconds of processor and wall time, and the most memory, in MiB."""

    cpu: float
    wall: float
    memory: float


def measure(command: list[str], before: Callable[[], None] | None = None) -> Cost:
    if before:
        before()
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{command[0]} failed: {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


def least(costs: list[Cost]) -> Cost:
    return Cost(min(c.cpu for c in costs), min(c.wall for c in costs), max(c.memory for c in costs))


def program(*arguments: str) -> list[str]:
    start = "import sys; sys.argv[0] = 'bmtick'; from bmtick.cli import main; main()"
    return [sys.executable, "-c", start, *arguments]


def bmtick(*arguments: str) -> list[str]:
    return program("collect", *arguments)


def simulate(folder: Path, lines: int) -> tuple[Path, Path]:
    plain, log, truth = folder / "plain.log", folder / "mail.log", folder / "truth.json"
    wanted = str(round(lines * (1 - NOISE)))
    command = [sys.executable, "-m", "benchmarks.simulator", "--lines", wanted, "--seed", "1"]
    command += ["--per-day", "105000", "--users", "2000", "--outbreaks", "2"]
    subprocess.run([*command, "-o", str(plain), "--truth", str(truth)], cwd=ROOT, check=True)
    with plain.open("rb") as source, log.open("wb") as out:
        out.writelines(as_on_a_real_server(source, lines))
    plain.unlink()
    return log, truth


def as_on_a_real_server(source: Iterable[bytes], lines: int) -> Iterator[bytes]:
    """Yield the lines with those of other daemons between them, the second half in RFC 3339."""
    random = Random(1)
    written, noise = 0, 0
    for number, line in enumerate(source):
        head, said = line[:15], line[15:]
        if written > lines // 2 and HEAD.fullmatch(head):
            moment = datetime.strptime(f"2026 {head.decode()}", "%Y %b %d %H:%M:%S").replace(
                tzinfo=UTC
            )
            head = f"{moment:%Y-%m-%dT%H:%M:%S}.{number * 7919 % 1_000_000:06}+00:00".encode()
        yield head + said
        written += 1
        while noise < NOISE * written and HEAD.fullmatch(line[:15]):
            yield head + b" mail " + noise_line(random).encode() + b"\n"
            written += 1
            noise += 1


def check(log: Path, truth: Path) -> None:
    """Stop unless the sums are those of the truth."""
    command = bmtick("--log", str(log), "--from-start", "--no-state", "--format", "json")
    env = {**os.environ, "TZ": "UTC"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=True)
    found: dict[tuple[str, str, str], int] = {}
    for line in done.stdout.splitlines():
        point = json.loads(line)
        name = next(iter(point["tags"].values()), "")
        for field, value in point["fields"].items():
            key = point["measurement"], name, field
            found[key] = found.get(key, 0) + value
    facts = json.loads(truth.read_text("utf-8"))
    for measurement, part, fields in (
        ("postfix_sender", "users", ("messages", "recipients", "bytes", "refused")),
        ("postfix_client", "clients", ("messages", "recipients", "bytes")),
        ("postfix_delivery", "deliveries", ("count", "blocked")),
        ("postfix_auth", "auth", ("failures",)),
    ):
        wanted: dict[tuple[str, str], int] = {}
        for name, facts_of_name in facts[part].items():
            written = name.lower() if part == "users" else name
            if part in ("clients", "auth"):
                written = client(name.encode())
            for field in fields:
                key_of = written, field
                wanted[key_of] = wanted.get(key_of, 0) + facts_of_name[field]
        for (name, field), truly in wanted.items():
            got = found.get((measurement, name, field), 0)
            if got != truly:
                sys.exit(f"{measurement} {name} {field}: {got}, the truth is {truly}")
    print(f"sums equal the truth: {len(facts['users'])} users, {facts['messages']} messages")


def readers(folder: Path, log: Path) -> dict[str, list[str]]:
    programs = folder / "mtail"
    programs.mkdir()
    (programs / "users.mtail").write_text(MTAIL)
    found = {
        "wc -l": ["wc", "-l", str(log)],
        "bmtick collect, all facts": bmtick("--log", str(log), "--from-start", "--no-state"),
        "mtail, small per-user program": [
            "mtail", "--one_shot", "--logtostderr", "--progs", str(programs), "--logs", str(log),
        ],
        "pflogsumm": ["pflogsumm", str(log)],
    }  # fmt: skip
    return {name: command for name, command in found.items() if shutil.which(command[0])}


def exporter(log: Path) -> Cost | None:
    """Feed prometheus-postfix-exporter, which only follows files: until it has read all."""
    program = shutil.which("prometheus-postfix-exporter")
    if program is None:
        return None
    followed = log.with_name("followed.log")
    followed.write_bytes(b"")
    process = subprocess.Popen(
        [program, "--web.listen-address=127.0.0.1:0", f"--postfix.logfile_path={followed}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(1)
        with followed.open("ab") as out:
            shutil.copyfileobj(log.open("rb"), out)
        used, rest = -1.0, 0
        ticks = os.sysconf("SC_CLK_TCK")
        while rest < 4 and process.poll() is None:  # busy no more: all is read
            time.sleep(0.5)
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            now = (int(fields[11]) + int(fields[12])) / ticks
            rest = rest + 1 if now - used < 0.02 else 0
            used = now
        if process.poll() is not None:
            return None
        status = Path(f"/proc/{process.pid}/status").read_text()
        memory = next(int(v.split()[1]) for v in status.splitlines() if v.startswith("VmHWM"))
        return Cost(used, 0.0, memory / 1024)
    finally:
        process.kill()
        process.wait()
        followed.unlink()


def table(title: str, costs: dict[str, Cost], base: str, ours: str) -> None:
    print(f"\n{title}")
    print(f"{'':34} {'cpu s':>8} {'MiB':>7} {'of ' + base:>12} {'bmtick is':>12}")
    for name, cost in costs.items():
        ratio = cost.cpu / costs[base].cpu
        faster = "" if name == ours else f"{cost.cpu / costs[ours].cpu:.2f} x"
        print(f"{name:34} {cost.cpu:8.3f} {cost.memory:7.1f} {ratio:10.1f} x {faster:>12}")


def whole_log(folder: Path, log: Path, rounds: int) -> None:
    commands = readers(folder, log)
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            costs[name].append(measure(command))
    found = {name: least(c) for name, c in costs.items()}
    if (cost := exporter(log)) is not None:
        found["prometheus-postfix-exporter"] = cost
    size = log.stat().st_size
    title = f"A log of {LINES} lines, {size / 1e6:.0f} MB, whole"
    table(title, found, "wc -l", "bmtick collect, all facts")


def answers(log: Path, rounds: int) -> None:
    """What an administrator asks of the same log, beside the collector that reads it."""
    path = ["--log", str(log)]
    named = {
        "bmtick collect": bmtick(*path, "--from-start", "--no-state"),
        "bmtick suspects": program("suspects", "--no-queue", "--format", "json", *path),
        "bmtick relays": program("relays", "--format", "json", *path),
        "bmtick backtest, one alert": program(
            "backtest", "sender_outbreak", "--format", "json", *path
        ),
        "bmtick backtest, all alerts": program("backtest", "--format", "json", *path),
    }
    costs: dict[str, list[Cost]] = {name: [] for name in named}
    for _ in range(rounds):
        for name, command in named.items():
            costs[name].append(measure(command))
    found = {name: least(c) for name, c in costs.items()}
    table("Answers from the same log", found, "bmtick collect", "bmtick collect")


def one_run(folder: Path, log: Path, rounds: int) -> None:
    """A thousand new lines at the end of a long log, with a state: what Telegraf runs each time."""
    followed, state = folder / "live.log", folder / "state"
    with log.open("rb") as source, followed.open("wb") as out:
        shutil.copyfileobj(source, out)
    command = bmtick("--log", str(followed), "--state", str(state), "--queue", "off")
    measure(command)
    lines = log.open("rb")

    def more() -> None:
        with followed.open("ab") as out:
            out.writelines(lines.readline() for _ in range(EXEC_LINES))

    costs: dict[str, list[Cost]] = {"python3": [], "nothing new": [], "1000 new lines": []}
    for _ in range(rounds * 5):
        costs["python3"].append(measure([sys.executable, "-c", "pass"]))
        costs["nothing new"].append(measure(command))
        costs["1000 new lines"].append(measure(command, more))
    found = {name: least(c) for name, c in costs.items()}
    table("One run with a state", found, "python3", "1000 new lines")


def at_rest(folder: Path) -> None:
    """A process that stays: what an interval without news costs."""
    command = bmtick("--execd", "--log", str(folder / "live.log"), "--state", str(folder / "state"))
    process = subprocess.Popen(
        [*command, "--queue", "off"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def ask(times: int) -> None:
        for _ in range(times):
            process.stdin.write(b"\n")
            process.stdin.flush()
            while not process.stdout.readline().startswith(b"bmtick_collector"):
                pass

    def used() -> float:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    ask(20)
    before = used()
    ask(1000)
    print(f"\nexecd at rest: {used() - before:.3f} ms of processor time an interval")
    process.stdin.close()
    process.wait()


def spool(folder: Path) -> None:
    """A deferred queue of 20,000 in hashed folders, walked."""
    for name in ("active", "hold", "incoming", "maildrop", "deferred"):
        (folder / "spool" / name).mkdir(parents=True)
    digits = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxy"
    for number in range(QUEUED):
        queue_id = f"4dlMzd4HJGz{digits[number // 2601 % 51]}{digits[number // 51 % 51]}{digits[number % 51]}"
        place = folder / "spool" / "deferred" / queue_id[-1]
        place.mkdir(exist_ok=True)
        (place / queue_id).write_bytes(b"x" * 100)
    code = (
        "import time; from bmtick.collect import queue; begin = time.process_time();"
        f"queue.rows({str(folder / 'spool')!r}, time.time(), print);"
        "print(f'\\nqueue of 20000 by walk: {time.process_time() - begin:.3f} s')"
    )
    for _ in range(2):  # the first fills the cache
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks collector")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lines", type=int, default=LINES)
    given = parser.parse_args(arguments)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # One core for all, as for a process beside a busy mail server.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="bmtick-bench-") as name:
        folder = Path(name)
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "pyc")
        log, truth = simulate(folder, given.lines)
        # In a process of its own: a child's peak counts the memory of who started it.
        code = f"from pathlib import Path; from benchmarks import collector; collector.check(Path({str(log)!r}), Path({str(truth)!r}))"
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
        whole_log(folder, log, given.rounds)
        answers(log, given.rounds)
        one_run(folder, log, given.rounds)
        at_rest(folder)
        spool(folder)
