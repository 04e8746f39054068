"""``.Time.Local`` and what it leads to: as Go's, in seven zones, over their changes of the clock.

``times.jsonl`` was recorded from Go's ``text/template`` with ``time.Local`` set to the zone.
"""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bmtick.engine import load_task
from bmtick.engine.gotemplate import Template
from bmtick.engine.lambdas import Duration, Time
from bmtick.errors import BmtickError
from bmtick.points import Point
from bmtick.zones import local_zone

LINES = (Path(__file__).parent / "times.jsonl").read_text().splitlines()
CASES = [json.loads(line) for line in LINES]


def test_same_as_go():
    for case in CASES:
        template = Template(case["template"], zone=ZoneInfo(case["zone"]))
        data = {"ID": "x", "Time": Time(case["time"]), "Duration": Duration(case["duration"])}
        assert template.execute(data) == case["ok"], case


def test_there_are_cases():
    assert len({case["zone"] for case in CASES}) == 7
    assert sum(".Local" in case["template"] for case in CASES) > 100


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"TZ": "Europe/Berlin"}, "CET"),
        ({"TZ": ":America/New_York"}, "EST"),
        ({"TZ": ""}, "UTC"),
        ({"TZ": "UTC"}, "UTC"),
        ({"TZ": "Not/There"}, "UTC"),
        ({"TZ": "../etc/passwd"}, "UTC"),
    ],
)
def test_the_zone_of_the_machine(environ, name):
    moment = Time(1_767_600_000_000_000_000)
    template = Template('{{ .Time.Local.Format "MST" }}', zone=local_zone(environ))
    assert template.execute({"ID": "x", "Time": moment}) == name


def test_a_zone_by_the_path_of_its_file(tmp_path):
    path = tmp_path / "zone"
    assert local_zone({"TZ": str(path)}).utcoffset(None) is not None  # not there: UTC
    path.write_bytes(b"no zone")
    assert str(local_zone({"TZ": f":{path}"})) == "UTC"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            "{{ .Time.Locale }}",
            ".Time.Locale does not exist: Go's time.Time has no method Locale, did",
        ),
        ("{{ .Time.Local.Fromat }}", ".Time.Local.Fromat does not exist"),
        ("{{ if .Level }}{{ $.Time.Add1 }}{{ end }}", ".Time.Add1 does not exist"),
        ("{{ with .Level }}{{ $.Duration.Format }}{{ end }}", "time.Duration has no method Format"),
        ("{{ .Duration.Round 1 }} {{ (.Time.Month.Foo) }}", "time.Month has no method Foo"),
        ("{{ .Time.Location }}", "the method .Time.Location is not supported"),
    ],
)
def test_a_method_that_is_not_there_is_refused_before_anything_runs(template, message):
    with pytest.raises(BmtickError) as raised:
        load_task(f"stream|from()\n|alert().message('{template}')", file="s.tick", name="s")
    assert message in raised.value.message
    assert raised.value.location.line == 2


@pytest.mark.parametrize(
    "template",
    [
        "{{ with .Tags }}{{ .Time.Locale }}{{ end }}",
        '{{ define "x" }}{{ .Time.X }}{{ end }}',
        "{{ .Time.Unix }}",
    ],
)
def test_where_the_dot_is_something_else_nothing_is_refused(template):
    Template(template)


def test_an_alert_tells_the_time_of_the_zone():
    script = "stream|from()|alert().crit(lambda: TRUE).message('{{ .Time.Local }}')"
    task = load_task(script, file="s.tick", name="s", zone=ZoneInfo("Asia/Kolkata"))
    task.feed(Point("m", {}, {"v": 1}, 1_767_600_000_000_000_000))
    assert task.take_events()[0].message == "2026-01-05 13:30:00 +0530 IST"
