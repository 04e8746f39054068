"""Break, read the remedy, run it in a shell, look again: each fault is named and mended.

The machine is a folder: paths in a remedy lead into it. ``systemctl`` and the like are written
down only; ``influx`` speaks to a real InfluxDB; ``bmtick`` is this one.
"""

import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bmtick.alerts import desired
from bmtick.collect.state import encode
from bmtick.deploy.answers import SeriesAnswer
from bmtick.deploy.client import connect
from bmtick.deploy.influx import connect_influx
from bmtick.doctor.chain import examine
from bmtick.doctor.checks import (
    collector_state,
    disk,
    folders,
    hosts,
    influxdb,
    mail_log,
    queue_age,
    recipients,
    telegraf,
    telegraf_output,
    telegraf_program,
    watch,
)
from bmtick.doctor.checks import kapacitor as kapacitor_link
from bmtick.doctor.context import Context
from bmtick.httpclient import Reply
from bmtick.settings import load
from tests.support.fake_kapacitor import fake_kapacitor

ROOT = Path(__file__).parents[2]
SETTINGS = """
[kapacitor]
url = "{kapacitor}"
[influxdb]
url = "{influx}"
database = "remedies"
retention_policy = "autogen"
[notify]
recipients = ["doctor@example.org"]
[collect]
logs = ["/var/log/mail.log"]
queue = "auto"
[alerts.postfix_queue]
[alerts.collector_silent]
"""
OUTPUT = """
[[outputs.influxdb]]
  urls = ["{influx}"]
  database = "remedies"
"""
STUB = '#!/bin/sh\necho "$(basename "$0") $*" >> "$DID"\n'
INFLUX = f"""#!{sys.executable}
import sys, urllib.parse, urllib.request
data = urllib.parse.urlencode({{"q": sys.argv[2]}}).encode()
answer = urllib.request.urlopen("URL/query", data).read()
sys.exit(b'"error"' in answer)
"""
BMTICK = f"""#!/bin/sh
cd / && PYTHONPATH={ROOT} exec {sys.executable} -m bmtick "$@"
"""


