"""A healthy chain is green; with each check broken in turn it is red there, with a remedy."""

import importlib
import os
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.deploy.client import connect
from bmtick.deploy.influx import connect_influx
from bmtick.doctor.chain import examine, modules
from bmtick.doctor.checks import mail_log, telegraf_program
from bmtick.doctor.context import Context, may_read
from bmtick.doctor.mail_server import ask_mail_server
from bmtick.httpclient import fetch
from bmtick.settings import parse
from tests.support import servers

LOG_LINE = "Nov 24 02:00:00 mx postfix/qmgr[1]: 4XyZ: from=<a@example.org>, size=9, nrcpt=1 (queue active)\n"


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A machine's files: a log, a collector's state, a Telegraf with the plugin, a spool."""
    # Where there is a user telegraf: it may not enter pytest's folders.
    monkeypatch.setattr(mail_log, "_COLLECTOR", "no-such-user")
    log = tmp_path / "var/log/mail.log"
    log.parent.mkdir(parents=True)
    log.write_text(LOG_LINE)
    state = tmp_path / "var/lib/bmtick/collect.state"
    state.parent.mkdir(parents=True)
    state.write_text("{}")
    state.chmod(0o600)
    snippet = tmp_path / "etc/telegraf/telegraf.d/bmtick.conf"
    snippet.parent.mkdir(parents=True)
    snippet.write_text('[[inputs.execd]]\n  command = ["bmtick", "collect", "--execd"]\n')
    telegraf_log = tmp_path / "var/log/telegraf/telegraf.log"
    telegraf_log.parent.mkdir(parents=True)
    telegraf_log.write_text("2026-11-24T02:00:00Z I! Starting Telegraf 1.26.1\n")
    comm = tmp_path / "proc/42/comm"
    comm.parent.mkdir(parents=True)
    comm.write_text("telegraf\n")
    (tmp_path / "var/spool/postfix").mkdir(parents=True)
    return tmp_path


def points(now):
    at = int(now * 1e9)
    tags = "host=192.0.2.7,datalocation=bm-master"
    return [
        f"postfix_queue,{tags},queue=active length=3i,size=10i {at}",
        f"bmtick_collector,{tags} lines=1i,bytes=1i,unparsed=0i,lag=0.5,folded=0i {at}",
        f"postfix_sender,{tags},user=a messages=1i,recipients=2i {at}",
        f"postfix_client,{tags},client=192.0.2.1,known=false messages=1i {at}",
        f"postfix_auth,{tags},client=192.0.2.1 failures=1i,users=1i {at}",
        f"postfix_delivery,{tags},status=sent count=1i,blocked=0i {at}",
    ]


def text(influx_url, kapacitor_url, extra):
    return f"""
