"""A real chain, from Postfix to the mail: green; then each check is broken for real and mended.

Postfix logs, Telegraf runs the snippet of ``bmtick telegraf``, InfluxDB stores, Kapacitor runs
what ``bmtick apply`` deployed, a mail server takes the mails. What is printed as the remedy is
done by hand here, as there is no systemd.
"""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.deploy.client import connect
from bmtick.deploy.influx import connect_influx
from bmtick.doctor.chain import examine
from bmtick.doctor.context import Context, asked_once
from bmtick.doctor.mail_server import ask_mail_server
from bmtick.httpclient import fetch
from bmtick.settings import load
from tests.support import servers
from tests.support.postfix import postfix

ROOT = Path(__file__).parents[2]
STATE = "/var/lib/bmtick/collect.state"


class Service:
    """A program that can be stopped and started again."""

    def __init__(self, command, log, ready=lambda: True, env=None):
        self.command, self.log, self.ready, self.env = command, log, ready, env
        self.process = None
        self._stack = ExitStack()

    def start(self):
        self.process = self._stack.enter_context(servers.running(self.command, self.log, self.env))
        servers.wait_for(self.ready, self.command[0])

    def stop(self):
        self._stack.close()


def answers(url):
    return lambda: requests.get(url, timeout=2).status_code == 204


