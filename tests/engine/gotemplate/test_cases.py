"""Templates print as Go's do: recorded texts."""

import json
from pathlib import Path

import pytest

from bmtick.engine.gotemplate import Template, TemplateError
from bmtick.engine.lambdas import Duration, Time
from bmtick.errors import BmtickError

CASES = [
    (path.stem, json.loads(line))
    for path in sorted((Path(__file__).parent / "cases").glob("*.jsonl"))
    for line in path.read_text(encoding="utf-8").split("\n")
    if line
]
KINDS = {"float": float, "duration": Duration}
SERVER = {"Hostname": "hostn", "ClusterID": "cl", "ServerID": "sv"}


def value(raw):
    if isinstance(raw, dict):
        ((kind, inner),) = raw.items()
        return KINDS[kind](inner)
    return raw


def data(case, *, html):
    given = {
        "Name": case["name"],
        "TaskName": "task",
        "Group": "host=a",
        "Tags": case["tags"],
        "ServerInfo": SERVER,
        "ID": case["id"],
        "Fields": {key: value(raw) for key, raw in case["fields"].items()},
        "Level": case["level"],
        "Time": Time(case["time"]),
        "Duration": Duration(case["duration"]),
    }
    return given | {"Message": case["message"]} if html else given


@pytest.mark.parametrize(("kind", "case"), CASES, ids=lambda x: x if isinstance(x, str) else "")
def test_same_as_go(kind, case):
    html = kind == "html"
    try:
        got = {"ok": Template(case["template"], html=html).execute(data(case, html=html))}
    except BmtickError as error:
        got = {"refused": error.message}
    except TemplateError as error:
        got = {"failed": str(error)}
    if "ok" in got:
        assert got["ok"] == case.get("ok")
    else:
        assert "ok" not in case or "not supported" in str(got)


def test_there_are_cases():
    assert len(CASES) > 400