class Machine:
    """A machine's files and its servers."""

    def __init__(self, root, influx, kapacitor):
        self.root, self.influx, self.kapacitor = root, influx, kapacitor
        self.acts = {}  # what a program does here beside being written down
        self.now = time.time()
        self.settings = self.write("etc/bmtick/bmtick.toml", SETTINGS.format(
            kapacitor=kapacitor, influx=influx
        ))  # fmt: skip
        self.write(
            "etc/telegraf/telegraf.d/bmtick.conf",
            '[[inputs.exec]]\n  commands = ["/usr/bin/bmtick collect --log /var/log/mail.log '
            '--state /var/lib/bmtick/collect.state"]\n',
        )
        self.write("etc/telegraf/telegraf.d/output.conf", OUTPUT.format(influx=influx))
        self.write(
            "etc/kapacitor/kapacitor.conf", "[[influxdb]]\n  disable-subscriptions = false\n"
        )
        self.write("etc/influxdb/influxdb.conf", "[data]\n  max-values-per-tag = 1000\n")
        self.write("var/log/telegraf/telegraf.log", "2026 I! Starting Telegraf 1.26.1\n")
        self.write("var/lib/bmtick/collect.state", "{}")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def edit(self, name, old, new):
        path = self.root / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def context(self, **changes):
        settings = load(str(self.settings))
        return Context(
            settings=settings,
            now=changes.pop("now", self.now),
            get=lambda _: Reply(204, {}, b""),
            query=changes.pop("query", connect_influx(settings.influxdb, {}).query),
            kapacitor=lambda name: connect(name, settings.kapacitor[name], {"HOME": "/"}),
            ask_mail_server=lambda *_: "",
            root=self.root,
            sleep=changes.pop("sleep", lambda _: None),
            **changes,
        )

    def red(self, check, **changes):
        return [one for one in check.run(self.context(**changes)) if one.status == "broken"]

    def mend(self, remedy):
        """Run a remedy as an administrator would paste it."""
        folder = self.root / "bin"
        folder.mkdir(exist_ok=True)
        texts = dict.fromkeys(
            ("systemctl", "usermod", "chgrp", "journalctl", "apt-get", "ssh", "timedatectl"), STUB
        ) | {"influx": INFLUX.replace("URL", self.influx), "bmtick": BMTICK}
        for name, act in self.acts.items():
            texts[name] = f"{STUB}{act}\n"
        for name, text in texts.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        local = re.sub(r"(?<![\w/])/(etc|var)/", rf"{self.root}/\1/", remedy)
        environment = os.environ | {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "DID": str(self.root / "did"),
            "BMTICK_CONFIG": str(self.settings),
        }
        done = subprocess.run(
            ["bash", "-c", local], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (local, done.stdout, done.stderr)


@pytest.fixture
def machine(tmp_path, influx):
    influx.execute("DROP DATABASE remedies")
    influx.execute("CREATE DATABASE remedies")
    influx.execute("CREATE DATABASE chronograf")
    with fake_kapacitor() as fake:
        made = Machine(tmp_path, influx.url, fake.url)
        made.server, made.fake = influx, fake
        yield made


def put(machine, *lines):
    machine.server.write(list(lines), db="remedies")


def point(machine, age, host="192.0.2.7", place="bm-master", fields="lines=1i,collector=1i,log=1i"):
    at = int((machine.now - age) * 1e9)
    return f"bmtick_collector,host={host},datalocation={place} {fields} {at}"


FILES = {
    "another log": (
        "etc/telegraf/telegraf.d/bmtick.conf", "--log /var/log/mail.log", "--log /var/log/maillog",
        "reads /var/log/maillog, the settings name /var/log/mail.log",
    ),
    "another database": (
        "etc/telegraf/telegraf.d/output.conf", '"remedies"', '"other"', "database other, the alerts",
    ),
    "another policy": (
        "etc/telegraf/telegraf.d/output.conf", 'database = "remedies"',
        'database = "remedies"\n  retention_policy = "weekly"', "retention_policy weekly",
    ),
    "another url": (
        "etc/telegraf/telegraf.d/output.conf", 'urls = ["http://127.0.0.1',
        'urls = ["http://192.0.2.99', "urls http://192.0.2.99",
    ),
    "namedrop": (
        "etc/telegraf/telegraf.d/output.conf", 'database = "remedies"',
        'database = "remedies"\n  namedrop = ["postfix_*"]', "namedrop in /etc/telegraf",
    ),
    "namepass": (
        "etc/telegraf/telegraf.d/output.conf", 'database = "remedies"',
        'database = "remedies"\n  namepass = ["cpu"]', "namepass in /etc/telegraf",
    ),
    "inputs.postfix beside ours": (
        "etc/bmtick/bmtick.toml", 'queue = "auto"', 'queue = "on"', "both write postfix_queue",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FILES)
def test_telegraf_and_the_settings_disagree(machine, fault):
    path, old, new, said = FILES[fault]
    if fault.startswith("inputs.postfix"):
        machine.write("etc/telegraf/telegraf.d/bm-postfix.conf", "[[inputs.postfix]]\n")
    assert machine.red(telegraf_output) == []
    machine.edit(path, old, new)
    [red] = machine.red(telegraf_output)
    assert said in red.finding
    machine.mend(red.remedy)
    assert machine.red(telegraf_output) == []
    assert "systemctl restart telegraf" in (machine.root / "did").read_text()


def test_a_second_collector_in_telegrafs_folder(machine):
    text = (machine.root / "etc/telegraf/telegraf.d/bmtick.conf").read_text()
    machine.write("etc/telegraf/telegraf.d/old-bmtick.conf", text)
    [red] = machine.red(telegraf_output)
    assert "2 commands run 'bmtick collect'" in red.finding
    machine.mend(red.remedy)
    assert machine.red(telegraf_output) == []
    assert (machine.root / "etc/telegraf/telegraf.d/bmtick.conf").exists()


def test_two_collectors_on_one_log(machine):
    put(machine, point(machine, 20), point(machine, 10))
    assert machine.red(hosts) == []
    put(machine, point(machine, 15, fields="lines=1i,collector=2i,log=1i"))
    [red] = machine.red(hosts)
    assert "two collectors read the same log" in red.finding
    machine.mend(red.remedy)
    later = replace(machine.context(), now=machine.now + 120)
    put(machine, point(machine, -119))
    assert not [one for one in hosts.run(later) if one.status == "broken"]


@pytest.mark.parametrize(
    ("tag", "host", "place"), [("host", "mx", "bm-master"), ("datalocation", "192.0.2.7", "bm-x")]
)
def test_a_tag_that_no_other_measurement_has(machine, tag, host, place):
    at = int(machine.now * 1e9)
    put(machine, f"system,host=192.0.2.7,datalocation=bm-master load1=1 {at}", point(machine, 5))
    assert machine.red(hosts) == []
    put(machine, point(machine, 4, host, place))
    [red] = [one for one in machine.red(hosts) if one.name.startswith("tag")]
    assert red.name == f"tag {tag}"
    assert "which no other measurement" in red.finding


def test_an_alert_bound_to_a_host_that_is_not_there(machine):
    put(machine, point(machine, 5))
    machine.edit(
        "etc/bmtick/bmtick.toml",
        "[alerts.postfix_queue]",
        '[alerts.postfix_queue]\nwhere = { host = "mx9" }',
    )
    [red] = machine.red(hosts)
    assert "is bound to host 'mx9', which no point bears" in red.finding
    machine.mend(red.remedy)


def test_another_server_that_has_been_dead_for_an_hour(machine):
    put(machine, point(machine, 5), point(machine, 3600, "192.0.2.8"))
    [red] = machine.red(hosts)
    assert (red.name, red.finding) == ("host 192.0.2.8", "its last point is 60 minutes old")
    machine.mend(red.remedy)
    assert "ssh root@192.0.2.8 systemctl restart telegraf" in (machine.root / "did").read_text()
    put(machine, point(machine, 1, "192.0.2.8"))
    assert machine.red(hosts) == []


def test_a_server_whose_clock_is_behind(machine):
    put(machine, point(machine, 5), point(machine, 605, "192.0.2.8"))

    def passes(_seconds):
        put(machine, point(machine, 595, "192.0.2.8"))

    [red] = machine.red(hosts, sleep=passes)
    assert "its clock is behind" in red.finding
    machine.mend(red.remedy)
    assert "timedatectl set-ntp true" in (machine.root / "did").read_text()


def test_a_server_that_is_gone_for_weeks_is_no_fault(machine):
    put(machine, point(machine, 5), point(machine, 20 * 86_400, "192.0.2.8"))
    assert machine.red(hosts) == []


def test_the_alert_history_is_dropped(machine):
    put(machine, point(machine, 5))
    before = {one.name for one in machine.red(influxdb)}
    machine.server.execute("DROP DATABASE chronograf")
    [red] = [one for one in machine.red(influxdb) if one.name not in before]
    assert "no database 'chronograf'" in red.finding
    machine.mend(red.remedy)
    assert {one.name for one in machine.red(influxdb)} == before


def test_points_are_kept_for_an_hour(machine):
    machine.server.execute(
        "ALTER RETENTION POLICY autogen ON remedies DURATION 1h SHARD DURATION 1h"
    )
    [red] = [one for one in machine.red(influxdb) if "retention" in one.name]
    assert "keeps points for 1h0m0s only" in red.finding
    machine.mend(red.remedy)
    assert not [one for one in machine.red(influxdb) if "retention" in one.name]


def test_there_is_no_database(machine):
    machine.server.execute("DROP DATABASE remedies")
    [red] = [one for one in machine.red(influxdb) if "database" in one.name]
    machine.mend(red.remedy)
    assert not [one for one in machine.red(influxdb) if "database" in one.name]


def subscribed(machine, *destinations):
    columns = ["retention_policy", "name", "mode", "destinations"]
    rows = [["autogen", f"kapacitor-{i}", "ANY", [d]] for i, d in enumerate(destinations)]
    series = [SeriesAnswer("remedies", columns=columns, values=rows)]
    real = machine.context().query
    return lambda q, db: series if q == "SHOW SUBSCRIPTIONS" else real(q, db)


def apply(machine):
    machine.mend(f"bmtick apply --yes --wait 0s --force --state-dir {machine.root}/state")


def test_a_task_that_was_changed_by_hand(machine):
    apply(machine)
    query = subscribed(machine, machine.kapacitor)
    assert not [r for r in machine.red(kapacitor_link, query=query) if "tasks" in r.name]
    task = machine.fake.tasks["bmtick-postfix_queue"]
    task["script"] = task["script"].replace("200", "999")
    reds = [r for r in machine.red(kapacitor_link, query=query) if "tasks" in r.name]
    assert [("by hand" in r.finding or "older version" in r.finding, r.remedy) for r in reds] == [
        (True, "bmtick apply --yes")
    ]
    apply(machine)
    assert not [r for r in machine.red(kapacitor_link, query=query) if "tasks" in r.name]


def test_a_task_that_the_settings_have_no_more(machine):
    apply(machine)
    machine.edit("etc/bmtick/bmtick.toml", "[alerts.postfix_queue]\n", "")
    query = subscribed(machine, machine.kapacitor)
    [red] = [r for r in machine.red(kapacitor_link, query=query) if "tasks" in r.name]
    assert "the settings have no such alert" in red.finding
    apply(machine)
    assert not [r for r in machine.red(kapacitor_link, query=query) if "tasks" in r.name]


def test_a_second_kapacitor_that_tells_of_everything_too(machine):
    apply(machine)
    with fake_kapacitor() as second:
        second.tasks = dict(machine.fake.tasks)
        query = subscribed(machine, machine.kapacitor, second.url)
        [red] = [r for r in machine.red(kapacitor_link, query=query) if "second" in r.name]
        assert "every alert is sent twice" in red.finding
    machine.server.execute(
        f"CREATE SUBSCRIPTION \"kapacitor-1\" ON remedies.autogen DESTINATIONS ANY '{second.url}'"
    )
    machine.mend(red.remedy)
    assert not any(s.name == "remedies" for s in machine.context().query("SHOW SUBSCRIPTIONS", ""))


def test_a_subscription_to_a_name_that_does_not_resolve(machine):
    machine.write("etc/kapacitor/kapacitor.conf", 'hostname = "no-such-host.invalid"\n')
    there = "http://no-such-host.invalid:9092"
    query = subscribed(machine, machine.kapacitor, there)
    [red] = [r for r in machine.red(kapacitor_link, query=query) if "resolve" in r.finding]
    machine.server.execute(
        f"CREATE SUBSCRIPTION \"kapacitor-1\" ON remedies.autogen DESTINATIONS ANY '{there}'"
    )
    machine.mend(red.remedy)
    assert 'hostname = "127.0.0.1"' in (machine.root / "etc/kapacitor/kapacitor.conf").read_text()
    assert not any(s.name == "remedies" for s in machine.context().query("SHOW SUBSCRIPTIONS", ""))


def test_subscriptions_are_off(machine):
    machine.write("etc/kapacitor/kapacitor.conf", "[[influxdb]]\n  disable-subscriptions = true\n")
    [red] = [
        r
        for r in machine.red(kapacitor_link, query=subscribed(machine))
        if "subscription" in r.name
    ]
    machine.mend(red.remedy)
    assert (
        "disable-subscriptions = false"
        in (machine.root / "etc/kapacitor/kapacitor.conf").read_text()
    )


def minutes(machine, last, count=600):
    """Lines, one a minute, the last so many seconds ago."""
    lines = []
    for i in range(count):
        at = time.localtime(machine.now - last - 60 * (count - i))
        lines.append(
            time.strftime("%b %e %H:%M:%S", at)
            + " mx postfix/smtpd[1]: connect from x[192.0.2.1]\n"
        )
    log = machine.write("var/log/mail.log", "".join(lines))
    os.utime(log, (machine.now - last,) * 2)


def test_a_busy_log_that_is_silent_for_three_hours(machine, monkeypatch):
    monkeypatch.setattr(mail_log, "_COLLECTOR", "no-such-user")
    minutes(machine, 3 * 3600 + 60)
    [red] = machine.red(mail_log)
    assert "the longest silence before was" in red.finding
    machine.mend(red.remedy)
    assert "systemctl restart rsyslog postfix" in (machine.root / "did").read_text()
    minutes(machine, 10)
    assert machine.red(mail_log) == []


def test_a_quiet_server_may_be_silent(machine, monkeypatch):
    monkeypatch.setattr(mail_log, "_COLLECTOR", "no-such-user")
    minutes(machine, 4 * 3600)
    text = (machine.root / "var/log/mail.log").read_text().splitlines(keepends=True)
    at = time.localtime(machine.now - 86_000)
    night = (
        time.strftime("%b %e %H:%M:%S", at) + " mx postfix/smtpd[1]: connect from x[192.0.2.1]\n"
    )
    log = machine.write("var/log/mail.log", night + "".join(text))
    os.utime(log, (machine.now - 4 * 3600,) * 2)
    assert machine.red(mail_log) == []


def test_the_disk_of_the_state_is_full(machine, monkeypatch):
    full = os.statvfs_result((4096, 4096, 1000, 1, 1, 100, 50, 50, 0, 255))
    monkeypatch.setattr(disk.os, "statvfs", lambda _path: full)
    [red] = machine.red(disk)
    assert (red.name, "/var/lib/bmtick" in red.finding) == ("disk space: state", True)
    machine.mend(red.remedy)


def test_nobody_is_told_when_points_stay_away(machine):
    machine.edit("etc/bmtick/bmtick.toml", "[alerts.collector_silent]\n", "")
    [red] = machine.red(recipients)
    assert "collector_silent is not enabled" in red.finding
    machine.mend(
        red.remedy.replace(
            "apply --yes", f"apply --yes --wait 0s --force --state-dir {machine.root}/s"
        )
    )
    assert machine.red(recipients) == []


def test_nobody_is_named(machine):
    machine.edit("etc/bmtick/bmtick.toml", '[notify]\nrecipients = ["doctor@example.org"]\n', "")
    [red] = machine.red(recipients)
    assert "no recipient is named" in red.finding
    machine.mend(red.remedy.replace("$(hostname -d)", "example.org"))
    assert machine.red(recipients) == []
    assert desired(machine.context().settings)[0].values["recipients"] == ["postmaster@example.org"]


@pytest.mark.parametrize(
    ("line", "name", "mends"),
    [
        (
            'E! [outputs.influxdb] Failed to write metric (will be dropped: 400 Bad Request): partial write: max-values-per-tag limit exceeded (100000/100000): measurement="postfix_sender" tag="user" dropped=12',
            "telegraf: writing", "max-values-per-tag = 0",
        ),
        ("W! [outputs.influxdb] When writing to [x]: database not found", "telegraf: writing", ""),
    ],
)  # fmt: skip
def test_what_telegraf_says_of_points_that_are_dropped(machine, line, name, mends):
    (machine.root / "proc/42").mkdir(parents=True)
    (machine.root / "proc/42/comm").write_text("telegraf\n")
    assert machine.red(telegraf) == []
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(machine.now - 30))
    machine.write("var/log/telegraf/telegraf.log", f"2026 I! Starting Telegraf\n{stamp} {line}\n")
    [red] = machine.red(telegraf)
    assert red.name == name
    machine.mend(red.remedy)
    assert mends in (machine.root / "etc/influxdb/influxdb.conf").read_text()
    assert machine.red(telegraf, now=machine.now + 700) == []


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        ({"attempts": 3, "error": "mail server down"}, "1 notifications wait, since"),
        (
            {"attempts": 1, "error": "KeyError: 'x'", "defect": True},
            "set aside: email for id: KeyError",
        ),
        ({"args": 5}, "cannot be read and are set aside"),
    ],
)
def test_deliveries_that_fail_are_told(machine, delivery, said):
    event = {"id": "id", "message": "m", "details": "d"}
    whole = {
        "key": "k", "kind": "email", "args": [], "properties": {}, "event": event, "created": 0.0,
    } | delivery  # fmt: skip
    state = machine.root / "var/lib/bmtick/watch.state"
    state.write_bytes(encode({"outbox": [whole]}, b"", 0))
    reds = [one for one in machine.red(watch) if one.name == "watch: deliveries"]
    assert [said in one.finding for one in reds] == [True]
    state.write_bytes(encode({"outbox": []}, b"", 0))
    assert not [one for one in machine.red(watch) if one.name == "watch: deliveries"]


