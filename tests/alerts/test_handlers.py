"""Each handler with all its options: written as Kapacitor reads it, and taken by a real one."""

import pytest

from bmtick.alerts import find, render
from bmtick.alerts.handlers import all_handlers
from bmtick.errors import BmtickError
from bmtick.settings import parse

NASTY = "it's {{.ID}} \\ 'x' ü \\"
USES = {
    "post": {"url": "http://127.0.0.1:9/a?b=c", "header": {"X-Origin": NASTY}, "timeout": "5s", "capture_response": True, "endpoint": "guard"},
    "exec": {"command": ["/bin/true", NASTY, ""]},
    "log": {"path": "/tmp/bmtick-test-'quoted'.log", "mode": 0o640},
    "tcp": {"address": "127.0.0.1:9"},
    "slack": {"workspace": "w", "channel": "#mail", "username": NASTY, "icon_emoji": ":fire:"},
    "telegram": {"chat_id": "-100", "parse_mode": "HTML", "disable_web_page_preview": True, "disable_notification": True},
    "teams": {"channel_url": "https://outlook.example.org/webhook"},
    "pagerduty2": {"routing_key": "key", "link": {"https://example.org/": "runbook"}},
    "opsgenie2": {"teams": ["a", "b"], "recipients": ["c"], "recovery_action": "notes"},
    "alerta": {"resource": NASTY, "event": "e", "environment": "Production", "group": "g", "value": "v", "origin": "o", "services": ["mail", NASTY], "timeout": "24h"},
    "sensu": {"source": "bm", "handlers": ["mail", "irc"], "metadata": {"k": NASTY}},
    "mqtt": {"topic": "mail/alerts", "broker_name": "b", "qos": 2, "retained": True},
    "snmptrap": {"trap_oid": "1.3.6.1.2.1.1", "data": ["1.3.6.1.2.1.1.7 s it's text", "1.3.6.1.2.1.1.8 i 5"]},
    "victorops": {"routing_key": "team"},
    "pushover": {"user_key": "u", "device": "d", "title": NASTY, "url": "https://example.org", "url_title": "t", "sound": "siren"},
}  # fmt: skip


def test_every_handler_and_option_is_used_here():
    assert {h: set(o) for h, o in USES.items()} == {
        name: set(handler.options) for name, handler in all_handlers().items()
    }


def test_an_endpoint_of_kapacitor_is_enough_and_nothing_is_not():
    script = render(
        find("postfix_queue"), {"post": [{"endpoint": "mta1"}, {"endpoint": "x"}]}
    ).script
    assert ".post()\n        .endpoint('mta1')\n        .post()" in script
    with pytest.raises(BmtickError, match="'post' needs 'url'"):
        render(find("postfix_queue"), {"post": {}})


@pytest.mark.parametrize("name", USES)
def test_kapacitor_takes_it(kapacitor, name):
    script = render(find("postfix_queue"), {name: USES[name]}).script
    reply = kapacitor.define(f"handler-{name}", script, enabled=False)
    assert reply.status_code == 200, reply.text
    assert kapacitor.get(f"/tasks/handler-{name}")["script"] == script
    kapacitor.delete(f"handler-{name}")


@pytest.mark.parametrize("name", sorted(set(USES) - {"mqtt"}))  # starts only with its broker
def test_kapacitor_starts_it(kapacitor, name):
    script = render(find("postfix_queue"), {name: USES[name]}).script
    reply = kapacitor.define(f"handler-{name}", script)
    assert reply.status_code == 200, reply.text
    kapacitor.delete(f"handler-{name}")


def test_all_at_once(kapacitor):
    uses = {name: use for name, use in USES.items() if name != "mqtt"}
    rendered = render(find("sender_recipients"), uses)
    assert rendered.handlers == set(uses)  # no recipient is named, so no mail
    assert kapacitor.define("handlers", rendered.script).status_code == 200
    kapacitor.delete("handlers")


def test_settings_give_handlers_to_all_alerts_and_one_alert_overrides():
    settings = parse(
        """
[notify]
recipients = ["postmaster@example.org"]
bluemind = "http://core:8090/internal-api/alerts"
slack = { channel = "#all" }
telegram = true
""",
        file="bmtick.toml",
    )
    script = render(
        find("postfix_queue"), {"slack": {"username": "bm"}, "telegram": False}, settings=settings
    ).script
    assert ".post('http://core:8090/internal-api/alerts')" in script
    assert ".slack()\n        .channel('#all')\n        .username('bm')" in script
    assert "telegram" not in script
    assert "var recipients = ['postmaster@example.org']" in script


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"post": {"url": "ftp://x"}}, "is not an address"),
        ({"post": {"url": "http://u:secret@x"}}, "password"),
        ({"post": {"url": "http://x", "header": {"Authorization": "Bearer x"}}}, "secret"),
        ({"exec": {"command": ["reboot"]}}, "absolute path"),
        ({"tcp": {"address": "loghost"}}, "HOST:PORT"),
        ({"alerta": {"token": "x"}}, "no option 'token'"),
        ({"mqtt": True}, "needs 'topic'"),
        ({"mqtt": {"topic": "t", "qos": 3}}, "0 to 2"),
        ({"slack": "#mail"}, "cannot be '#mail'"),
        ({"telegram": {"parse_mode": "html"}}, "not one of Markdown, HTML"),
        ({"snmptrap": {"trap_oid": "1.3", "data": ["1.3.6 x y"]}}, "OID TYPE VALUE"),
    ],
)
def test_wrong_uses_are_refused(values, message):
    with pytest.raises(BmtickError) as error:
        render(find("postfix_queue"), values)
    assert message in str(error.value)
