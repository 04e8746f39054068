"""Rules that Chronograf's Alert Builder recognises.

``reverse`` below reads a script as Chronograf does; its patterns are those of influxdata/chronograf
kapacitor/ast.go. All rules were also given to that program itself: it recognised each one, and
wrote it back with the same database, filter, aggregate, threshold and texts.
"""

import re

import pytest

from bmtick.alerts import catalogue, find, render
from bmtick.errors import BmtickError
from bmtick.tick import ast
from bmtick.tick.parser import parse

FITS = {
    "auth_failures": {},
    "collector_silent": {"measurement": "bmtick_collector"},
    "delivery_blocked": {},
    "postfix_queue": {"queues": ["deferred"]},
    "sender_clients": {},
    "sender_messages": {},
    "sender_recipients": {},
}


def reverse(script: str) -> dict:
    """What the Builder would show; raises where it would not recognise the script."""
    variables = {
        s.name.name: s.value for s in parse(script).statements if isinstance(s, ast.Declaration)
    }
    texts = ("db", "rp", "measurement", "name", "message", "triggerType", "details")
    rule = {name: variables[name].value for name in texts}
    assert all(isinstance(item, ast.String) for item in variables["groupBy"].items)
    where = re.search(r"var whereFilter = lambda: (.*)", script)[1]
    pairs = re.findall(r'"(.*?)"\s+(==|!=)\s+\'(.*?)\'', where)
    assert where == "TRUE" or len({operator for _, operator, _ in pairs}) == 1
    rule["tags"] = [(tag, operator, value) for tag, operator, value in pairs]
    if rule["triggerType"] == "deadman":
        assert isinstance(variables["period"], ast.Duration)
        return rule
    assert "var triggerType = 'threshold'" in script
    assert "var crit = " in script
    match = re.search(r"(?m)\|(\w+)\('([^']*)'\)\s*\.as\('value'\)", script) or re.search(
        r"(?m)\|(eval)\(lambda: \"([^\"]*)\"\)\s*\.as\('value'\)", script
    )
    rule["func"], rule["field"] = match[1], match[2]
    rule["operator"] = re.search(r'(?m)\.crit\(lambda:\s+"value"\s+(.*?)\s+crit\)', script)[1]
    rule["crit"] = variables["crit"].value
    return rule


@pytest.mark.parametrize("language", ["en", "fr", "de"])
@pytest.mark.parametrize("name", FITS)
def test_builder_recognises_it(name, language):
    script = render(find(name), {**FITS[name], "language": language}, form="rule").script
    rule = reverse(script)
    assert rule["name"] == name
    assert "'" not in rule["details"]  # the Builder does not escape it when it saves


def test_a_rule_says_what_the_alert_says():
    rule = reverse(render(find("sender_recipients"), {"crit": 7}, form="rule").script)
    assert (rule["func"], rule["field"], rule["operator"], rule["crit"]) == (
        "sum", "recipients", ">=", 7,
    )  # fmt: skip
    assert rule["tags"] == [("user", "!=", "_other")]
    values = {"where": {"host": ["a", "b"]}, "unless": {"user": "news"}}
    script = render(find("sender_recipients"), values, form="rule").script
    assert reverse(script)["tags"] == [("host", "==", "a"), ("host", "==", "b")]
    assert "|where(lambda: (\"user\" != 'news') AND (\"user\" != '_other'))" in script


def test_a_rule_watches_the_queue_it_is_told_and_one_of_silence_has_no_other_threshold():
    queue = find("postfix_queue")
    every = list(queue.parameters["queues"].choices)
    one = reverse(render(queue, {"queues": every[:1]}, form="rule").script)
    assert ("queue", "==", every[0]) in one["tags"]
    silent = render(find("collector_silent"), FITS["collector_silent"], form="rule").script
    assert "var threshold = 0.0\n" in silent


@pytest.mark.parametrize("name", sorted(set(catalogue()) - set(FITS)))
def test_what_does_not_fit_is_refused_with_a_reason(name):
    with pytest.raises(BmtickError, match="does not fit Chronograf's Alert Builder: it "):
        render(find(name), {}, form="rule")


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("postfix_queue", {}, "cannot add up series"),
        ("collector_silent", {}, "reads one measurement"),
        ("sender_recipients", {"warn": 10}, "no 'warn'"),
        ("sender_recipients", {"sigma": 3.0}, "no 'sigma'"),
        ("auth_failures", {"active_hours": ["8-18"]}, "no 'active_hours'"),
        ("auth_failures", {"where": {"host": "o'neil"}}, "holds a quote"),
    ],
)
def test_values_that_do_not_fit_are_refused(name, values, reason):
    with pytest.raises(BmtickError, match=reason):
        render(find(name), values, form="rule")


@pytest.mark.parametrize("name", FITS)
def test_kapacitor_starts_it(kapacitor, name):
    rendered = render(find(name), FITS[name], form="rule")
    reply = kapacitor.define(f"rule-{name}", rendered.script)
    assert reply.status_code == 200, reply.text
    assert kapacitor.get(f"/tasks/rule-{name}")["script"] == rendered.script
    kapacitor.delete(f"rule-{name}")


def test_a_rule_fires(kapacitor, sink):
    from tests.support.servers import wait_for

    values = {"queues": ["deferred"], "recipients": ["rule@example.org"]}
    kapacitor.define("rule-fires", render(find("postfix_queue"), values, form="rule").script)
    point = "postfix_queue,host=edge1,datalocation=bm-master"
    kapacitor.write(
        [f"{point},queue=active length=900i 0", f"{point},queue=deferred length=199i 0"]
    )
    kapacitor.write(f"{point},queue=deferred length=200i 10000000000")
    wait_for(lambda: any("rule@example.org" in r for r in sink.recipients), "the mail")
    kapacitor.delete("rule-fires")
    mails = [
        m for m, r in zip(sink.messages, sink.recipients, strict=True) if "rule@example.org" in r
    ]
    assert [m["subject"] for m in mails] == [
        "[CRITICAL] edge1: 200 messages in the Postfix queue (threshold 200)"
    ]
