"""The live view: it fits, keys do what they say, nothing is held without a yes."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick import languages
from bmtick.cli.root import cli
from bmtick.cli.top import keys_of
from bmtick.live.board import Board
from bmtick.live.top import HOLD, QUIT, RELEASE, View, frame
from bmtick.points import Point
from tests.web.support import EVIL, NOW, Brake, outbreak

ROOT = Path(__file__).parents[2]
TABS = "123456"


@pytest.fixture
def board():
    board = Board("mx")
    outbreak(board)
    time = NOW * 10**9
    for n in range(40):
        fields = {"messages": 40 - n, "recipients": n, "refused": 0}
        board.feed([Point("postfix_sender", {"user": f"u{n:02d}"}, fields, time)])
    fields = {"relayed": 5, "recipients": 5}
    board.feed([Point("postfix_client", {"client": "192.0.2.1", "known": "false"}, fields, time)])
    board.feed([Point("postfix_local", {"sender": "www", "uid": "33"}, fields, time)])
    board.feed([Point("postfix_auth", {"client": "192.0.2.9"}, {"failures": 7}, time)])
    board.feed([Point("postfix_queue", {"queue": "hold"}, {"length": 3, "size": 2e6}, time)])
    return board


def draw(view, board, held=(), size=(80, 24)):
    return [line.plain for line in frame(view, board.snapshot(NOW), held, size)]


def press(view, *keys):
    return [view.key(key) for key in keys][-1]


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (200, 60)])
@pytest.mark.parametrize("tab", TABS)
def test_every_frame_fits_the_terminal(board, size, tab):
    outbreak(board, EVIL * 3, EVIL)
    view = View()
    for key in (tab, "enter", "/", "x"):
        view.key(key)
        lines = draw(view, board, Brake().held(), size)
        assert len(lines) == size[1]
        assert max(map(len, lines)) <= size[0]
        assert "\x1b" not in "".join(lines)


def test_the_accused_come_first_then_the_largest(board):
    lines = draw(View(), board)
    assert lines[0].endswith("1 alert fires")
    assert lines[5].split() == [">!!eve@example.org", "1,266", "230", "724", "80"]
    assert lines[6].split()[:2] == ["u39", "39"]
    assert lines[-2].strip() == "... and 24 more"


def test_rows_are_sorted_and_filtered(board):
    view = View()
    draw(view, board)
    press(view, "s")
    assert draw(view, board)[6].split()[0] == "u00", "by messages"
    press(view, "/", "u", "1", "x", "backspace", "enter")
    names = [line.split()[0] for line in (line[1:] for line in draw(view, board)[5:15])]
    assert sorted(names) == [f"u1{n}" for n in range(10)]
    press(view, "escape")
    assert view.filter == ""
    press(view, "/", "n", "o", "n", "e", "x")
    assert "nothing that contains 'nonex'" in draw(view, board)[5]


def test_the_selection_moves_and_the_list_follows(board):
    view = View()
    draw(view, board)
    press(view, "up")
    assert view.selected == "user eve@example.org"
    press(view, *["down"] * 3, *["page-down"] * 2, "k")
    assert any(line.startswith(">  u18") for line in draw(view, board))


def test_one_key_to_the_evidence(board):
    view = View()
    draw(view, board)
    press(view, "enter")
    text = "\n".join(draw(view, board))
    assert "1,266 recipients in the last hour, of 230 messages" in text
    assert "next: bmtick respond eve@example.org" in text
    press(view, "5")
    draw(view, board)
    press(view, "enter")
    assert "724 refused by other servers" in "\n".join(draw(view, board))


@pytest.mark.parametrize(("language", "keys"), [("de", "[j/N]"), ("fr", "[o/N]")])
def test_the_question_names_the_keys_of_her_language(board, language, keys):
    languages.set_language(language)
    view = View()
    draw(view, board)
    press(view, "h")
    assert draw(view, board)[-1].endswith(keys)
    assert press(view, keys[1]) == (HOLD, "eve@example.org")


def test_holding_is_asked_first(board):
    view = View()
    draw(view, board)
    assert press(view, "h") is None
    assert draw(view, board)[-1] == "Hold eve@example.org? [y/N]"
    assert press(view, "x") is None
    assert press(view, "y") is None, "the question is over"
    assert press(view, "h", "y") == (HOLD, "eve@example.org")
    press(view, "2", "down")
    draw(view, board)
    press(view, "down", "down")
    draw(view, board)
    assert press(view, "r", "y") == (RELEASE, "sendmail:www")
    press(view, "3")
    draw(view, board)
    assert press(view, "h") is None
    assert draw(view, board)[-1] == "choose an account or a machine first"


def test_a_narrow_terminal_shows_names_before_figures(board):
    outbreak(board, "a.long.name@example.org")
    head, row = draw(View(), board, size=(40, 12))[4:6]
    assert head.split() == ["in", "the", "last", "hour", "recipients*"]
    assert row.startswith(">!!a.long.name@example.")
    assert row.endswith(" 1,266")


def test_what_somebody_cannot_have_is_left_out(board):
    board.feed(
        [Point("postfix_auth", {"client": "192.0.2.99"}, {"failures": 9, "users": 3}, NOW * 10**9)]
    )
    lines = draw(View(tab=2), board)
    (row,) = [line.split() for line in lines if "192.0.2.99" in line]
    assert row[-2:] == ["9", "3"]


def test_the_ends_of_a_list(board):
    for number in range(30):
        outbreak(board, f"u{number:02}@example.org")
    view = View()
    draw(view, board)
    first = view.selected
    view.key("end")
    draw(view, board)
    assert view.selected != first
    assert view.selected == view.rows[-1].name
    view.key("home")
    assert view.selected == first


def test_who_is_held_is_marked_and_listed(board):
    brake = Brake()
    brake.hold("eve@example.org", None)
    view = View()
    assert draw(view, board, brake.held())[5].startswith(">H eve@example.org")
    press(view, "6")
    assert draw(view, board, brake.held())[5].split() == [">", "eve@example.org", "3", "08:00"]
    assert press(view, "r", "y") == (RELEASE, "eve@example.org")


def test_it_ends():
    assert press(View(), "q") == (QUIT, "")
    assert press(View(), "/", "q") is None


def test_it_speaks_her_language(board):
    languages.set_language("de")
    try:
        assert draw(View(), board)[0].endswith("1 Alarm ist aktiv")
    finally:
        languages.set_language("en")


def test_a_terminal_without_unicode_gets_ascii(board):
    snapshot = board.snapshot(NOW)
    lines = frame(View(), snapshot, [], (80, 24), unicode=False)
    assert "".join(line.plain for line in lines).isascii()


def test_keys_as_a_terminal_sends_them():
    text = "a\x1b[A\x1b[6~\x1bOB\x1b\x7f\r\t\x1b[4~\x1b[1;5Cx\x1b[H"
    wanted = ["a", "up", "page-down", "down", "escape", "backspace", "enter", "tab", "end"]
    wanted += ["x", "home"]  # and nothing of a key that means nothing here
    assert list(keys_of(text)) == wanted


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "bmtick.toml"
    path.write_text(
        f'[watch]\nhost = "mx"\nstate = "{tmp_path}/watch.state"\n'
        f'[collect]\nqueue = "off"\n[guard]\nstate = "{tmp_path}/guard.state"\n'
    )
    return path


LOG = str(ROOT / "examples/outbreak/mail.log")


def test_one_frame_of_a_real_log_with_the_catalogues_alerts(settings, monkeypatch):
    moment = time.strptime("2026-11-24 03:24:10", "%Y-%m-%d %H:%M:%S")
    monkeypatch.setattr("time.time", lambda: float(time.mktime(moment)))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    result = CliRunner().invoke(cli, ["top", "--once", "--config", str(settings), "--log", LOG])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 24
    assert "alerts fire" in lines[0]
    assert lines[5].split()[0] == ">!!p.martin@example.org"


def test_without_a_terminal_it_says_what_to_do(settings):
    result = CliRunner().invoke(cli, ["top", "--config", str(settings), "--log", LOG])
    assert result.exit_code == 2
    assert "--once" in result.stderr


def test_in_a_real_terminal_it_ends_with_q_and_leaves_it_as_it_was(settings):
    ours, theirs = pty.openpty()
    log = settings.with_name("mail.log")
    now = time.strftime("%b %e %H:%M:%S")
    log.write_text(
        f"{now} mx postfix/smtpd[1]: 7C1F2A0001: client=pc[192.0.2.4], sasl_method=PLAIN, "
        f"sasl_username=a@example.org\n{now} mx postfix/qmgr[2]: 7C1F2A0001: "
        "from=<a@example.org>, size=100, nrcpt=1 (queue active)\n"
    )
    command = [sys.executable, "-m", "bmtick", "top", "--config", str(settings), "--log", str(log)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    environment["PYTHONIOENCODING"] = "utf-8"
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=environment
    )
    os.close(theirs)
    seen = b""
    try:
        while "█".encode() not in seen:  # the curve, with more than ASCII
            assert select.select([ours], [], [], 120)[0], seen
            seen += os.read(ours, 65536)
        os.write(ours, b"q")
        while b"\x1b[?1049l" not in seen:
            assert select.select([ours], [], [], 120)[0], seen
            seen += os.read(ours, 65536)
        assert process.wait(120) == 0
        assert process.stderr.read() == b""
    finally:
        process.kill()
        os.close(ours)