[kapacitor]
url = "{kapacitor_url}"
[influxdb]
url = "{influx_url}"
database = "doctor"
[notify]
recipients = ["doctor@example.org"]
{extra}
"""


def context(root, influx_url, kapacitor_url, extra="", **changes):
    settings = parse(text(influx_url, kapacitor_url, extra), file="bmtick.toml")
    return Context(
        settings=settings,
        now=changes.pop("now", time.time()),
        get=fetch,
        query=connect_influx(settings.influxdb, {}).query,
        kapacitor=lambda name: connect(name, settings.kapacitor[name], {"HOME": "/"}),
        ask_mail_server=ask_mail_server,
        root=root,
        **changes,
    )


def found(context, name):
    return [check for check in examine(context) if check.name == name]


@pytest.fixture
def data(influx):
    influx.execute("DROP DATABASE doctor")
    influx.execute("CREATE DATABASE doctor")
    influx.write(points(time.time()), db="doctor")
    return influx


NO_SERVER = "http://127.0.0.1:9"


def test_every_file_is_a_link():
    assert [module.ORDER for module in modules()] == sorted(module.ORDER for module in modules())
    assert len(modules()) >= 8


def test_a_healthy_chain_is_green(root, data, kapacitor, sink):
    alerts = "[alerts.postfix_queue]\ncrit = 200\n[alerts.collector_silent]\n"
    here = context(root, data.url, kapacitor.url, alerts, test_mail=True)
    data.execute("CREATE DATABASE chronograf")
    config = root / "bmtick.toml"
    config.write_text(text(data.url, kapacitor.url, alerts))
    output = f'[[outputs.influxdb]]\n  urls = ["{data.url}"]\n  database = "doctor"\n'
    (root / "etc/telegraf/telegraf.d/output.conf").write_text(output)
    arguments = ["apply", "--yes", "--force", "--config", str(config)]
    applied = CliRunner().invoke(cli, [*arguments, "--state-dir", str(root / "state")])
    assert applied.exit_code == 0, applied.output
    try:
        kapacitor.write(points(time.time()), db="doctor")
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            checks = list(examine(here))
            wrong = [check for check in checks if check.status in ("broken", "skipped")]
            if not wrong:
                break
            time.sleep(0.2)
        assert not wrong
        assert {check.status for check in checks} <= {"ok", "off"}
        assert any("doctor@example.org" in to for to in sink.recipients)
    finally:
        for name in ("postfix_queue", "collector_silent"):
            kapacitor.delete(f"bmtick-{name}")


def test_a_task_that_is_not_there_is_red(root, data, kapacitor):
    here = context(root, data.url, kapacitor.url, "[alerts.bounce_rate]\n")
    (check,) = found(here, "kapacitor: tasks: bounce_rate")
    assert (check.status, check.remedy) == ("broken", "bmtick apply --yes")


def test_a_disabled_task_is_red(root, data, kapacitor):
    here = context(root, data.url, kapacitor.url, "[alerts.bounce_rate]\n")
    from bmtick.alerts import desired

    (wanted,) = desired(here.settings)
    kapacitor.define(wanted.task_id, wanted.script, db="doctor", enabled=False)
    try:
        (check,) = found(here, "kapacitor: tasks: bounce_rate")
        assert (check.status, check.finding) == ("broken", "defined, but not running")
    finally:
        kapacitor.delete(wanted.task_id)


@pytest.mark.parametrize(
    ("path", "change", "name", "finding"),
    [
        ("var/log/mail.log", "delete", "mail log", "does not exist"),
        ("var/log/mail.log", "old", "mail log", "was last written"),
        ("var/log/mail.log", "empty", "mail log", "no line of Postfix"),
        ("var/lib/bmtick/collect.state", "delete", "collector state", "never ran"),
        ("var/lib/bmtick/collect.state", "old", "collector state", "was last written"),
        ("var/lib/bmtick/collect.state", "open", "collector state", "can be read by others"),
        ("etc/telegraf/telegraf.d/bmtick.conf", "delete", "telegraf: plugin", "no file in"),
        ("etc/telegraf/telegraf.d/bmtick.conf", "comment", "telegraf: plugin", "no file in"),
        ("proc/42/comm", "delete", "telegraf", "no telegraf process"),
        ("var/log/telegraf/telegraf.log", "error", "telegraf: log", "1 errors"),
    ],
)
def test_a_broken_file_is_red_at_its_link(root, path, change, name, finding):
    file = root / path
    match change:
        case "delete":
            file.unlink()
        case "old":
            os.utime(file, (0, time.time() - 200_000))
        case "empty":
            file.write_text("Nov 24 02:00:00 mx sshd[1]: hello\n")
        case "open":
            file.chmod(0o644)
        case "comment":
            file.write_text('# command = ["bmtick", "collect"]\n')
        case "error":
            with file.open("a") as stream:
                stream.write("2026 E! [inputs.exec] bmtick collect: permission denied\n")
    module = importlib.import_module("bmtick.doctor.checks." + name.split(":")[0].replace(" ", "_"))
    red = [check for check in module.run(context(root, NO_SERVER, NO_SERVER)) if check.name == name]
    assert red
    assert red[0].status == "broken"
    assert finding in red[0].finding
    assert red[0].remedy


def test_servers_that_do_not_answer_are_red(root):
    here = context(root, NO_SERVER, NO_SERVER, f'[chronograf]\nurl = "{NO_SERVER}"\n')
    for name in ("influxdb", "kapacitor", "chronograf"):
        (check,) = found(here, name)
        assert check.status == "broken", name
        assert check.remedy


def test_no_such_retention_policy_is_red(root, data):
    here = context(root, data.url, NO_SERVER)
    influxdb = msgspec.structs.replace(here.settings.influxdb, retention_policy="weekly")
    here.settings = msgspec.structs.replace(here.settings, influxdb=influxdb)
    (check,) = found(here, "influxdb: database")
    assert check.status == "broken"
    assert "it has: autogen" in check.remedy


def test_no_database_is_red(root, influx):
    influx.execute("DROP DATABASE doctor")
    (check,) = found(context(root, influx.url, NO_SERVER), "influxdb: database")
    assert check.status == "broken"


def test_old_points_are_red_where_points_are_steady(root, data):
    later = context(root, data.url, NO_SERVER, now=time.time() + 3600)
    (queue,) = found(later, "points: postfix_queue")
    (sender,) = found(later, "points: postfix_sender")
    assert (queue.status, sender.status) == ("broken", "ok")


def test_points_of_the_future_are_red(root, data):
    earlier = context(root, data.url, NO_SERVER, now=time.time() - 3600)
    assert found(earlier, "points: postfix_queue")[0].status == "broken"


def test_points_without_host_are_red(root, data):
    at = time.time_ns() + 10**9
    data.write(f"postfix_queue,queue=active length=3i {at}", db="doctor")
    (check,) = found(context(root, data.url, NO_SERVER), "points: postfix_queue")
    assert "no tag 'host'" in check.finding


def test_clocks_that_disagree_are_red(root, data):
    here = context(root, data.url, NO_SERVER, now=time.time() + 60)
    (check,) = found(here, "clock: influxdb")
    assert check.status == "broken"


def test_no_subscription_is_red(root, data, kapacitor):
    here = replace(context(root, data.url, kapacitor.url), query=lambda _s, _d: [])
    (check,) = found(here, "kapacitor: subscription")
    assert check.status == "broken"
    assert "disable-subscriptions" in check.remedy


def test_a_refused_test_mail_is_red(root, data, kapacitor, sink, monkeypatch):
    async def refuse(_server, _session, _envelope, _address, _options):
        return "550 5.7.1 no"

    monkeypatch.setattr(sink, "handle_RCPT", refuse, raising=False)
    here = context(root, data.url, kapacitor.url, test_mail=True)
    (check,) = found(here, "kapacitor: mail")
    assert check.status == "broken"
    assert "550" in check.finding


def test_a_log_that_telegraf_may_not_read_is_told(tmp_path):
    log = tmp_path / "mail.log"
    log.write_text("x")
    log.chmod(0o600)
    assert may_read(log, "nobody") is False
    assert may_read(log, "root") is True
    assert may_read(log, "no-such-user") is None


@pytest.mark.parametrize("kind", ["exec", "execd"])
@pytest.mark.parametrize(
    ("mode", "finding"), [(0o755, ""), (0o700, "may not run"), (None, "does not exist")]
)
def test_a_program_that_telegraf_may_not_run_is_red(open_folder, monkeypatch, kind, mode, finding):
    monkeypatch.setattr(telegraf_program, "USER", "nobody")
    home, snippets = open_folder / "home", open_folder / "etc/telegraf/telegraf.d"
    home.mkdir()
    snippets.mkdir(parents=True)
    (home / "bmtick").touch(0o755)
    if mode is None:
        (home / "bmtick").unlink()
    else:
        home.chmod(mode)
    lines = {
        "exec": '[[inputs.exec]]\ncommands = ["{home}/bmtick collect --log x"]\n',
        "execd": '[[inputs.execd]]\ncommand = ["{home}/bmtick", "collect", "--execd"]\n',
    }
    (snippets / "bmtick.conf").write_text(lines[kind].format(home=home))
    (check,) = telegraf_program.run(context(open_folder, NO_SERVER, NO_SERVER))
    assert check.status == ("broken" if finding else "ok"), check
    assert finding in check.finding


@pytest.fixture
def open_folder():
    """A folder that every user may pass, which pytest's are not."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ('[notify]\nrecipients = ["a@b.example"]\n[alerts.postfix_queue]', "go to a@b.example"),
        ("", "no alert sends mail"),
    ],
)
def test_who_gets_the_mails_is_said(root, settings, said):
    here = replace(
        context(root, NO_SERVER, NO_SERVER), settings=parse(settings, file="bmtick.toml")
    )
    (check,) = found(here, "recipients")
    assert said in check.finding
    assert check.status in {"ok", "off"}


