"""Functions of InfluxQL give the values, types, times and points of Kapacitor's own."""

import json
from pathlib import Path

import pytest

from bmtick.engine.influxql import METHODS
from bmtick.engine.influxql.sample import Sample

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent / "cases" / "random.jsonl").read_text().splitlines()
]


def shown(value):
    return repr(value) if isinstance(value, float) else value


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['function']}-{c['kind']}")
def test_same_as_kapacitor(case):
    kind = {"float": float, "int": int}[case["kind"]]
    reducer = METHODS[case["function"]].build(case["arguments"])[kind]()
    got = []
    for time, value, tag in case["points"]:
        reducer.add(Sample(time, kind(value), {"k": tag}, {}))
        if case["each"]:
            got.append(reducer.emit())
    if not case["each"]:
        got.append(reducer.emit())
    with_tag = METHODS[case["function"]].selector or case["function"] in ("top", "bottom")
    assert case["results"] == [
        [[s.time, shown(s.value), s.tags.get("k", "") if with_tag else ""] for s in samples]
        for samples in got
    ]


def test_all_functions_have_cases():
    assert {case["function"] for case in CASES} == set(METHODS)
