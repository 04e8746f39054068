"""What the checker finds stops an apply before the server is asked: the server would take it."""

import pytest

from bmtick.deploy.desired import Desired
from bmtick.deploy.model import Facts, TaskDefinition
from bmtick.deploy.plan import make_plan
from bmtick.deploy.preflight import check_offline
from bmtick.deploy.session import Planned

SCRIPT = """stream
    |from()
        .measurement('postfix_queue')
        .groupBy('host')
    |alert()
        .crit(lambda: "length" > {limit})
        .id('{{{{ index .Tags "host" }}}}')
        .message('{message}')
        .details('seen')
        .log('/tmp/alerts')
"""


def found(limit, message):
    script = SCRIPT.format(limit=limit, message=message)
    task = TaskDefinition("bmtick-x", script, (("telegraf", "autogen"),))
    desired, facts = Desired({task.id: task}), Facts()
    return check_offline(Planned(desired, facts, make_plan(desired, facts, {})))


def test_a_sound_script_passes():
    assert found("200", "queue {{ .Level }}") == []


@pytest.mark.parametrize(
    ("limit", "message", "line"),
    [
        pytest.param("'a'", "queue", "bmtick-x:6:", id="type error that Kapacitor defines"),
        pytest.param("200", "queue {{ .Level", "bmtick-x:8:", id="template that does not parse"),
    ],
)
def test_what_fails_at_run_time_is_fatal(limit, message, line):
    (check,) = found(limit, message)
    assert check.fatal
    assert str(check).startswith(line)