def test_a_wrong_option_of_a_handler_is_red(root):
    settings = '[notify]\nslack = { channell = "#x" }\n[alerts.postfix_queue]'
    here = replace(
        context(root, NO_SERVER, NO_SERVER), settings=parse(settings, file="bmtick.toml")
    )
    [check] = importlib.import_module("bmtick.doctor.checks.recipients").run(here)
    assert check.status == "broken"
    assert check.finding == "[notify]: handler 'slack' has no option 'channell'"
    assert "did you mean 'channel'?" in check.remedy


@pytest.fixture
def alone(root, sink):
    """A mail server without a TICK stack, on which a watch runs."""
    import fcntl
    import shutil

    shutil.rmtree(root / "etc/telegraf")
    (root / "var/lib/bmtick/collect.state").unlink()
    state = root / "var/lib/bmtick/watch.state"
    state.write_text("{}")
    lock = state.with_name("watch.state.lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    here = context(
        root, NO_SERVER, NO_SERVER, f"[smtp]\nport = {sink.port}\n[alerts.relay_client]\n"
    )
    yield replace(here, standalone=True), state, lock
    lock.close()


def test_a_watch_without_a_tick_stack_is_green(alone):
    here, _, _ = alone
    checks = list(examine(here))
    assert {check.status for check in checks} == {"ok", "off"}, checks
    assert found(here, "watch")[0].finding == "runs; alerts: relay_client"
    assert found(here, "watch: mail")[0].status == "ok"


