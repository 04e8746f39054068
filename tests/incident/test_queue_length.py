"""The queue's course from logs: folders with a log and the lengths that it tells."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.collect import scan
from bmtick.collect.options import Options
from bmtick.incident.queue_length import rows_with_queue
from bmtick.names import QUEUE

CASES = sorted((Path(__file__).parent / "queue_length").iterdir())
OUTBREAK = Path(__file__).parents[2] / "examples" / "outbreak"
QUEUES = ("active", "deferred", "incoming")


def lengths(log):
    """Return the length of each queue by time."""
    found = {}
    for name, tags, fields, at in rows_with_queue([str(log)], Options()):
        if name == QUEUE:
            found.setdefault(at // 10**9, {})[tags[0]] = fields[0]
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("compiled", [True, False])
def test_cases(case, compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(scan, "feed", None)
    expected = [
        line.split()
        for line in (case / "queue.txt").read_text().splitlines()
        if not line.startswith("#")
    ]
    found = [
        [
            datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S"),
            *(str(queues[queue]) for queue in QUEUES),
        ]
        for at, queues in lengths(case / "mail.log").items()
    ]
    assert found == expected


def test_a_log_tells_what_the_real_queue_was():
    told = lengths(OUTBREAK / "mail.log")
    seen = {}
    for line in (OUTBREAK / "queue.lp").read_text().splitlines():
        _series, fields, at = line.split(" ")
        length = int(fields.split(",")[0].removeprefix("length=").removesuffix("i"))
        seen[int(at) // 10**9] = seen.get(int(at) // 10**9, 0) + length
    assert {at: sum(told[at].values()) for at in seen} == seen
    assert max(seen.values()) > 200


def backtest(*args):
    return json.loads(CliRunner().invoke(cli, ["backtest", *args, "--format", "json"]).stdout)


def test_a_backtest_of_the_queue_from_a_log():
    told = backtest("postfix_queue", "postfix_queue_growth", "--log", str(OUTBREAK / "mail.log"))
    assert [[e["peak"] for e in one["episodes"]] for one in told] == [[273], [273]]


def test_made_points_hide_no_silence_of_a_log(tmp_path):
    log = tmp_path / "mail.log"
    lines = (CASES[0] / "mail.log").read_text().splitlines()
    later = lines[0].replace("2026-11-24T10", "2026-11-24T16")
    log.write_text("\n".join([*lines, later, ""]))
    (alone,) = backtest("collector_silent", "--log", str(log))
    _, beside = backtest("postfix_queue", "collector_silent", "--log", str(log))
    assert alone["episodes"]
    assert beside["episodes"] == alone["episodes"]


@pytest.mark.parametrize("source", ["stream", "batch"])
def test_a_script_of_ones_own_reads_the_queue_of_a_log(tmp_path, source):
    script = tmp_path / "own.tick"
    if source == "stream":
        head = "stream\n    |from()\n        .measurement('postfix_queue')\n        .groupBy('queue')\n"
    else:
        head = (
            "batch\n    |query('SELECT max(length) AS length FROM telegraf.autogen.postfix_queue')\n"
            "        .period(1m)\n        .every(1m)\n        .groupBy('queue')\n"
        )
    script.write_text(head + '    |alert()\n        .crit(lambda: "length" > 250)\n')
    log = str(OUTBREAK / "mail.log")
    (told,) = backtest(str(script), "--log", log)
    assert [episode["level"] for episode in told["episodes"]] == ["CRITICAL"]
