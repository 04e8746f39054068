"""The commands alerts and render: output, files, exit statuses, messages."""

import json
import shlex

import pytest
from click.testing import CliRunner

from bmtick.alerts import catalogue
from bmtick.cli.root import cli
from bmtick.tick.parser import parse


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BMTICK_CONFIG", raising=False)

    def one(*arguments, settings=""):
        (tmp_path / "bmtick.toml").write_text(settings)
        return CliRunner().invoke(cli, arguments)

    return one


def test_alerts_lists_the_catalogue(run):
    result = run("alerts")
    assert result.exit_code == 0
    for name in catalogue():
        assert name in result.stdout
    listed = json.loads(run("alerts", "--format", "json").stdout)
    assert [alert["name"] for alert in listed] == sorted(catalogue())


def test_alerts_describes_one(run):
    described = json.loads(run("alerts", "postfix_queue", "--format", "json").stdout)
    crit = next(p for p in described["parameters"] if p["name"] == "crit")
    assert (crit["type"], crit["unit"], crit["default"], crit["min"]) == ("int", "messages", 200, 1)
    assert all(p["meaning"] for p in described["parameters"])
    table = run("alerts", "sender_recipients").stdout
    assert "sigma" in table
    assert "10m" in table


def test_render_prints_a_script(run):
    result = run("render", "postfix_queue", "--set", "crit=500", "--set", "where.host=edge1")
    assert result.exit_code == 0
    assert "var crit = 500\n" in result.stdout
    assert "\"host\" == 'edge1'" in result.stdout


def test_render_writes_template_and_vars(run, tmp_path):
    assert run("render", "postfix_queue", "--as", "template", "-o", "out").exit_code == 0
    script = (tmp_path / "out/postfix_queue.tick").read_text()
    variables = json.loads((tmp_path / "out/postfix_queue.vars.json").read_text())
    assert "var crit int\n" in script
    assert variables["recipients"] == {
        "type": "list", "value": [{"type": "string", "value": "admin@domain.net"}],
    }  # fmt: skip


def test_template_on_stdout_is_still_a_script(run):
    result = run("render", "postfix_queue", "--as", "template")
    parse(result.stdout)
    comment = "".join(
        line[3:] for line in result.stdout.splitlines()[-200:] if line.startswith("// ")
    )
    assert '"crit": {' in comment


def test_render_writes_all_that_the_settings_enable(run, tmp_path):
    settings = """
language = "de"
[notify]
recipients = ["postmaster@example.org"]
[alerts.postfix_queue]
crit = 300
[alerts.edge_queue]
use = "postfix_queue"
crit = 1000
where = { host = "edge1" }
[alerts.relay_client]
enabled = false
"""
    assert run("render", "-o", "scripts", settings=settings).exit_code == 0
    written = {path.name: path.read_text() for path in (tmp_path / "scripts").iterdir()}
    assert set(written) == {"postfix_queue.tick", "edge_queue.tick"}
    assert "var crit = 1000\n" in written["edge_queue.tick"]
    assert "var name = 'edge_queue'" in written["edge_queue.tick"]
    assert "postfix_edge-queue_{{" in written["edge_queue.tick"]
    assert "Warteschlange" in written["postfix_queue.tick"]
    one = run("render", "edge_queue", "--set", "crit=7", settings=settings).stdout
    assert "var crit = 7\n" in one
    assert "'edge1'" in one


def test_settings_errors_name_the_line(run, tmp_path):
    settings = """[alerts.postfix_queue]
crit = 300
[alerts.edge]
use = "postfix_queue"
  crit = 0
"""
    result = run("render", "-o", "x", settings=settings)
    assert result.exit_code == 2
    assert "bmtick.toml:5:3: error: [alerts.edge]: parameter 'crit': 0 is too low" in result.stderr
    assert "    crit = 0" in result.stderr


@pytest.mark.parametrize(
    ("notify", "message"),
    [
        (
            'slack = { chanel = "#x" }',
            "2:1: error: [notify]: handler 'slack' has no option 'chanel'",
        ),
        ('recipients = ["me"]', "2:1: error: [notify]: parameter 'recipients': 'me' is not a mail"),
        (
            'bluemind = "core:8090"',
            "2:1: error: [notify]: parameter 'post.url': 'core:8090' is not",
        ),
    ],
)
def test_errors_of_notify_name_notify(run, notify, message):
    settings = f"[notify]\n{notify}\n[alerts.postfix_queue]\n"
    result = run("render", "-o", "x", settings=settings)
    assert result.exit_code == 2
    assert message in result.stderr


def test_the_header_repeats_the_command(run):
    sets = ["crit=500", 'where={ host = "a" }', "slack.channel=#x", "telegram=true"]
    arguments = [word for text in sets for word in ("--set", text)]
    line = run("render", "postfix_queue", *arguments).stdout.splitlines()[1]
    again = shlex.split(line.removeprefix("// Made by: "))[1:]
    assert run(*again).stdout == run("render", "postfix_queue", *arguments).stdout


def test_a_folder_is_made_where_the_path_ends_with_a_slash(run, tmp_path):
    assert run("render", "postfix_queue", "-o", "new/").exit_code == 0
    assert (tmp_path / "new/postfix_queue.tick").exists()


def test_lists_repeat_and_tables_are_toml(run):
    result = run(
        "render", "postfix_queue",
        "--set", "recipients=a@b.org,c@b.org", "--set", "recipients=d@b.org",
        "--set", 'where={host = ["edge1", "edge2"]}', "--set", "queues=active,hold",
    )  # fmt: skip
    assert "['a@b.org', 'c@b.org', 'd@b.org']" in result.stdout
    assert "(\"host\" == 'edge1') OR (\"host\" == 'edge2')" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (["alerts", "postfix_que"], "", "did you mean 'postfix_queue'?"),
        (["render", "sender_recipient"], "", "did you mean 'sender_recipients'?"),
        (["render", "postfix_queue", "--set", "crit"], "", "write --set KEY=VALUE"),
        (["render", "postfix_queue", "--set", "critt=3"], "", "did you mean 'crit'?"),
        (["render", "postfix_queue", "--set", "crit=3.5"], "", "'3.5' is not of type int"),
        (["render", "postfix_queue", "--set", "remind_every=soon"], "", "is not a duration"),
        (["render", "postfix_queue", "--as", "rule"], "", "does not fit Chronograf"),
        (["render", "--set", "crit=3", "-o", "x"], "", "needs the NAME"),
        (["render"], "[alerts.postfix_queue]", "add -o DIR"),
        (["render", "-o", "x"], "", "enables no alert"),
        (["render", "-o", "x"], "[alerts.my_queue]\nuse = 'postfix_qeue'", "did you mean 'postfix_queue'?"),
        (["render", "-o", "x"], "[alerts.postfix_queue]\ncrit = '200'", "[alerts.postfix_queue]"),
        (["render", "-o", "x"], "[alerts.postfix_queue]\n[alerts.queue]\nuse = 'postfix_queue'", "ids of [alerts.postfix_queue]"),
        (["render", "edge", "-o", "x"], "[alerts.edge]\nuse = 'postfix_queue'\ncrit = 0", "too low"),
    ],
)  # fmt: skip
def test_wrong_use_exits_2_with_one_message(run, arguments, settings, message):
    result = run(*arguments, settings=settings)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