class Chain:
    """All of it, below ``root``, which stands for the machine's ``/``."""

    def __init__(self, root, mta, kind, stack):
        self.root, self.mta, self.kind = root, mta, kind
        self.sink = stack.enter_context(servers.smtp_sink())
        # Started once by the fixtures, which write their files; then stopped and started at will.
        with (
            servers.influxdb(root / "influx") as influx,
            servers.kapacitor(root / "kapacitor", influx, self.sink) as kapacitor,
        ):
            self.influx_url, self.kapacitor_url = influx.url, kapacitor.url
        self.influx = Service(
            [servers.find_program("influxd", "INFLUXD"), "-config", str(root / "influx/influxdb.conf")],
            root / "influx.log", answers(f"{self.influx_url}/ping"),
        )  # fmt: skip
        self.kapacitor_conf = root / "kapacitor/kapacitor.conf"
        self.kapacitor = Service(
            [servers.find_program("kapacitord", "KAPACITORD"), "-config", str(self.kapacitor_conf)],
            root / "kapacitord.log", answers(f"{self.kapacitor_url}/kapacitor/v1/ping"),
        )  # fmt: skip
        self._files()
        self.telegraf_log = root / "var/log/telegraf/telegraf.log"
        self.telegraf = Service(
            [servers.find_program("telegraf", "TELEGRAF"), "--config", str(root / "etc/telegraf/telegraf.conf"),
             "--config-directory", str(root / "etc/telegraf/telegraf.d")],
            root / "telegraf.out",
            env={"PYTHONPATH": str(ROOT), "TZ": "UTC",
                 "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        )  # fmt: skip
        for service in (self.influx, self.kapacitor, self.telegraf):
            stack.callback(service.stop)
            service.start()
        self.show_process()

    def _files(self):
        root = self.root
        for name in (
            "etc/telegraf/telegraf.d",
            "var/lib/bmtick",
            "var/log/telegraf",
            "proc",
            "tmp",
        ):
            (root / name).mkdir(parents=True)
        (root / "tmp" / self.mta.folder.name).symlink_to(self.mta.folder)
        (root / "var/spool").mkdir()
        (root / "var/spool/postfix").symlink_to(self.mta.queue_directory)
        self.settings = root / "bmtick.toml"
        self.settings.write_text(f"""
[kapacitor]
url = "{self.kapacitor_url}"
[influxdb]
url = "{self.influx_url}"
[notify]
recipients = ["doctor@example.org"]
[collect]
logs = ["{self.mta.log}"]
queue = "on"
spool = "{self.mta.queue_directory}"
[alerts.postfix_queue]
crit = 200
[alerts.sender_messages]
[alerts.collector_silent]
""")
        self.write_telegraf()

    def write_telegraf(self):
        kind = ["--execd"] if self.kind == "execd" else []
        result = CliRunner().invoke(
            cli,
            ["telegraf", *kind, "--config", str(self.settings), "--state", f"{self.root}{STATE}"],
        )
        assert result.exit_code == 0, result.output
        folder = self.root / "etc/telegraf"
        (folder / "telegraf.d/bmtick.conf").write_text(
            result.stdout.replace('interval = "10s"', 'interval = "1s"')
        )
        (folder / "telegraf.conf").write_text(f"""
[global_tags]
  host = "192.0.2.7"
  datalocation = "bm-master"
[agent]
  interval = "1s"
  flush_interval = "1s"
  omit_hostname = true
  logfile = "{self.root}/var/log/telegraf/telegraf.log"
[[outputs.influxdb]]
  urls = ["{self.influx_url}"]
  database = "telegraf"
  skip_database_creation = true
""")

    def show_process(self):
        """Show the doctor this Telegraf: others on this machine are none of its business."""
        pid = str(self.telegraf.process.pid)
        (self.root / "proc" / pid).symlink_to(f"/proc/{pid}")

    def apply(self):
        result = CliRunner().invoke(
            cli,
            ["apply", "--yes", "--wait", "0s", "--config", str(self.settings),
             "--state-dir", str(self.root / "state")],
        )  # fmt: skip
        assert result.exit_code == 0, result.output

    def context(self, **changes):
        settings = load(str(self.settings))
        return Context(
            settings=settings,
            now=changes.pop("now", time.time()),
            get=fetch,
            query=asked_once(connect_influx(settings.influxdb, {}).query),
            kapacitor=lambda name: connect(name, settings.kapacitor[name], {"HOME": "/"}),
            ask_mail_server=ask_mail_server,
            root=self.root,
            **changes,
        )

    def send(self):
        with self.mta.connect() as session:
            session.sendmail("a@example.org", ["b@elsewhere.example"], "Subject: x\r\n\r\nx\r\n")

    def run(self, **changes):
        return {check.name: check for check in examine(self.context(**changes))}

    def broken(self, **changes):
        return {n: check for n, check in self.run(**changes).items() if check.status == "broken"}

    def wait(self, wanted, seconds=120, ahead=0):
        """Wait until exactly these checks are broken; ahead is how long from now it is looked at."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.broken(now=time.time() + ahead)
            if {name for name in found if not (ahead and "clock" in name)} == set(wanted):
                return found
            assert time.monotonic() < deadline, (sorted(found.values(), key=str), wanted)
            self.send()
            time.sleep(0.5)

    def says(self):
        return self.telegraf_log.read_text()[-2000:] if self.telegraf_log.exists() else ""


@pytest.fixture(scope="module", params=["exec", "execd"])
def chain(request, tmp_path_factory):
    for program in ("kapacitord", "telegraf", "influxd"):
        servers.find_program(program, program.upper())
    root = tmp_path_factory.mktemp("machine")
    with postfix() as mta, ExitStack() as stack:
        whole = Chain(root, mta, request.param, stack)
        whole.apply()
        whole.send()
        whole.wait([])
        yield whole


def test_green(chain):
    """Nobody has logged in by a password, so two measurements have no point, as it should say."""
    events = {
        "points: postfix_sender",
        "points: postfix_auth",
        "kapacitor: tasks: sender_messages",
    }

    def nothing_else_is_open():
        checks = chain.run(test_mail=True)
        return {n for n, check in checks.items() if check.status not in ("ok", "off")} <= events

    servers.wait_for(nothing_else_is_open, "a green chain")
    servers.wait_for(lambda: chain.sink.messages, "the test mail")


def test_a_quiet_night_is_green(chain):
    """Nothing is logged, so nothing is counted; the collector runs all the same."""
    before = (chain.root / STATE[1:]).stat().st_mtime
    servers.wait_for(lambda: (chain.root / STATE[1:]).stat().st_mtime > before + 3, "another run")
    assert not chain.broken()


def test_telegraf_is_stopped(chain):
    chain.telegraf.stop()
    found = chain.broken()
    assert list(found) == ["telegraf"]
    assert found["telegraf"].remedy == "systemctl start telegraf"
    later = chain.broken(now=time.time() + 1000)
    assert {"telegraf", "collector state", "points: postfix_queue"} <= set(later)
    chain.telegraf.start()
    chain.show_process()
    chain.wait([])


def test_the_plugin_is_missing(chain):
    snippet = chain.root / "etc/telegraf/telegraf.d/bmtick.conf"
    snippet.unlink()
    found = chain.broken()
    assert list(found) == ["telegraf: plugin"]
    assert found["telegraf: plugin"].remedy.startswith("bmtick telegraf > ")
    chain.write_telegraf()
    assert not chain.broken()


def test_the_state_cannot_be_written(chain):
    folder = chain.root / "var/lib/bmtick"
    parked = chain.root / "parked"
    folder.rename(parked)
    folder.write_text("")  # root may write anywhere but below a file
    try:
        chain.telegraf.stop()
        chain.telegraf.start()
        chain.show_process()
        found = {}

        def told() -> bool:
            found.clear()
            found.update(chain.broken())
            log = found.get("telegraf: log")
            return log is not None and "cannot write in the state" in log.finding

        servers.wait_for(told, "Telegraf's word of it")
        assert set(found) <= {"telegraf: log", "collector state"}
    finally:
        folder.unlink()
        parked.rename(folder)
    chain.telegraf.stop()
    chain.telegraf.start()
    chain.show_process()
    chain.wait([])


def test_the_log_is_gone(chain):
    parked = chain.mta.log.with_name("parked")
    chain.mta.log.rename(parked)
    try:
        found = chain.broken()
        assert "mail log" in found
        assert "does not exist" in found["mail log"].finding
        assert set(found) <= {"mail log", "telegraf: log"}
    finally:
        parked.rename(chain.mta.log)
    chain.wait([], ahead=65)  # what Telegraf's log said is over then


def test_influxdb_is_stopped(chain):
    chain.influx.stop()
    found = chain.broken()
    assert "influxdb" in found
    assert found["influxdb"].remedy.startswith("systemctl start influxdb")
    assert set(found) <= {"influxdb", "telegraf: log"}
    checks = chain.run()
    assert checks["kapacitor: subscription"].status == "skipped"
    assert checks["kapacitor: tasks: postfix_queue"].status == "ok"
    chain.influx.start()
    chain.wait([], ahead=65)


def test_kapacitor_is_stopped(chain):
    chain.kapacitor.stop()
    found = chain.broken()
    assert list(found) == ["kapacitor"]
    assert found["kapacitor"].remedy.startswith("systemctl start kapacitor")
    chain.kapacitor.start()
    chain.wait([])


def test_the_subscription_is_off(chain):
    text = chain.kapacitor_conf.read_text()
    chain.kapacitor.stop()
    chain.kapacitor_conf.write_text(
        text.replace("disable-subscriptions = false", "disable-subscriptions = true")
    )
    for series in connect_influx(load(str(chain.settings)).influxdb, {}).query(
        "SHOW SUBSCRIPTIONS"
    ):
        for row in series.values:
            requests.post(
                f"{chain.influx_url}/query",
                data={"q": f'DROP SUBSCRIPTION "{row[1]}" ON "{series.name}"."{row[0]}"'},
                timeout=120,
            ).raise_for_status()
    chain.kapacitor.start()
    found = chain.broken()
    assert list(found) == ["kapacitor: subscription"]
    assert "disable-subscriptions = false" in found["kapacitor: subscription"].remedy
    chain.kapacitor.stop()
    chain.kapacitor_conf.write_text(text)
    chain.kapacitor.start()
    chain.wait([])


def test_mail_is_off(chain):
    text = chain.kapacitor_conf.read_text()
    chain.kapacitor.stop()
    chain.kapacitor_conf.write_text(
        text.replace("[smtp]\n  enabled = true", "[smtp]\n  enabled = false")
    )
    chain.kapacitor.start()
    found = chain.broken()
    assert list(found) == ["kapacitor: mail"]
    assert "[smtp]: enabled = true" in found["kapacitor: mail"].remedy
    chain.kapacitor.stop()
    chain.kapacitor_conf.write_text(text)
    chain.kapacitor.start()
    chain.wait([])


def _patch(chain, task, **body):
    requests.patch(
        f"{chain.kapacitor_url}/kapacitor/v1/tasks/{task}", json=body, timeout=120
    ).raise_for_status()


def test_a_task_is_disabled(chain):
    _patch(chain, "bmtick-postfix_queue", status="disabled")
    found = chain.broken()
    assert list(found) == ["kapacitor: tasks: postfix_queue"]
    assert found["kapacitor: tasks: postfix_queue"].remedy == "bmtick apply --yes"
    chain.apply()
    chain.wait([])


def test_a_task_is_deleted(chain):
    requests.delete(
        f"{chain.kapacitor_url}/kapacitor/v1/tasks/bmtick-postfix_queue", timeout=120
    ).raise_for_status()
    found = chain.broken()
    assert found["kapacitor: tasks: postfix_queue"].remedy == "bmtick apply --yes"
    chain.apply()
    chain.wait([])


def test_clocks_disagree(chain):
    found = chain.broken(now=time.time() + 60)
    assert {name for name in found if name.startswith("clock: ")} == {
        "clock: influxdb", "clock: kapacitor default"
    }  # fmt: skip
    assert all("timedatectl" in check.remedy for n, check in found.items() if "clock" in n)


def test_the_disk_is_full(chain, tmp_path):
    small = tmp_path / "spool"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a tmpfs here")
    spool = chain.root / "var/spool/postfix"
    try:
        (small / "filler").write_bytes(b"x" * 1_030_000)
        spool.unlink()
        spool.symlink_to(small)
        settings = replace_spool(chain)
        found = {check.name: check for check in examine(settings) if check.status == "broken"}
        assert list(found) == ["disk space"]
        (small / "filler").unlink()  # as df -h and the journal's vacuum bid
        assert not [check for check in examine(replace_spool(chain)) if check.status == "broken"]
    finally:
        spool.unlink()
        spool.symlink_to(chain.mta.queue_directory)
        subprocess.run(["umount", str(small)], check=True)


def replace_spool(chain):
    import msgspec

    context = chain.context()
    collect = msgspec.structs.replace(context.settings.collect, spool="/var/spool/postfix")
    return replace(context, settings=msgspec.structs.replace(context.settings, collect=collect))


def test_chronograf_is_missing(chain):
    text = chain.settings.read_text()
    chain.settings.write_text(f'{text}\n[chronograf]\nurl = "http://127.0.0.1:9/tick"\n')
    try:
        found = chain.broken()
        assert list(found) == ["chronograf"]
        assert found["chronograf"].remedy == "systemctl start chronograf"
    finally:
        chain.settings.write_text(text)
    assert not chain.broken()


def test_a_plain_user_is_told_what_could_not_be_seen(chain):
    """Nobody may read neither log, nor state, nor Telegraf's log: nothing of it is called broken."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    paths = [
        chain.mta.log,
        chain.root / "var/lib/bmtick",
        chain.root / "var/log/telegraf/telegraf.log",
    ]
    modes = [path.stat().st_mode & 0o7777 for path in paths]
    opened = [p for p in (chain.root, *chain.root.parents) if p != Path("/")]
    old = {p: p.stat().st_mode & 0o7777 for p in opened}
    for path in opened:
        path.chmod(old[path] | 0o055)
    for path in paths:
        path.chmod(0o700 if path.is_dir() else 0o600)
    seen = []
    try:
        reader, writer = os.pipe()
        if (pid := os.fork()) == 0:
            status = 1
            try:
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
                checks = chain.run()
                lines = (f"{k.status}\t{k.name}\t{k.remedy}\n" for k in checks.values())
                os.write(writer, "".join(lines).encode())
                status = 0
            finally:
                os._exit(status)
        os.close(writer)
        with os.fdopen(reader) as lines:
            seen = [line.rstrip("\n").split("\t") for line in lines]
        assert os.waitpid(pid, 0)[1] == 0
    finally:
        for path, mode in zip(paths, modes, strict=True):
            path.chmod(mode)
        for path in opened:
            path.chmod(old[path])
    by_name = {name: (status, remedy) for status, name, remedy in seen}
    assert not [name for name, (status, _) in by_name.items() if status == "broken"]
    for name in ("mail log", "collector state", "telegraf: log"):
        assert by_name[name] == ("skipped", "sudo bmtick doctor"), by_name
