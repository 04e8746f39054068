"""States that older versions wrote, as recorded: taken over, nothing counted twice or started from scratch."""

from pathlib import Path

import pytest

from bmtick.points import parse_lines
from tests.support import program

ROOT = Path(__file__).parents[2]
STATES = Path(__file__).parent / "states"
NAMES = sorted(path.stem for path in STATES.glob("*.state"))
MORE = """\
2024-02-01T00:00:20.100000+00:00 mx postfix/qmgr[1]: AAAA01: from=<anna@example.org>, size=500, nrcpt=2 (queue active)
2024-02-01T00:00:20.200000+00:00 mx postfix/qmgr[1]: AAAA02: from=<anna@example.org>, size=40, nrcpt=3 (queue active)
2024-02-01T00:00:20.300000+00:00 mx postfix/smtp[1]: AAAA01: to=<x@far.example>, relay=mx.far.example[198.51.100.1]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (no such user)
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_state_of_an_older_version(name, tmp_path):
    log, state = tmp_path / "mail.log", tmp_path / "state"
    log.write_bytes((STATES / "mail.log").read_bytes() + MORE.encode())
    state.write_bytes((STATES / f"{name}.state").read_bytes())
    if (STATES / f"{name}.state.memory").exists():
        state.with_name("state.memory").write_bytes((STATES / f"{name}.state.memory").read_bytes())
    lines = run("mail.log", state)
    found = list(parse_lines(lines))
    assert sum(p.fields["lines"] for p in found if p.name == "bmtick_collector") == 3
    messages = [p for p in found if p.fields.get("messages")]
    assert [(p.tags, p.fields["messages"], p.fields["recipients"]) for p in messages] == [
        ({"user": "anna@example.org"}, 1, 3)
    ]
    (anna,) = messages
    assert anna.fields["refused"] == 1
    assert anna.fields["clients"] == 1, "the address of the last hour is remembered"
    again = list(parse_lines(run("mail.log", state)))
    assert not any(p.fields.get("messages") for p in again)


def run(log: str, state: Path) -> list[str]:
    what = ("collect", "--log", log, f"--state={state}", "--queue=off")
    done = program.run_text(*what, cwd=state.parent)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()
