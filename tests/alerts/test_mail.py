"""What arrives: mails that people can read, and rows that Chronograf and BlueMind can."""

import time

import pytest

from bmtick.alerts import find, render
from tests.alerts.on_kapacitor import define
from tests.support.servers import wait_for

HOSTILE = r"o'neil\ {{.Level}}<script>alert(1)</script>$(id)`\,x\=y_z"
SHOWN = "o'neil {{.Level}}<script>alert(1)</script>$(id)`,x=y_z"


@pytest.fixture
def deploy(kapacitor):
    tasks = []

    def one(alert, instance="", **values):
        rendered = render(find(alert), values, instance=instance)
        define(kapacitor, rendered.task_id, rendered)
        tasks.append(rendered.task_id)
        return rendered

    yield one
    for task in tasks:
        kapacitor.delete(task)


def mail_to(sink, recipient, number=1):
    wait_for(
        lambda: sum(recipient in to for to in sink.recipients) >= number, f"a mail to {recipient}"
    )
    return [m for m, to in zip(sink.messages, sink.recipients, strict=True) if recipient in to]


@pytest.mark.parametrize(
    ("language", "subject", "step"),
    [
        ("en", "[CRITICAL] edge1: 200 messages in the Postfix queue (threshold 200)", "<h3>What to do now</h3>"),
        ("fr", "[CRITICAL] edge1: 200 messages dans la file d'attente Postfix (seuil 200)", "<h3>Que faire maintenant</h3>"),
        ("de", "[CRITICAL] edge1: 200 Nachrichten in der Postfix-Warteschlange (Schwelle 200)", "<h3>Was jetzt zu tun ist</h3>"),
    ],
)  # fmt: skip
def test_mail_says_host_value_threshold_and_what_to_do(
    deploy, kapacitor, sink, language, subject, step
):
    to = f"queue-{language}@example.org"
    deploy("postfix_queue", language=language, recipients=[to])
    kapacitor.write(
        [
            f"postfix_queue,host=edge1,queue={q} length={n}i 0"
            for q, n in (("hold", 40), ("active", 160))
        ]
    )
    (mail,) = mail_to(sink, to)
    assert mail["subject"].replace(" :", ":") == subject
    body = mail.get_content()
    assert step in body
    assert "bm-cli user logout" in body
    assert "bmtick respond" in body
    assert "{{" not in body


def test_hostile_user_is_shown_and_quoted_not_interpreted(deploy, kapacitor, sink):
    to = "hostile@example.org"
    deploy("sender_recipients", crit=1, recipients=[to])
    kapacitor.write(
        f"postfix_sender,host=edge1,datalocation=bm-master,user={HOSTILE} recipients=1i 0"
    )
    (mail,) = mail_to(sink, to)
    assert SHOWN in mail["subject"]
    body = mail.get_content()
    assert "<script>" not in body
    assert "&lt;script&gt;" in body
    quoted = "&#39;o&#39;\\&#39;&#39;neil {{.Level}}&lt;script&gt;alert(1)&lt;/script&gt;$(id)`,x=y_z&#39;"
    assert f"bm-cli user logout {quoted}" in body


def test_control_characters_do_not_make_headers(deploy, kapacitor, sink):
    to = "headers@example.org"
    deploy("sender_messages", crit=1, recipients=[to])
    kapacitor.write("postfix_sender,host=edge1,user=a\rBcc:\\ evil@example.org messages=1i 0")
    (mail,) = mail_to(sink, to)
    assert mail["bcc"] is None
    assert not any("evil@example.org" in to for to in sink.recipients)


def test_recipients_with_quotes_get_their_mail(deploy, kapacitor, sink):
    to = ["o'brien@example.org", "{{x}}@example.org"]
    deploy("auth_failures", crit=1, recipients=to)
    kapacitor.write("postfix_auth,host=edge1,client=1.2.3.4 failures=1i 0")
    wait_for(lambda: any("o'brien@example.org" in r for r in sink.recipients), "the mail")
    assert next(r for r in sink.recipients if "o'brien@example.org" in r) == to


def test_chronograf_and_bluemind_find_the_alert(deploy, kapacitor, influx):
    deploy("delivery_blocked", "history", crit=3, recipients=[], log="/dev/null")
    stamp = time.time_ns()
    kapacitor.write(
        f"postfix_delivery,host=10.0.0.9,datalocation=bm-master,status=bounced count=5i,blocked=4i {stamp}"
    )
    where = "WHERE alertName = 'history'"
    history = f"SELECT host, value, level, alertName FROM alerts {where}"
    console = f"SELECT alertID, alertName, datalocation, host, level, message FROM alerts {where}"
    wait_for(lambda: influx.query(history, "chronograf"), "the row in chronograf.autogen.alerts")
    (row,) = influx.query(history, "chronograf")[0]["values"]
    assert row == [stamp, "10.0.0.9", 4, "CRITICAL", "history"]
    (row,) = influx.query(console, "chronograf")[0]["values"]
    alert_id = row[1]
    assert alert_id.split("_") == ["postfix", "history", "bm-master"]
    message = "[CRITICAL] 10.0.0.9: 4 deliveries refused as spam within 10m (threshold 3)"
    assert row[2:] == ["history", "bm-master", "10.0.0.9", "CRITICAL", message]
    types = influx.query("SHOW FIELD KEYS FROM alerts", "chronograf")[0]["values"]
    assert ["value", "float"] in types
