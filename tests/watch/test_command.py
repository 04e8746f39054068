"""``bmtick watch`` as a process: --once, a growing log, SIGTERM, wrong settings."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from tests.support.servers import free_port, wait_for

ROOT = Path(__file__).parents[2]
LOG = ROOT / "examples" / "outbreak" / "mail.log"

SETTINGS = """
[notify]
recipients = ["admin@domain.net"]
[collect]
logs = ["mail.log"]
queue = "off"
[watch]
host = "mail"
datalocation = "bm-master"
[alerts.sender_outbreak]
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "bmtick.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def once(*args):
    return CliRunner().invoke(cli, ["watch", "--once", *map(str, args)])


def mails(folder):
    paths = sorted(folder.glob("*.eml")) if folder.is_dir() else []
    return [message_from_bytes(p.read_bytes(), policy=policy.default) for p in paths]


def test_once_over_a_real_outbreak_tells_once(place):
    shutil.copy(LOG, place / "mail.log")
    first = once("--state", "state", "--mails", "out")
    assert first.exit_code == 0, first.output
    subjects = [mail["Subject"] for mail in mails(place / "out")]
    assert subjects[0].startswith("[CRITICAL] mail: p.martin@example.org sends spam")
    assert mails(place / "out")[0]["To"] == "admin@domain.net"
    again = once("--state", "state", "--mails", "out")
    assert again.exit_code == 0
    assert [mail["Subject"] for mail in mails(place / "out")] == subjects


def test_once_with_a_dead_mail_server_keeps_the_mails(place):
    shutil.copy(LOG, place / "mail.log")
    with (place / "bmtick.toml").open("a") as settings:
        settings.write(f'[smtp]\nport = {free_port()}\ntimeout = "2s"\n')
    result = once("--state", "state")
    assert result.exit_code == 1
    assert "has to wait" in result.stderr
    later = once("--state", "state", "--mails", "out")
    assert later.exit_code == 0
    assert len(mails(place / "out")) >= 1


