"""``bmtick backtest``: episodes over logs and history, thresholds, suggestions."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick.alerts import find
from bmtick.cli.root import cli
from bmtick.durations import HOUR, SECOND, WEEK
from bmtick.points import Point
from bmtick.testing.backtest import Run, Subject, run_points
from bmtick.testing.thresholds import Row, candidates, suggest
from tests.support.servers import find_program

LOG = Path(__file__).parents[2] / "examples" / "outbreak" / "mail.log"
TRUTH = json.loads((LOG.parent / "truth.json").read_text())
BEGIN = 1_767_600_000 * SECOND


def invoke(*args):
    return CliRunner().invoke(cli, ["backtest", *map(str, args)])


def queue(hours, lengths):
    """A month's worth of one queue, with lengths as {hour: length}, else noise."""
    noise = random.Random(1)
    for minute in range(hours * 60):
        length = lengths.get(minute // 60) or noise.randint(0, 30)
        yield Point(
            "postfix_queue",
            {"host": "bm", "datalocation": "bm-master", "queue": "deferred"},
            {"length": length, "size": 1000},
            BEGIN + minute * 60 * SECOND,
        )


def test_episodes_of_a_queue():
    run = Run([Subject("q", find("postfix_queue"), {"crit": 200})], None)
    (result,) = run_points(run, queue(24 * 14, {30: 250, 31: 900, 100: 300, 335: 500}))
    first, second, third = result.episodes
    assert (first.begin, first.end) == (BEGIN + 30 * HOUR, BEGIN + 32 * HOUR)
    assert (first.peak, second.peak, third.peak) == (900, 300, 500)
    assert third.end is None
    assert first.group["host"] == "bm"
    counts = {row.threshold: row.episodes for row in result.rows}
    assert counts[200] == 3
    assert counts[500] == 2
    assert counts[1000] == 0
    assert counts[20] > 100
    assert not result.problems


def test_an_alert_that_reads_every_measurement_sees_all_points():
    run = Run([Subject("silent", find("collector_silent"), {})], None)
    assert run.greedy == ["silent"]
    points = [
        Point(name, {"host": "bm"}, {"length": 1}, BEGIN + minute * 60 * 10**9)
        for minute in range(300)
        for name in ("postfix_queue", "cpu")
        if not 100 < minute < 200
    ]
    (result,) = run_points(run, points)
    assert result.points == len(points)
    assert len(result.episodes) == 1


def test_candidates_are_round_and_hold_the_one_in_use():
    assert candidates(Counter([1, 8, 9, 400]), 200, None, None) == [10, 20, 50, 100, 200, 500]
    assert candidates(Counter([10, 1000]), 50, None, None) == [50, 1000, 2000]
    assert candidates(Counter([0, 0, 0]), 200, 1, None)[-1] == 200
    assert all(20 <= t <= 300 or t == 200 for t in candidates(Counter([1, 5000]), 200, 20, 300))


def rows(*pairs, weeks=4):
    return [Row(threshold, count, count / weeks) for threshold, count in pairs]


@pytest.mark.parametrize(
    ("given", "threshold", "reason"),
    [
        (rows((50, 90), (100, 20), (200, 3), (500, 1), (1000, 1)), 500, "1000 would have found"),
        (rows((50, 90), (100, 3), (200, 2), (500, 1)), 100, "the lowest with at most one"),
        (rows((50, 0), (100, 0)), 50, "never reached"),
    ],
)
def test_suggestions_say_why(given, threshold, reason):
    found = suggest(given, 1234, 4 * WEEK)
    assert found.threshold == threshold
    assert reason.replace("1000", "1,000") in found.reason


def test_no_suggestion_from_an_hour():
    assert suggest(rows((50, 0)), 3, HOUR) is None
    assert suggest(rows((50, 90), (100, 20)), 3, 4 * WEEK) is None


def test_the_real_outbreak_is_found_in_its_log():
    result = invoke("--log", LOG, "--format", "json", "sender_outbreak", "relay_client")
    assert result.exit_code == 0, result.output
    outbreak, relay = json.loads(result.output)
    assert [e["group"]["user"] for e in outbreak["episodes"]] == [TRUTH["stolen_account"]]
    assert [e["group"]["client"] for e in relay["episodes"]] == [TRUTH["rogue_relay"]]
    assert outbreak["threshold"] == find("sender_outbreak").parameters["crit"].default


def test_the_table_for_people():
    result = invoke("--log", LOG)
    assert result.exit_code == 0, result.output
    assert "sender_outbreak: 1 episode" in result.output
    assert "postfix_queue: 1 episode" in result.output
    assert "webmail_failures: no points of bluemind_auth in this past" in result.output
    assert "less than a day says nothing about a week" in result.output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "say where the past is"),
        (("--log", "x", "--from", "7d"), "say where the past is"),
        (("--from", "soon"), "neither a duration nor a time"),
        (("--from", "1d", "--to", "2d"), "--from is not before --to"),
        (("--log", "/nonexistent.log"), "nonexistent.log"),
        (("--log", LOG, "postfix_qeue"), "did you mean 'postfix_queue'?"),
        (("--log", LOG, "--set", "crit=1"), "--set is for one alert"),
        (("--log", LOG, "postfix_queue", "--set", "crit=many"), "crit"),
    ],
)
def test_wrong_use_is_refused(args, message):
    result = invoke(*args)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_history_from_a_real_influxdb(influx, tmp_path):
    influx.execute("CREATE DATABASE backtest")
    lines = [point.to_line() for point in queue(60, {10: 700})]
    influx.write(lines, db="backtest")
    config = tmp_path / "bmtick.toml"
    config.write_text(
        f'[influxdb]\nurl = "{influx.url}"\ndatabase = "backtest"\n'
        "[alerts.postfix_queue]\ncrit = 200\n"
    )
    result = invoke(
        "--config",
        config,
        "--from",
        "2026-01-05T00:00:00Z",
        "--to",
        "2026-01-09T00:00:00Z",
        "--format",
        "json",
    )
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.output)
    assert found["points"] == len(lines), found
    assert not found["problems"]
    (episode,) = found["episodes"]
    assert (episode["peak"], episode["begin"]) == (700, "2026-01-05T18:00:00Z")
    assert found["suggestion"]["threshold"] in (50, 100)


