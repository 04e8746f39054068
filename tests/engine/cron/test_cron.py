"""``.cron()`` fires when cronexpr, the Go package that Kapacitor uses, says so.

``cases.jsonl`` was recorded from cronexpr: 45 forms by hand, the rest at random, also over the hours
that summer time skips and repeats.
"""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bmtick.engine.cron import Cron, CronError
from bmtick.engine.gotime import parse_rfc3339, rfc3339_nano

LINES = (Path(__file__).parent / "cases.jsonl").read_text().splitlines()
CASES = [json.loads(line) for line in LINES]


def fires(case):
    """Return the first four times, or why it is no expression."""
    try:
        cron = Cron(case["cron"])
    except CronError as error:
        return {"error": str(error)}
    at, found = parse_rfc3339(case["after"]), []
    while len(found) < 4 and (at := cron.next(at, ZoneInfo(case["zone"]))) is not None:
        found.append(rfc3339_nano(at))
    return {"next": found}


def test_same_as_cronexpr():
    for case in CASES:
        given = {name: case[name] for name in ("cron", "after", "zone")}
        assert {**given, **fires(case)} == case


def test_the_cases_say_something():
    assert sum("error" in case for case in CASES) >= 10
    assert sum(len(case.get("next", ())) == 4 for case in CASES) >= 100


def test_what_crashes_the_server_is_refused():
    with pytest.raises(CronError, match="crashes"):
        Cron("10-5 * * * *")
