"""Alerts by columns say what the engine says: the catalogue and random scripts over random points."""

import dataclasses
from random import Random

import pytest

from bmtick import names as n
from bmtick.alerts import catalogue, find
from bmtick.engine import load_task
from bmtick.points import Point
from bmtick.testing import backtest
from bmtick.testing.backtest import Run, Subject
from bmtick.testing.episodes import alert_nodes
from bmtick.testing.recorder import Recorder

pytest.importorskip("numpy")
columns = pytest.importorskip("bmtick.testing.columns")
Chunk = pytest.importorskip("bmtick.engine.chunks").Chunk

SECOND = 10**9
START = 1_767_600_000 * SECOND

# --- random scripts ---------------------------------------------------------------------------


def script(random):
    """Return a script of the catalogue's shapes."""
    where = random.choice(
        (
            "",
            "",
            "\"host\" != 'c'",
            '"n" >= 0',
            '"svc" == \'x\' AND "n" < 9',
            '"v" > 0.5 OR "n" == 2',
        )
    )
    lines = ["stream", "|from().measurement('m')"]
    lines.append(random.choice((".groupBy('host')", ".groupBy('host', 'svc')", "")))
    if where:
        lines.append(f".where(lambda: {where})")
    shape = random.choice(("window", "window", "plain", "queue", "sum"))
    idle = random.choice((3, 7, 20))
    barrier = f"|barrier().idle({idle}s).delete(TRUE)"
    if shape == "window":
        lines += [barrier] * (random.random() < 0.7)
        lines.append(f"|window().period({random.randint(1, 25)}s).every(0s)")
        lines.append(f"|{random.choice(('sum', 'count'))}('n').as('value')")
        lines.append(
            "|eval(lambda: int(\"value\"), lambda: 'x' + strReplace(\"host\", 'a', 'b', -1))"
        )
        lines.append(".as('value', 'part').tags('part').keep('value')")
    elif shape == "plain":
        lines += [barrier] * (random.random() < 0.5)
        made = random.choice(
            (
                'float("n") * 2.5 - "v"',
                'max(0.0, "v") * min(1.0, float("n") / 4.0)',
                '"v" / float("n")',
                'if("svc" == \'x\', 0, "n")',
                'if("n" > 3 AND "v" > 1.0, "n" * 2, "n" - 1)',
                '100.0 * "v" / (float("o") + 1.0)',
            )
        )
        lines.append(f"|eval(lambda: {made}).as('value').keep()")
        lines.append("|default().tag('svc', 'none')")
        if random.random() < 0.5:
            lines.append('|where(lambda: "host" == \'a\' OR "n" > 1)')
    elif shape == "queue":
        lines.append('|where(lambda: isPresent("n"))|window().periodCount(2).everyCount(1)')
        lines.append('|eval(lambda: if(count() % 2 == 1, "n", -"n")).as(\'change\')')
        lines.append(
            "|sum('change').as('change')|groupBy('host')|cumulativeSum('change').as('value')"
        )
        lines.append("|eval(lambda: count()).as('nth').keep()|barrier().idle(2s).delete(TRUE)")
        lines.append("|window().period(2s).every(2s)|max('nth').as('nth').usePointTimes()")
        lines.append("|groupBy('host', 'settled')")
    else:
        lines.append("|where(lambda: \"n\" != 5)|cumulativeSum('n').as('value')")
    crit = random.randint(-2, 14)
    compared = '"value"' if shape == "plain" else 'float("value")'
    lines.append(f"|alert().crit(lambda: {compared} >= {crit}.0)")
    if random.random() < 0.4:
        lines.append(f".critReset(lambda: {compared} < {crit - random.randint(0, 4)}.5)")
    if random.random() < 0.4:
        lines.append(f".warn(lambda: {compared} >= {crit - 3}.0)")
    if random.random() < 0.5:
        lines.append(".stateChangesOnly()")
    lines.append('.id(\'{{ index .Tags "host" }} {{ index .Tags "svc" }}\')')
    return "\n".join(lines)


def points(random):
    """Return points in order of time; some cases have what only the engine can take."""
    wild = random.random() < 0.15
    found, now = [], START
    steps = random.choice(((0, 0, 0, 1, 2, 3, 6, 15), (0, 0, 3, 10)))
    bare = random.random() < 0.1
    for _ in range(random.randint(1, 120)):
        now += random.choice(steps) * SECOND
        tags = {"host": random.choice("abc")}
        if not bare or random.random() < 0.8:
            tags["svc"] = random.choice("xy")
        fields = {
            "n": random.randint(-3, 9),
            "v": round(random.uniform(-2, 8), 2),
            "o": random.randint(0, 5),
        }
        if wild and random.random() < 0.05:
            fields["n"] = random.choice((1.5, 2**60, "text"))
        if wild and random.random() < 0.05:
            del fields[random.choice("nvo")]
        found.append(Point("m", tags, fields, now))
    return found


