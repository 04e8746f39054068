"""Functions of InfluxQL give the values, types, times and points of Kapacitor's own."""

import json
from pathlib import Path

import pytest

from bmtick.engine.influxql import METHODS, NEWER
from bmtick.engine.influxql.sample import Sample

FOLDER = Path(__file__).parent / "cases"
CASES = [json.loads(line) for line in (FOLDER / "random.jsonl").read_text().splitlines()]
# What InfluxDB's query package 1.9.6 gives, which Kapacitor 1.6 and later use.
NEWER_CASES = [json.loads(line) for line in (FOLDER / "newer.jsonl").read_text().splitlines()]


def shown(value):
    return repr(value) if isinstance(value, float) else value


def results(case, build):
    kind = {"float": float, "int": int}[case["kind"]]
    reducer = build(case["arguments"])[kind]()
    got = []
    for time, value, tag in case["points"]:
        reducer.add(Sample(time, kind(value), {"k": tag}, {}))
        if case["each"]:
            got.append(reducer.emit())
    if not case["each"]:
        got.append(reducer.emit())
    with_tag = METHODS[case["function"]].selector or case["function"] in ("top", "bottom")
    return [
        [[s.time, shown(s.value), s.tags.get("k", "") if with_tag else ""] for s in samples]
        for samples in got
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['function']}-{c['kind']}")
def test_same_as_kapacitor(case):
    assert case["results"] == results(case, METHODS[case["function"]].build)


@pytest.mark.parametrize("case", NEWER_CASES, ids=lambda c: f"{c['function']}-{c['kind']}")
def test_same_as_newer_ones(case):
    assert case["results"] == results(case, NEWER[case["function"]])


def test_all_functions_have_cases():
    assert {case["function"] for case in CASES} == set(METHODS)
