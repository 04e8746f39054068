"""init on copies of machines: what it finds, what it writes, what it leaves alone."""

import re
import shutil
import tomllib

import pytest
from click.testing import CliRunner

from bmtick.alerts import catalogue
from bmtick.cli.root import cli, main_context
from bmtick.deploy import detect
from bmtick.settings import parse
from tests.incident.logwriter import START, Log

OUTPUT = """
[global_tags]
  datalocation = "bm-master"
[agent]
  hostname = "10.0.0.5"
[[outputs.influxdb]]
  urls = ["http://127.0.0.1:1"]
  database = "telegraf"
"""


@pytest.fixture
def machine(tmp_path):
    root = tmp_path / "root"
    for path, text in {
        "etc/telegraf/telegraf.d/output.conf": OUTPUT,
        "etc/telegraf/telegraf.d/bm-postfix.conf": "[[inputs.postfix]]\n",
        "etc/telegraf/telegraf.conf": '[agent]\ninterval = "10s"\n',
        "etc/postfix/main.cf": "# x\nmynetworks = 127.0.0.0/8 [::1]/128\n  192.168.122.111 "
        "[::ffff:127.0.0.0]/104 hash:/etc/postfix/nets\n",
        "var/log/maillog": "",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def init(*arguments, expect=0):
    result = CliRunner().invoke(cli, ["init", *arguments], obj=main_context())
    assert result.exit_code == expect, result.output
    return result


def test_a_bluemind_server(machine, tmp_path):
    before = {p: p.read_bytes() for p in machine.rglob("*") if p.is_file()}
    target = tmp_path / "bmtick.toml"
    result = init("--root", str(machine), "-o", str(target))
    data = tomllib.loads(target.read_text())
    parse(target.read_text(), file="f")
    assert data["collect"] == {
        "logs": ["/var/log/maillog"],
        "known_clients": ["127.0.0.0/8", "::1", "192.168.122.111"],
        "queue": "off",
    }
    assert data["influxdb"]["url"] == "http://127.0.0.1:1"
    assert data["notify"] == {}  # nobody is known: the administrator names somebody
    assert '# recipients = ["admin@domain.net"]' in target.read_text()
    assert data["alerts"]["postfix_queue"] == {"crit": 200}
    assert "datalocation 'bm-master'" in result.output
    assert "not found  InfluxDB" in result.output
    assert "hash:/etc/postfix/nets" in result.output
    assert {p: p.read_bytes() for p in machine.rglob("*") if p.is_file()} == before


def test_machines_that_relay_are_named_beside_the_networks_that_trust_them(machine, tmp_path):
    log = Log()
    for number in range(30):
        log.mail(START + number * 60, client="192.168.122.111", sender="erp@example.org", to=2)
        log.mail(START + number * 60, client="198.51.100.9", domain="example.org", agent="lmtp")
    log.write(machine / "var/log/maillog")
    target = tmp_path / "bmtick.toml"
    result = init("--root", str(machine), "-o", str(target))
    assert "192.168.122.111 sent to 60 recipients elsewhere without a login" in result.output
    assert '#   "192.168.122.111": 60' in target.read_text()
    assert "198.51.100.9" not in target.read_text()


def test_what_is_commented_out_is_right_once_the_mark_is_taken_away(machine, tmp_path):
    target = tmp_path / "bmtick.toml"
    init("--root", str(machine), "-o", str(target))
    setting = re.compile(r"^# (?=\[[a-z_.]+\]$|[a-z_]+ = )", re.MULTILINE)
    settings = parse(setting.sub("", target.read_text()), file="f")
    assert settings.watch.datalocation == "bm-master"
    assert settings.smtp.host == "127.0.0.1"
    assert settings.notify.bluemind == "http://CORE:8090/internal-api/alerts"
    assert settings.alerts.keys() == catalogue().keys()


def test_an_existing_file_stays(machine, tmp_path):
    target = tmp_path / "bmtick.toml"
    target.write_text("mine")
    init("--root", str(machine), "-o", str(target), expect=2)
    assert target.read_text() == "mine"
    init("--root", str(machine), "-o", str(target), "--force")
    assert "[kapacitor]" in target.read_text()


def test_a_mail_server_without_a_tick_stack(machine, tmp_path, monkeypatch):
    """The settings name no Kapacitor, so that commands know that 'bmtick watch' runs the alerts."""
    monkeypatch.setattr(detect, "KAPACITOR_PORT", 1)
    monkeypatch.setattr(detect, "INFLUXDB_PORT", 1)
    shutil.rmtree(machine / "etc/telegraf")
    target = tmp_path / "bmtick.toml"
    result = init("--root", str(machine), "-o", str(target))
    text = target.read_text()
    data = tomllib.loads(text)
    assert "next: look through it, then 'bmtick watch --test-mail'" in result.output
    assert not {"kapacitor", "influxdb"} & data.keys()
    assert data["watch"] == {}
    assert "'bmtick watch' needs none" in text
    marked = re.sub(
        r"^# (?=\[(?:kapacitor|influxdb)\]|url = |database = |retention_)",
        "",
        text,
        flags=re.MULTILINE,
    )
    assert tomllib.loads(marked)["kapacitor"] == {"url": "http://127.0.0.1:1"}


def test_an_empty_machine(tmp_path):
    (tmp_path / "root").mkdir()
    result = init("--root", str(tmp_path / "root"), "-o", "-", "--kapacitor", "http://127.0.0.1:1")
    for what in ("Telegraf", "Postfix", "mail log", "Kapacitor", "InfluxDB"):
        assert f"not found  {what}" in result.output


def test_recipients_are_those_of_the_real_kapacitor(machine, tmp_path, kapacitor, influx):
    target = tmp_path / "bmtick.toml"
    init("--root", str(machine), "-o", str(target), "--kapacitor", kapacitor.url,
         "--influxdb", influx.url)  # fmt: skip
    data = tomllib.loads(target.read_text())
    assert data["notify"]["recipients"] == ["default@example.org"]
    assert data["kapacitor"]["url"] == kapacitor.url


def test_the_alerts_speak_the_language_of_the_machine(tmp_path, monkeypatch):
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    result = CliRunner().invoke(cli, ["init", "--root", str(tmp_path), "-o", "-"])
    assert 'language = "de" ' in result.stdout
