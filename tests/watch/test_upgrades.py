"""States of earlier versions are taken over: nothing lost, nothing told twice."""

import os
import shutil
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.collect.state import decode

FOLDER = Path(__file__).parent / "upgrades"
END = 1_767_607_400  # a minute after the last line
MORE = "".join(
    f"""Jan  5 10:01:5{i} mail postfix/smtpd[1]: 4F1A{i:02X}: client=h[192.0.2.{i}], sasl_method=LOGIN, sasl_username=anna@example.org
Jan  5 10:01:5{i} mail postfix/qmgr[2]: 4F1A{i:02X}: from=<anna@example.org>, size=900, nrcpt=9 (queue active)
"""
    for i in range(5)
)


def kept(folder):
    return decode((folder / "state").read_bytes()).state


@pytest.fixture(params=sorted(p.name for p in FOLDER.iterdir() if p.is_dir()))
def place(request, tmp_path, monkeypatch):
    for name in ("mail.log", "bmtick.toml"):
        shutil.copy(FOLDER / name, tmp_path / name)
    os.utime(tmp_path / "mail.log", (END, END))
    for path in (FOLDER / request.param).iterdir():  # the state, and what later ones have beside it
        shutil.copy(path, tmp_path / path.name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    return tmp_path


def run():
    result = CliRunner().invoke(cli, ["watch", "--once", "--state", "state", "--mails", "out"])
    assert result.exit_code == 0, result.output
    paths = sorted(Path("out").glob("*.eml"))
    return result, [message_from_bytes(p.read_bytes(), policy=policy.default) for p in paths]


def level_and_user(mail):
    return mail["Subject"].split("]")[0][1:], mail["Subject"].split(": ")[1].split(" ")[0]


def test_what_waited_is_delivered_once(place):
    waiting = kept(place)["outbox"]
    result, mails = run()
    assert "started from scratch" not in result.output
    told = [level_and_user(m) for m in mails]
    assert told[0] == ("CRITICAL", "paul@example.org")
    # of a script that has changed since, the end is told with its next point only
    assert told[1:] in ([], [("OK", "paul@example.org")])
    assert len(told) >= len(waiting)
    for delivery, mail in zip(waiting, mails, strict=False):
        assert delivery["key"] in mail["Message-ID"]
    assert kept(place)["outbox"] == []
    assert len(run()[1]) == len(mails)  # a second time nothing is new


def test_new_lines_count_and_old_ones_do_not_again(place):
    with (place / "mail.log").open("a") as log:
        log.write(MORE)
    os.utime(place / "mail.log", (END, END))
    _, mails = run()
    told = [level_and_user(m) for m in mails]
    assert len(told) == len(set(told))
    assert {("CRITICAL", "paul@example.org"), ("CRITICAL", "anna@example.org")} <= set(told)