def by_engine(text, given, end):
    task = load_task(text, file="s.tick", name="task", now=None)
    (recorder,) = [Recorder(node) for node in alert_nodes(task)]
    for point in given:
        task.advance(point.time)
        task.feed(point, "", "")
    task.advance(end)
    task.close()
    problems = task.diagnostics() or task.stopped
    (again,) = alert_nodes(load_task(text, file="s.tick", name="task", now=None))
    criticals = recorder.count(again.levels)
    return shown(recorder.episodes.found), recorder.values(), criticals, problems


def by_columns(text, given, end):
    track = columns.ColumnTrack(load_task(text, file="s.tick", name="task", now=None), 5 * SECOND)
    for place in range(0, len(given), 17):
        track.take(Chunk(given[place : place + 17]))
    track.finish(end - 5 * SECOND)
    again = load_task(text, file="s.tick", name="task", now=None)
    return shown(track.episodes()), track.values(), track.count_of(again)


def shown(episodes):
    ordered = sorted(episodes, key=backtest._place)
    return [(e.begin, e.end, e.level, e.peak, type(e.peak), dict(e.group)) for e in ordered]


def compare(seed):
    """Return whether a random case went by columns; it is then the same, and has no problems."""
    random = Random(seed)
    text, given = script(random), points(random)
    end = given[-1].time + 5 * SECOND
    try:
        found = by_columns(text, given, end)
    except columns.NotColumnarError:
        return False
    assert (*found, "") == by_engine(text, given, end), f"{seed}\n{text}"
    return True


@pytest.mark.parametrize("block", range(4))
def test_random_scripts_say_the_same(block):
    done = [compare(seed) for seed in range(block * 100, block * 100 + 100)]
    assert sum(done) > 50


# --- the catalogue ----------------------------------------------------------------------------


def traffic(name, random):
    """Return points of one of the collector's measurements, with some storms."""
    found, now = [], START
    big = dict.fromkeys(random.sample(range(300), 12), True)
    values = [f"{letter}@corp.example" for letter in "abcdef"] + ["_other", "o'neil"]
    for number in range(300):
        now += random.choice((10, 10, 20, 60, 900, 5000)) * SECOND
        for _ in range(random.randint(1, 4)):
            tags = {tag: random.choice(values) for tag in n.TAGS[name]} | {"host": "bm"}
            if name == n.DELIVERY:
                tags["status"] = random.choice(n.STATUSES)
            most = 900 if number in big else 6
            fields = {field: random.randint(0, most) for field in n.FIELDS[name]}
            found.append(Point(name, tags, fields, now))
    return found


PLANNED = [alert.name for alert in catalogue().values() if not alert.batch]


@pytest.mark.parametrize("name", PLANNED)
def test_the_catalogue_says_the_same(name, monkeypatch):
    monkeypatch.setattr(backtest, "_CHUNK", 50)
    random = Random(name)
    subject = Subject(name, find(name), {})
    for _ in range(2):
        runs = [Run([subject], None, by_columns=by) for by in (True, False)]
        for measurement in runs[0].measurements:
            if measurement not in n.TAGS:
                return
            for point in traffic(measurement, random):
                for run in runs:
                    run.feed(point)
        quick, exact = [run.finish() for run in runs]
        if runs[0].unfit:
            return
        assert [dataclasses.asdict(r) for r in quick] == [dataclasses.asdict(r) for r in exact]


def test_the_costly_alerts_go_by_columns():
    for name in ("sender_outbreak", "sender_recipients", "postfix_queue", "relay_client"):
        run = Run([Subject(name, find(name), {})], None, by_columns=True)
        assert run._tracks[0]._columns is not None


def test_points_that_do_not_fit_at_first_are_run_through_the_engine():
    run = Run([Subject("q", find("postfix_queue"), {})], None, by_columns=True)
    tags = {"host": "bm", "queue": "deferred"}
    for number, length in enumerate((10, 300.0, 400, 10)):
        run.feed(Point("postfix_queue", tags, {"length": length}, START + number * 60 * SECOND))
    (result,) = run.finish()
    assert not run.unfit
    assert result.points == 4


def test_points_that_do_not_fit_later_make_the_alert_unfit(monkeypatch):
    monkeypatch.setattr(backtest, "_CHUNK", 2)
    run = Run([Subject("q", find("postfix_queue"), {})], None, by_columns=True)
    tags = {"host": "bm", "queue": "deferred"}
    for number, length in enumerate((10, 300, 400.5, 10)):
        run.feed(Point("postfix_queue", tags, {"length": length}, START + number * 60 * SECOND))
    assert run.finish() == []
    assert [subject.name for subject in run.unfit] == ["q"]
