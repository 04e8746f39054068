"""A stolen account on a real Postfix: the watch sees it in log and queue while it happens."""

import os
import signal
import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path

from tests.support.postfix import postfix
from tests.support.servers import wait_for

ROOT = Path(__file__).parents[2]


def test_a_stolen_account_is_told_of_within_seconds(tmp_path):
    with postfix(
        users={"paul@example.org": "secret"}, settings={"defer_transports": "smtp"}
    ) as server:
        (tmp_path / "bmtick.toml").write_text(
            f"""
[notify]
recipients = ["admin@domain.net"]
[collect]
logs = ["{server.log}"]
spool = "{server.queue_directory}"
queue = "on"
[watch]
host = "mail"
datalocation = "bm-master"
[alerts.sender_recipients]
crit = 20
[alerts.postfix_queue]
crit = 10
"""
        )
        watch = subprocess.Popen(
            [sys.executable, "-m", "bmtick", "watch", "--state", "state", "--mails", "out"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            wait_for((tmp_path / "state").exists, "the watch")
            for number in range(12):
                server.submit(
                    "paul@example.org",
                    [f"victim{number}.{i}@elsewhere.example" for i in range(3)],
                    user="paul@example.org",
                    password="secret",
                )
            mails = tmp_path / "out"
            wait_for(lambda: len(list(mails.glob("*.eml"))) >= 2, "both alerts")
        finally:
            watch.send_signal(signal.SIGTERM)
            code = watch.wait(120)
        said = watch.stderr.read()
    assert code == 0, said
    found = [message_from_bytes(p.read_bytes(), policy=policy.default) for p in mails.glob("*.eml")]
    subjects = sorted(str(mail["Subject"]) for mail in found)
    assert any(
        "paul@example.org wrote to 3" in s or "paul@example.org wrote to 2" in s for s in subjects
    )
    assert any("messages in the Postfix queue (threshold 10)" in s for s in subjects)
    assert "Traceback" not in said