def start(place, *args):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "bmtick", "watch", "--mails", "out", "--state", "state", *args],
        cwd=place,
        env=env,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_growing_log_is_followed_over_a_restart_and_sigterm_ends_cleanly(place):
    """The outbreak is written while the watch runs, half of it while it does not."""
    lines = LOG.read_bytes().splitlines(keepends=True)
    half = len(lines) // 2
    (place / "mail.log").write_bytes(b"")
    first = start(place)
    wait_for((place / "state.lock").exists, "the watch")
    wait_for((place / "state").exists, "its first look")
    with (place / "mail.log").open("ab") as log:
        log.writelines(lines[: half // 2])
    time.sleep(2)
    first.send_signal(signal.SIGTERM)
    assert first.wait(120) == 0, first.stderr.read()
    with (place / "mail.log").open("ab") as log:
        log.writelines(lines[half // 2 :])
    before = (place / "state").stat().st_mtime_ns
    second = start(place)
    wait_for(lambda: (place / "state").stat().st_mtime_ns > before, "the second watch")
    wait_for(lambda: mails(place / "out"), "the mail of the outbreak")
    time.sleep(1)
    second.send_signal(signal.SIGTERM)
    assert second.wait(120) == 0, second.stderr.read()
    outbreaks = [m for m in mails(place / "out") if "sends spam" in m["Subject"]]
    assert len(outbreaks) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[alerts.sender_outbreak]", ""), "enable no alert"),
        (("[notify]", '[notify]\nslack = { channel = "#x" }'), "'slack'"),
        (("[watch]", '[watch]\nmail = "folder"'), "without a folder"),
        (("[watch]", '[smtp]\nhost = "mx.example"\nusername = "u"\n[watch]'), "in the clear"),
        (("[watch]", '[watch]\nmails = "x"'), "mails"),
    ],
)
def test_wrong_settings_are_refused(place, monkeypatch, change, message):
    monkeypatch.setenv("BMTICK_SMTP_PASSWORD", "hidden")
    monkeypatch.setenv("BMTICK_SMTP_USERNAME", "u")
    (place / "bmtick.toml").write_text(SETTINGS.replace(*change))
    (place / "mail.log").write_text("")
    result = once("--no-state")
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert "hidden" not in result.output


def call(*args):
    return CliRunner().invoke(cli, list(map(str, args)))


def test_silence_status_and_events_without_kapacitor(place):
    """The settings name no [kapacitor], a watch has run here: the commands are about it."""
    with (place / "bmtick.toml").open("a") as settings:
        settings.write("[alerts.postfix_queue]\n")
    text = (place / "bmtick.toml").read_text()
    (place / "bmtick.toml").write_text(text.replace("[watch]", '[watch]\nstate = "state"'))
    (place / "mail.log").write_bytes(b"")
    assert once("--mails", "out").exit_code == 0
    made = call("silence", "--alert", "sender_outbreak", "--for", "2h", "--reason", "exam")
    assert made.exit_code == 0, made.output
    assert made.stdout.startswith("sender_outbreak muted until ")
    shown = json.loads(call("silences", "--format", "json").stdout)
    assert [(s["server"], s["alert"], s["active"], s["reason"]) for s in shown] == [
        ("watch", "sender_outbreak", True, "exam")
    ]
    shutil.copy(LOG, place / "mail.log")
    assert once("--mails", "out").exit_code == 0
    assert mails(place / "out") == []
    told = json.loads(call("events", "--since", "9999w", "--format", "json").stdout)
    assert {(e["alert"], e["silenced"]) for e in told} == {("sender_outbreak", shown[0]["id"])}
    state = call("status", "--format", "json")
    assert state.exit_code == 1  # it does not run now
    by_name = {s["name"]: s for s in json.loads(state.stdout)}
    assert by_name["sender_outbreak"]["silenced"] == [shown[0]["id"]]
    assert by_name["sender_outbreak"]["points"] > 0
    assert by_name["sender_outbreak"]["events"][0]["message"] == told[-1]["message"]
    assert by_name["postfix_queue"]["silenced"] == []
    assert {s["state"] for s in by_name.values()} == {"not running"}
    one = call("silence", "--where", "user=x", "--for", "2h", "--reason", "exam")
    assert one.stdout.startswith("all alerts with user=x muted until ")
    by_name = {s["name"]: s for s in json.loads(call("status", "--format", "json").stdout)}
    assert len(by_name["sender_outbreak"]["silenced"]) == 2
    assert by_name["postfix_queue"]["silenced"] == []  # it knows no users
    assert call("unsilence", one.stdout.split()[-1]).exit_code == 0
    ended = call("unsilence", shown[0]["id"])
    assert (ended.exit_code, ended.stdout) == (0, f"ended {shown[0]['id']}\n")
    assert call("silences").stdout == "nothing is muted\n"
    assert call("unsilence", shown[0]["id"]).exit_code == 2
    for args in (("--alert", "sender_outbrake"), ("--where", "colour=red")):
        wrong = call("silence", *args, "--for", "2h", "--reason", "x")
        assert (wrong.exit_code, "Traceback" in wrong.output) == (2, False)


def test_what_a_watch_that_never_ran_can_be_asked(place):
    text = (place / "bmtick.toml").read_text().replace('host = "mail"', f'state = "{place}/state"')
    (place / "bmtick.toml").write_text(text)
    status = CliRunner().invoke(cli, ["status"])
    assert status.exit_code == 2
    assert "has 'bmtick watch' been started" in status.stderr
    muted = CliRunner().invoke(
        cli, ["silence", "--alert", "sender_outbreak", "--for", "1h", "--reason", "letter"]
    )
    assert muted.exit_code == 0, muted.stderr
    assert "sender_outbreak" in CliRunner().invoke(cli, ["silences"]).stdout
    assert "no events" in CliRunner().invoke(cli, ["events"]).stdout


def test_a_running_watch_is_muted_without_a_restart_and_survives_kill(place):
    """kill -9 in the midst of it; the silence, the history and the level are kept."""
    text = SETTINGS.replace("[watch]", '[watch]\nstate = "state"')
    (place / "bmtick.toml").write_text(text)
    (place / "mail.log").write_bytes(b"")
    lines = LOG.read_bytes().splitlines(keepends=True)
    first = start(place)
    wait_for((place / "state").exists, "its first look")
    assert [s["state"] for s in json.loads(call("status", "--format", "json").stdout)] == [
        "running"
    ]
    assert call("silence", "--for", "1h", "--reason", "exam").exit_code == 0
    with (place / "mail.log").open("ab") as log:
        log.writelines(lines[: len(lines) // 2])
    time.sleep(1)
    first.kill()
    first.wait(120)
    with (place / "mail.log").open("ab") as log:
        log.writelines(lines[len(lines) // 2 :])
    second = start(place)
    wait_for((place / "state.history").exists, "the muted event")
    time.sleep(1)
    second.send_signal(signal.SIGTERM)
    assert second.wait(120) == 0
    assert "muted by bmtick--silence-" in second.stderr.read() + first.stderr.read()
    assert mails(place / "out") == []
    told = json.loads(call("events", "--since", "9999w", "--format", "json").stdout)
    keys = [(e["id"], e["time"], e["level"]) for e in told]
    assert len(keys) == len(set(keys)) >= 1


def test_a_kapacitor_in_the_settings_is_asked(place):
    """A watch that ran here once does not keep the commands from the Kapacitor that is named."""
    (place / "bmtick.toml").write_text(
        SETTINGS.replace(
            "[watch]",
            f'[kapacitor]\nurl = "http://127.0.0.1:{free_port()}"\n[watch]\nstate = "state"',
        )
    )
    (place / "mail.log").write_bytes(b"")
    assert once("--mails", "out").exit_code == 0
    assert call("status").exit_code == 2
    assert call("silence", "--for", "1h", "--reason", "x").exit_code == 2
    assert not (place / "state.silences").exists()
    only = call("silence", "--watch", "--for", "1h", "--reason", "x")
    assert only.exit_code == 0
    assert call("silences", "--watch", "--server", "default").exit_code == 2


def test_a_test_mail_goes_the_way_of_the_alerts(place, sink):
    smtp = f'[smtp]\nport = {sink.port}\nsender = "alerts@mail.example"\n'
    (place / "bmtick.toml").write_text(
        f'language = "de"\n{smtp}{SETTINGS}recipients = ["own@domain.net"]\n'
        "[alerts.postfix_queue]\n"
    )
    before = len(sink.messages)
    done = CliRunner().invoke(cli, ["watch", "--test-mail"])
    assert done.exit_code == 0, done.output
    assert "own@domain.net, admin@domain.net" in done.output
    [mail] = sink.messages[before:]
    assert sink.recipients[-1] == ["own@domain.net", "admin@domain.net"]
    assert mail["From"] == "alerts@mail.example"
    assert mail["Subject"].startswith("[TEST] bmtick watch: dies ist ein Test")


def test_a_test_mail_that_does_not_go_is_a_finding(place):
    (place / "bmtick.toml").write_text(f"[smtp]\nport = {free_port()}\n{SETTINGS}")
    done = CliRunner().invoke(cli, ["watch", "--test-mail"])
    assert done.exit_code == 1
    assert "the test mail did not go: mail server 127.0.0.1:" in done.stderr
    assert done.stderr.endswith(": Connection refused\n")


def test_a_user_name_without_a_password_is_refused(place):
    (place / "bmtick.toml").write_text(f'[smtp]\nusername = "u"\ntls = "tls"\n{SETTINGS}')
    done = CliRunner().invoke(cli, ["watch", "--test-mail"])
    assert done.exit_code == 2
    assert "BMTICK_SMTP_PASSWORD" in done.stderr


def test_killed_again_and_again_every_event_is_told_once(place):
    """kill -9 at random moments while the log grows and silences come and go.

    Each event stands in the history once; each that was not muted is one mail, and no mail is of
    anything else.
    """
    rolls = random.Random(3)
    alerts = {"sender_outbreak": 10, "auth_failures": 2, "relay_client": 2, "delivery_blocked": 1}
    text = SETTINGS.replace("[watch]", '[watch]\nstate = "state"').partition("[alerts.")[0]
    text = text.replace("[notify]", "[notify]\ngather = false")
    text += "".join(f"[alerts.{name}]\ncrit = {crit}\n" for name, crit in alerts.items())
    (place / "bmtick.toml").write_text(text)
    lines = LOG.read_bytes().splitlines(keepends=True)
    (place / "mail.log").write_bytes(b"")
    step = len(lines) // 8
    always = ("--alert", "auth_failures", "--for", "1h", "--reason", "x", "--watch")
    assert call("silence", *always).exit_code == 0
    for part in range(0, len(lines), step):
        one = start(place)
        wait_for((place / "state").exists, "its first look")
        if part == 2 * step:
            assert call("silence", "--for", "1h", "--reason", "x").exit_code == 0
        elif part == 5 * step:
            assert call("unsilence", "--alert", "*").exit_code == 0
        with (place / "mail.log").open("ab") as log:
            log.writelines(lines[part : part + step])
        time.sleep(rolls.random() * 2)
        one.kill()
        one.wait(120)
    assert once("--mails", "out").exit_code == 0
    told = json.loads(call("events", "--since", "9999w", "--format", "json").stdout)
    keys = [(e["id"], e["time"], e["level"]) for e in told]
    assert len(keys) == len(set(keys)) > 5
    loud = sorted(e["message"] for e in told if "silenced" not in e)
    assert sorted(mail["Subject"] for mail in mails(place / "out")) == loud
    assert all("silenced" in e for e in told if e["alert"] == "auth_failures")
    assert 0 < len(loud) < len(told)


def test_sighup_reads_the_settings_anew_and_keeps_the_old_where_they_are_wrong(place):
    (place / "mail.log").touch()
    said = place / "said"
    command = [sys.executable, "-m", "bmtick", "watch", "--mails", "out", "--state", "state"]
    with said.open("w") as stderr:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen([*command, "--config", "bmtick.toml"], env=env, stderr=stderr)

    def until(text):
        wait_for(lambda: process.poll() is not None or text in said.read_text(), text)
        assert process.poll() is None, said.read_text()

    try:
        until("watches mail.log for 1 alert: sender_outbreak\nbmtick: tells admin@domain.net\n")
        wait_for((place / "state").exists, "its first look")
        good = (place / "bmtick.toml").read_text()
        (place / "bmtick.toml").write_text(good + "[smtp]\nprot = 25\n")
        process.send_signal(signal.SIGHUP)
        until("the settings stay as they were: bmtick.toml:")
        assert r"\n" not in said.read_text(), "each of them is one line of the journal"
        (place / "bmtick.toml").write_text(good + "[alerts.postfix_queue]\n")
        process.send_signal(signal.SIGHUP)
        until("watches mail.log for 2 alerts: sender_outbreak, postfix_queue\n")
        shutil.copy(LOG, place / "mail.log")
        until("p.martin@example.org sends spam")
        process.terminate()
        assert process.wait(120) == 0
    finally:
        process.kill()


def test_an_alert_that_asks_influxdb_needs_one(tmp_path):
    settings = tmp_path / "bmtick.toml"
    settings.write_text(
        '[notify]\nrecipients = ["a@example.org"]\n[alerts.sender_growth]\nenabled = true\n'
    )
    (tmp_path / "mail.log").write_text("")
    command = ["watch", "--once", "--no-state", "--log", str(tmp_path / "mail.log")]
    result = CliRunner().invoke(cli, [*command, "--config", str(settings)])
    assert result.exit_code == 2
    assert "[alerts.sender_growth] asks InfluxDB, and the settings name none" in result.output


def test_an_old_log_that_is_written_again_has_its_own_time(place):
    """Line after line an outbreak of months ago is written: it is told once, and no end of it."""
    from bmtick.cli._web import board_of
    from bmtick.cli.watch import _Screen, _watch
    from bmtick.settings import load

    (place / "mail.log").write_bytes(b"")
    (place / "bmtick.toml").write_text(SETTINGS.replace("[watch]", '[watch]\nstate = "state"'))
    settings = load("bmtick.toml")
    watch = _watch(settings, (), "state", "out", _Screen(), board_of(settings, "state"), once=False)
    now = time.time()
    watch.start(from_start=False, now=now)
    lines = LOG.read_bytes().splitlines(keepends=True)
    for part in range(0, len(lines), 40):
        with (place / "mail.log").open("ab") as log:
            log.writelines(lines[part : part + 40])
        now += 2
        os.utime("mail.log", (now, now))
        watch.tick(now)
    watch.tick(now + 3)
    watch.finish(now + 3, 60)
    watch.stop()
    told = json.loads(call("events", "--since", "9999w", "--format", "json").stdout)
    keys = [(e["id"], e["level"]) for e in told]
    assert keys
    assert len(keys) == len(set(keys))
    assert {level for _, level in keys} == {"CRITICAL"}


def test_fifty_sighups_while_lines_come_lose_and_repeat_nothing(place):
    """It starts from scratch again and again, in the midst of reading and delivering."""
    (place / "bmtick.toml").write_text(
        SETTINGS.replace("[watch]", '[watch]\nstate = "state"') + "crit = 10\n"
    )
    (place / "mail.log").write_bytes(b"")
    lines = LOG.read_bytes().splitlines(keepends=True)
    rolls, step = random.Random(5), len(lines) // 50 + 1
    process = start(place)
    try:
        wait_for((place / "state").exists, "its first look")
        for part in range(0, len(lines), step):
            with (place / "mail.log").open("ab") as log:
                log.writelines(lines[part : part + step])
            process.send_signal(signal.SIGHUP)
            time.sleep(rolls.choice([0.0, 0.01, 0.1]))
        wait_for(
            lambda: process.poll() is not None or len(mails(place / "out")) >= 3, "three outbreaks"
        )
        assert process.poll() is None, process.stderr.read()
        process.terminate()
        assert process.wait(60) in (0, -signal.SIGTERM)  # before the new one listens
    finally:
        process.kill()
    told = json.loads(call("events", "--since", "9999w", "--format", "json").stdout)
    keys = [(e["id"], e["level"]) for e in told]
    assert len(keys) == len(set(keys)) == len(mails(place / "out")) == 3


def test_the_digest_is_mailed_by_the_next_run_after_its_hour(place, monkeypatch):
    """Also by runs that end; to those whom the alerts mail, where [notify] names nobody."""
    digest = '[notify]\ndigest = "daily"\ndigest_at = "07:00"\n'
    text = SETTINGS.replace("[watch]", '[watch]\nstate = "state"').partition("[collect]")[2]
    alerts = '[alerts.postfix_queue]\nrecipients = ["ops@example.org"]\n'
    (place / "bmtick.toml").write_text(f"{digest}[collect]{text.partition('[alerts.')[0]}{alerts}")
    noon, morning = 1_767_614_400, 1_767_682_860  # the next day, a minute after seven
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    for now, mailed in ((noon, 0), (morning - 120, 0), (morning, 1), (morning + 60, 1)):
        monkeypatch.setattr("time.time", lambda now=now: float(now))
        assert once("--mails", "out").exit_code == 0
        found = mails(place / "out") if (place / "out").exists() else []
        assert len([m for m in found if m["Subject"].startswith("[INFO] mail: ")]) == mailed
    monkeypatch.undo()
    assert found[-1]["To"] == "ops@example.org"
    assert found[-1]["Subject"].endswith(" since 2026-01-05 12:00:00")


def test_a_digest_for_nobody_is_refused(place):
    (place / "bmtick.toml").write_text(
        '[notify]\ndigest = "daily"\npost = { url = "http://127.0.0.1/" }\n'
        '[collect]\nlogs = ["mail.log"]\n[alerts.postfix_queue]\n'
    )
    done = once("--mails", "out")
    assert done.exit_code == 2
    assert '[notify] digest = "daily" is for nobody' in done.stderr
