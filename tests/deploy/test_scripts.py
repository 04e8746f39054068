"""What deploying reads out of a script, and what it adds."""

import pytest

from bmtick.alerts import catalogue, render
from bmtick.deploy.instrument import instrument, instrument_template
from bmtick.deploy.labels import body, label_task, task_digest, task_label
from bmtick.deploy.model import TaskDefinition
from bmtick.deploy.requests import TaskRequest, drifted, next_request
from bmtick.deploy.scripts import read_script
from bmtick.tick.checker import check

TWO = """var groups = ['host', 'user']
var to = ['a@example.org']
var data = stream
    |from()
        .measurement('m')
        .groupBy(groups)
data
    |alert()
        .crit(lambda: "v" > 1)
        // |alert() in a comment
        .message('|alert() in a string')
        .email(to)
        .slack()
            .channel('#x')
data
    |groupBy('user')
    |alert()
        .crit(lambda: "v" > 2)
        .log('/var/log/x')
"""


def test_alerts_groups_and_handlers():
    first, second = read_script(TWO).alerts()
    assert (first.groups, second.groups) == (("host", "user"), ("user",))
    assert (first.handlers(), second.handlers()) == ({"email", "slack"}, {"log"})
    assert [p.name for p in first.handler_calls()] == ["email", "slack", "channel"]


def test_topic_and_category_go_to_every_alert_node():
    text = instrument(TWO, "bmtick-a", {})
    read = read_script(text)
    assert read.property_values("category") == ["bmtick-a", "bmtick-a"]
    assert text.count("    |alert()\n        .topic(") == 2
    assert ".topic('bmtick-a' + '.2')" in text
    assert [f for f in check(text) if f.severity == "error"] == []
    assert instrument(text, "bmtick-a", {}) == text


@pytest.mark.parametrize("name", catalogue())
def test_both_ways_to_instrument_agree(name):
    """Where there is one alert node the script is not parsed."""
    script = render(catalogue()[name], {}).script
    slow = instrument(f"// |alert() keeps it from the quick way\n{script}", "bmtick-x", {})
    if script.count("|alert()") == 1:
        assert slow.partition("\n")[2] == instrument(script, "bmtick-x", {})
    assert len(read_script(slow).property_values("category")) == len(read_script(script).alerts())


def test_a_template_gets_its_task_by_var():
    text, variables = instrument_template(TWO, "bmtick-a", {"x": {"type": "int", "value": 1}})
    assert text.startswith("var bmtickTask string\n")
    assert variables["bmtickTask"] == {"type": "string", "value": "bmtick-a"}
    assert read_script(text, variables).property_values("category") == ["bmtick-a"] * 2


TASK = TaskDefinition("bmtick-a", TWO, (("telegraf", "autogen"),))


def test_marks_name_the_task_and_survive_a_new_script():
    marked = label_task(TASK, as_variable=True)
    assert body(marked.script) == TWO
    assert task_label(marked).digest == task_digest(TASK)
    assert not drifted(marked)
    edited = TaskDefinition("bmtick-a", "stream", TASK.dbrps, marked.vars)
    assert drifted(edited)
    header_only = TaskDefinition("bmtick-a", marked.script + "// x\n", TASK.dbrps)
    assert drifted(header_only)
    copied = TaskDefinition("bmtick-copy", label_task(TASK, as_variable=False).script, TASK.dbrps)
    assert task_label(copied) is None  # a copy by hand is not bmtick's


def test_a_comment_in_a_settings_value_is_no_mark():
    forged = TASK.script.replace("'#x'", "'// bmtick: task=bmtick-a digest=00'")
    assert task_label(TaskDefinition("bmtick-a", forged, TASK.dbrps)) is None


def test_nothing_is_to_do_where_nothing_is_wanted():
    assert next_request(None, None) is None
    assert next_request(None, TASK) is TaskRequest.CREATE