@pytest.mark.parametrize(
    ("change", "name", "finding", "remedy"),
    [
        ("stopped", "watch", "does not now", "systemctl restart bmtick-watch"),
        ("stuck", "watch", "10 minutes ago", "systemctl restart bmtick-watch"),
        ("never", "watch", "never ran", "systemctl enable --now bmtick-watch"),
        ("mail", "watch: mail", "does not answer", "[smtp]"),
        ("log", "mail log", "does not exist", "rsyslog"),
    ],
)
def test_a_broken_watch_is_red_at_its_link(alone, root, change, name, finding, remedy):
    here, state, lock = alone
    match change:
        case "stopped":
            lock.close()
        case "stuck":
            os.utime(state, (time.time() - 600, time.time() - 600))
        case "never":
            state.unlink()
        case "mail":
            here = replace(
                here,
                settings=parse(f"[smtp]\nport = {servers.free_port()}", file="bmtick.toml"),
            )
        case "log":
            (root / "var/log/mail.log").unlink()
    red = [check for check in examine(here) if check.status == "broken"]
    assert [check.name for check in red] == [name]
    assert finding in red[0].finding
    assert remedy in red[0].remedy


def test_an_age_of_another_type_than_the_database_has(root, data):
    """Telegraf's own plugin wrote it as an integer: InfluxDB drops the points of bmtick's."""
    here = context(root, data.url, NO_SERVER)
    name = "age of the queue"
    assert found(here, name) == [], "the database knows no age yet"
    data.write(["postfix_queue,queue=active,host=a age=3i"], db="doctor")
    (check,) = found(here, name)
    assert check.status == "broken"
    assert "/ collect --integer-age /" in check.remedy
    snippet = root / "etc/telegraf/telegraf.d/bmtick.conf"
    snippet.write_text(snippet.read_text().replace('"collect"', '"collect", "--integer-age"'))
    (check,) = found(here, name)
    assert check.status == "ok"
    (snippet.parent / "bm-postfix.conf").write_text("[[inputs.postfix]]\n")
    assert found(here, name) == [], "the queue is left to Telegraf"