def test_every_remedy_is_a_shell_command(machine, tmp_path):
    """As many faults at once as go together."""
    said = []
    bare = Machine(tmp_path / "bare", "http://127.0.0.1:9", "http://127.0.0.1:9")
    for one in (machine, bare):
        for change in ({}, {"standalone": True}, {"now": machine.now + 90_000}):
            said += [check for check in examine(one.context(**change)) if check.remedy]
    (bare.root / "etc/telegraf/telegraf.d/output.conf").unlink()
    (bare.root / "etc/telegraf/telegraf.d/bmtick.conf").write_text("")
    said += [check for check in examine(bare.context()) if check.remedy]
    assert len(said) > 20
    for check in said:
        done = subprocess.run(["bash", "-n", "-c", check.remedy], capture_output=True, check=False)
        assert done.returncode == 0, check
        if check.status != "broken":
            continue
        program = re.split(r"[\s;]", check.remedy)[0]
        assert program in PROGRAMS, f"'{check.remedy}' of {check.name} is no command"


PROGRAMS = {
    "apt-get", "bm-cli", "bmtick", "chgrp", "chmod", "df", "du", "grep", "influx", "journalctl",
    "postconf", "printf", "runuser", "sed", "ssh", "sudo", "systemctl", "timedatectl", "mv",
    "PIPX_HOME=/opt/pipx", "install", "ls", "postsuper", "ss", "top",
}  # fmt: skip


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of two users")
@pytest.mark.parametrize("kind", ["of root", "of another", "a link"])
def test_root_s_folder_within_the_collectors(machine, kind):
    old = machine.root / "var/lib/bmtick/deploy"
    if kind == "a link":
        old.symlink_to("/etc")
    else:
        old.mkdir()
        (old / "x").write_text("kept")
    if kind == "of another":
        os.chown(old, 65533, 65533)
    [red] = machine.red(folders)
    machine.mend(red.remedy)
    assert machine.red(folders) == []
    assert not os.path.lexists(old)
    taken = (machine.root / "var/lib/bmtick-admin/deploy/x").exists()
    assert taken is (kind == "of root")