REFUSED = """
{source}
    |alert().id('{{{{ index .Tags "user" }}}}').crit(lambda: "refused" > 9).stateChangesOnly()
        .message('{{{{ index .Fields "refused" }}}} refused')
"""
STREAM = "stream|from().measurement('postfix_sender').groupBy('user')"
BATCH = """batch|query('SELECT sum(refused) AS refused FROM "telegraf"."autogen".postfix_sender')
    .period(5m).every(1m).align().groupBy('user')"""


@pytest.mark.parametrize("source", [STREAM, BATCH], ids=["stream", "batch"])
def test_a_script_of_ones_own_over_a_log(tmp_path, source):
    if source is BATCH:
        find_program("influxd")
    path = tmp_path / "own.tick"
    path.write_text(REFUSED.format(source=source))
    result = invoke(path, "--log", LOG, "--format", "json")
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)
    assert {episode["id"] for episode in found["episodes"]} == {TRUTH["stolen_account"]}
    first = found["episodes"][0]
    assert (first["level"], found["problems"]) == ("CRITICAL", [])
    assert first["message"].endswith(" refused")
    shown = invoke(path, "--log", LOG).output
    assert f"{len(found['episodes'])} episode" in shown
    assert first["begin"] in shown


def test_a_batch_script_of_ones_own_over_influxdb(tmp_path, influx):
    path = tmp_path / "own.tick"
    path.write_text(REFUSED.format(source=BATCH))
    at = BEGIN // SECOND
    lines = [
        f"postfix_sender,user=u refused={n}i {at + 60 * i}000000000"
        for i, n in enumerate([5, 40, 0])
    ]
    influx.write([*lines, f"postfix_sender,user=u refused=1i {at + 600}000000000"])
    settings = tmp_path / "bmtick.toml"
    settings.write_text(f'[influxdb]\nurl = "{influx.url}"\n')
    span = ["--from", "2026-01-05T08:00:00Z", "--to", "2026-01-05T08:20:00Z"]
    result = invoke(path, *span, "--config", settings, "--format", "json")
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)
    (episode,) = found["episodes"]
    # a sum has the time of its interval's begin
    assert (episode["begin"], episode["message"]) == ("2026-01-05T07:57:00Z", "45 refused")
    assert episode["end"]


def test_own_scripts_stand_alone(tmp_path):
    path = tmp_path / "own.tick"
    path.write_text(REFUSED.format(source=STREAM))
    assert "stand alone" in invoke(path, "postfix_queue", "--log", LOG).output
    assert "stand alone" in invoke(path, "--log", LOG, "--set", "crit=1").output
    broken = tmp_path / "broken.tick"
    broken.write_text("stream|from()\n|nothing()")
    result = invoke(broken, "--log", LOG)
    assert result.exit_code == 2
    assert "broken.tick:2:2" in result.output
