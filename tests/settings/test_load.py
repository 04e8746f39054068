import pytest

from bmtick.errors import BmtickError
from bmtick.settings import parse


def test_the_contracts_example_loads():
    settings = parse(
        """
language = "en"
[kapacitor]
url = "http://127.0.0.1:9092"
[influxdb]
url = "http://127.0.0.1:8086"
database = "telegraf"
retention_policy = "autogen"
[notify]
recipients = ["admin@domain.net"]
bluemind = "http://core:8090/internal-api/alerts"
[collect]
logs = ["/var/log/mail.log"]
known_clients = ["127.0.0.0/8", "::1"]
[alerts.postfix_queue]
crit = 200
[alerts.edge_queue]
use = "postfix_queue"
crit = 1000
where = { host = "edge1" }
""",
        file="bmtick.toml",
    )
    assert settings.alerts["edge_queue"]["where"] == {"host": "edge1"}
    assert settings.kapacitor["default"].url == "http://127.0.0.1:9092"


def test_several_kapacitors_have_names():
    text = '[kapacitor.a]\nurl = "http://a:9092"\n[kapacitor.b]\nurl = "http://b:9092"\n'
    assert list(parse(text, file="f").kapacitor) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[notify]\nrecipient = ["a@b"]', "f:2:1: error: unknown key 'recipient' in [notify] (did you mean 'recipients'?)"),
        ('langage = "en"', "f:1:1: error: unknown key 'langage' (did you mean 'language'?)"),
        ('[kapacitor]\nurll = "x"', "f:2:1: error: unknown key 'urll' in [kapacitor] (did you mean 'url'?)"),
        ("[collect]\nlogs = 3", "f:2:1: error: 'collect.logs' is a list, not 3 (write logs = [\"3\"])"),
        ('language = "es"', "f:1:1: error: 'language' is one of "),
        ("[collect", "f:1:9: error: "),
        ('path = "x"', "f:1:1: error: unknown key 'path'"),
    ],
)  # fmt: skip
def test_refusals_say_where_and_what(text, message):
    with pytest.raises(BmtickError) as caught:
        parse(text, file="f")
    assert str(caught.value).startswith(message)