def test_a_history_file_that_is_damaged(machine):
    apply(machine)
    machine.edit("etc/bmtick/bmtick.toml", "[collect]", '[deploy]\nstate_dir = "/state"\n[collect]')
    assert machine.red(folders) == []
    [path] = (machine.root / "state/deploy").glob("*/history/0001.json")
    path.write_text("{")
    [red] = machine.red(folders)
    assert "is damaged, or of a newer bmtick" in red.finding
    machine.mend(red.remedy.replace("/state", f"{machine.root}/state"))
    assert machine.red(folders) == []


SNIPPET = "etc/telegraf/telegraf.d/bmtick.conf"


def no_log(machine):
    (machine.root / "var/log/mail.log").unlink(missing_ok=True)
    log = machine.root / "var/log/mail.log"
    machine.acts["systemctl"] = f'echo "postfix/qmgr[1]: x" > {log}'  # as syslog does


def no_postfix_in_the_log(machine):
    no_log(machine)
    machine.write("var/log/mail.log", "sshd[1]: hello\n")
    machine.acts["postconf"] = f'echo "postfix/qmgr[1]: x" >> {machine.root}/var/log/mail.log'
    machine.write("etc/rsyslog.conf", "mail.* -/var/log/mail.log\n")


def an_open_state(machine):
    (machine.root / "var/lib/bmtick/collect.state").chmod(0o644)