# Recorded from a real Telegraf 1.26.1 that ran the snippets on a first day and on a bad one.
_WARNING = (
    '2026-11-24T02:00:01Z E! [inputs.execd] stderr: "W! there is no state '
    '/var/lib/bmtick/collect.state yet: this is a first run"\n'
)
_ERROR = (
    "2026-11-24T02:00:01Z E! [inputs.exec] Error in plugin: exec: exit status 2 for command "
    '"/usr/bin/bmtick collect": bmtick: error: cannot write in the state\'s folder\n'
)


@pytest.mark.parametrize(
    ("said", "seconds_later", "status"),
    [(_WARNING, 5, "ok"), (_ERROR, 5, "broken"), (_ERROR, 90, "ok")],
    ids=["a warning", "an error", "an error that is over"],
)
def test_only_what_telegraf_still_complains_of_is_red(root, said, seconds_later, status):
    (root / "var/log/telegraf/telegraf.log").open("a").write(said)
    at = datetime(2026, 11, 24, 2, 0, 1, tzinfo=UTC).timestamp() + seconds_later
    (check,) = found(context(root, NO_SERVER, NO_SERVER, now=at), "telegraf: log")
    assert check.status == status


def test_without_influxdb_kapacitor_is_looked_at_all_the_same(root, kapacitor):
    here = context(root, NO_SERVER, kapacitor.url, "[alerts.bounce_rate]\n")
    by_name = {check.name: check for check in examine(here)}
    assert by_name["influxdb"].status == "broken"
    assert by_name["kapacitor: subscription"].status == "skipped"
    assert by_name["kapacitor: subscription"].remedy == "fix the check above first"
    assert by_name["kapacitor: tasks: bounce_rate"].remedy == "bmtick apply --yes"


def test_a_journal_as_the_mail_log(root, tmp_path):
    from tests.support import journal as journals

    logs = '[collect]\nlogs = ["journal:{}"]\n'
    path = journals.write_journal(
        tmp_path / "a.journal",
        [journals.entry(1_700_000_000_000_000, b"connect from h[192.0.2.1]")],
    )
    (check,) = found(context(root, NO_SERVER, NO_SERVER, logs.format(path)), "mail log")
    assert check.status == "ok"
    assert "last line" in check.finding
    (check,) = found(
        context(root, NO_SERVER, NO_SERVER, logs.format(tmp_path / "none")), "mail log"
    )
    assert check.status == "broken"
    assert "No such file" in check.finding


def test_a_look_that_takes_its_time_is_no_clock_that_is_wrong(root, data, monkeypatch):
    here = context(root, data.url, NO_SERVER, now=time.time() - 60)
    here._started -= 60
    assert found(here, "clock: influxdb")[0].status == "ok"


def test_a_server_that_does_not_answer_is_asked_once():
    from bmtick.doctor.context import asked_once
    from bmtick.httpclient import HttpError

    calls = []

    def query(statement, _database):
        calls.append(statement)
        raise HttpError("no answer", status=0 if statement == "dead" else 400)

    ask = asked_once(query)
    for statement in ("wrong", "wrong", "dead", "dead", "other"):
        with pytest.raises(HttpError):
            ask(statement, "")
    assert calls == ["wrong", "wrong", "dead"]