def a_state_that_grows_old(machine):
    state = machine.root / "var/lib/bmtick/collect.state"
    state.chmod(0o600)
    os.utime(state, (machine.now - 7000,) * 2)
    machine.acts["systemctl"] = f"touch {state}"


def a_collector_that_never_ran(machine):
    state = machine.root / "var/lib/bmtick/collect.state"
    state.unlink()
    machine.acts["systemctl"] = f"umask 077; touch {state}"


def no_plugin(machine):
    (machine.root / SNIPPET).unlink()
    (machine.root / "proc/42").mkdir(parents=True, exist_ok=True)
    (machine.root / "proc/42/comm").write_text("telegraf\n")


def no_telegraf(machine):
    comm = machine.root / "proc/42/comm"
    machine.acts["systemctl"] = f"mkdir -p {comm.parent}; echo telegraf > {comm}"


def a_program_that_is_gone(machine):
    machine.edit(SNIPPET, "/usr/bin/bmtick collect", f"{machine.root}/gone/bmtick collect")


def an_age_of_another_type(machine):
    put(machine, "postfix_queue,queue=active,host=a age=3i")


def no_output(machine):
    (machine.root / "etc/telegraf/telegraf.d/output.conf").write_text("[agent]\n")


def no_such_policy(machine):
    machine.edit("etc/bmtick/bmtick.toml", '"autogen"', '"weekly"')


def no_task(_machine): ...


def a_stopped_task(machine):
    apply(machine)
    machine.fake.tasks["bmtick-postfix_queue"] |= {"status": "disabled", "executing": False}


def no_mail_server(machine):
    machine.write(
        "etc/kapacitor/kapacitor.conf", "[smtp]\n  enabled = false\n[other]\n  enabled = false\n"
    )

    def answer(enabled):
        options = {"enabled": enabled, "host": "localhost", "port": 25}
        return 200, {}, {"elements": [{"options": options}]}

    where = ("GET", "/kapacitor/v1/config/smtp")
    machine.fake.answers[where] = [answer(False), answer(True)]


def a_wrong_option(machine):
    machine.edit("etc/bmtick/bmtick.toml", "[notify]\n", '[notify]\nslack = { channell = "#x" }\n')
    machine.acts["nano"] = f"sed -i s/channell/channel/ {machine.settings}"


def an_influxdb_that_is_down(machine):
    machine.edit("etc/bmtick/bmtick.toml", machine.influx, "http://127.0.0.1:9")
    machine.acts["systemctl"] = (
        f"sed -i 's,http://127.0.0.1:9\",{machine.influx}\",' {machine.settings}"
    )


def a_kapacitor_that_is_down(machine):
    machine.edit("etc/bmtick/bmtick.toml", machine.kapacitor, "http://127.0.0.1:9")
    machine.acts["systemctl"] = (
        f"sed -i 's,http://127.0.0.1:9\",{machine.kapacitor}\",' {machine.settings}"
    )


FAULTS = {
    # what is broken: the check, its name, what it says
    no_log: (mail_log, "mail log", "does not exist"),
    no_postfix_in_the_log: (mail_log, "mail log", "no line of Postfix"),
    an_open_state: (collector_state, "collector state", "can be read by others"),
    a_state_that_grows_old: (collector_state, "collector state", "was last written"),
    a_collector_that_never_ran: (collector_state, "collector state", "never ran"),
    no_plugin: (telegraf, "telegraf: plugin", "no file in"),
    no_telegraf: (telegraf, "telegraf", "no telegraf process"),
    a_program_that_is_gone: (telegraf_program, "telegraf: program", "does not exist"),
    an_age_of_another_type: (queue_age, "age of the queue", "has it as integer"),
    no_output: (telegraf_output, "telegraf: output", "no output to InfluxDB"),
    no_such_policy: (influxdb, "influxdb: database", "no retention policy 'weekly'"),
    no_task: (kapacitor_link, "kapacitor: tasks: postfix_queue", "is not deployed"),
    a_stopped_task: (kapacitor_link, "kapacitor: tasks: postfix_queue", "not running"),
    no_mail_server: (kapacitor_link, "kapacitor: mail", "no mail server"),
    a_wrong_option: (recipients, "alerts", "no option 'channell'"),
    an_influxdb_that_is_down: (influxdb, "influxdb", "does not answer"),
    a_kapacitor_that_is_down: (kapacitor_link, "kapacitor", "does not answer"),
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_named_and_its_remedy_mends_it(machine, fault, monkeypatch):
    monkeypatch.setattr(mail_log, "_COLLECTOR", "no-such-user")
    check, name, said = FAULTS[fault]
    query = subscribed(machine, machine.kapacitor) if check is kapacitor_link else None
    given = {"query": query} if query else {}
    fault(machine)

    def reds():
        return [red for red in machine.red(check, **given) if red.name == name]

    [red] = reds()
    assert said in red.finding
    remedy = red.remedy
    if "apply" in remedy:
        remedy += f" --wait 0s --force --state-dir {machine.root}/state"
    machine.mend(remedy)
    machine.now = time.time()
    assert reds() == []


def test_only_the_mail_server_of_kapacitor_is_switched_on(machine):
    no_mail_server(machine)
    [red] = [red for red in machine.red(kapacitor_link) if red.name == "kapacitor: mail"]
    machine.mend(red.remedy)
    text = (machine.root / "etc/kapacitor/kapacitor.conf").read_text()
    assert text == "[smtp]\n  enabled = true\n[other]\n  enabled = false\n"
