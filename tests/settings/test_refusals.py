"""Every mistake that people make in ``bmtick.toml``: where, what, and what to write."""

from pathlib import Path

import pytest

from bmtick.alerts import desired
from bmtick.cli._notify import mailer
from bmtick.errors import BmtickError
from bmtick.settings import parse

CASES = (Path(__file__).parent / "refusals.txt").read_text(encoding="utf-8").split("\n====\n")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.split("\n----\n")[1][:60])
def test_a_mistake_is_named_with_what_to_write(case):
    text, message = case.split("\n----\n")
    with pytest.raises(BmtickError) as caught:
        parse(text.replace("<CR>", "\r"), file="f")
    assert str(caught.value) == message.rstrip("\n")


def test_a_mark_of_windows_editors_is_no_mistake():
    assert parse('\ufefflanguage = "de"\r\n', file="f").language == "de"


@pytest.mark.parametrize("value", ['"hunter2"', "hunter2", '"hunter2', "'hunter2"])
@pytest.mark.parametrize("key", ["password", "token", "secret"])
def test_a_secret_is_shown_in_no_message(key, value):
    with pytest.raises(BmtickError) as caught:
        parse(f"[smtp]\n{key} = {value}\n", file="f")
    assert "hunter2" not in str(caught.value)
    assert "0600" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "place", "remedy"),
    [
        ('[notify.slack]\nchannels = "#mail"\n', "2:1", "did you mean 'channel'?"),
        ('[notify]\nlog.path = "alerts.log"\n', "2:1", "begin it with '/'"),
        ('[ notify . log ]\npath = "alerts.log"\n', "2:1", "begin it with '/'"),
        ('[notify]\nlog = { path = "alerts.log" }\n', "2:1", "begin it with '/'"),
        ('[notify]\nrecipients = ["a; b"]\n', "2:1", "like admin@domain.net"),
        ('[alerts.a]\nuse = "bounce_rate"\nenabled = "no"\n', "3:1", "without quotes"),
        ('[alerts."a.b"]\nuse = "bounce_rate"\nwarn = 900\n', "3:1", "0.0 to 100.0 %"),
        ('[alerts.a]\nuse = "bounce_rate"\n[alerts.a.log]\nmode = 0\n', "3:1", "path of the file"),
        ('[alerts.a]\nuse = "bounce_rate"\n[alerts.a.log]\nmod = 0\n', "4:1", "mode"),
        ('[alerts.a]\n[alerts.b]\nuse = "bounce_rate"\n', "1:1", "use ="),
    ],
)
def test_a_mistake_about_alerts_is_named_at_its_line(tmp_path, text, place, remedy):
    file = tmp_path / "f.toml"
    file.write_text(f"{text}[alerts.postfix_queue]\n")
    with pytest.raises(BmtickError) as caught:
        desired(parse(file.read_text(), file=str(file)))
    assert str(caught.value).startswith(f"{file}:{place}: error: ")
    assert remedy in caught.value.remedy
    assert "^" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ('[watch]\nmail = "folder"\n', "folder = "),
        ('[smtp]\nhost = "mx.example.org:587"\n', 'host = "mx.example.org" and port = 587'),
        ('[smtp]\nusername = "anna"\n', "BMTICK_SMTP_PASSWORD"),
    ],
)
def test_a_mistake_about_mail_is_named_at_its_line(tmp_path, monkeypatch, text, remedy):
    monkeypatch.delenv("BMTICK_SMTP_PASSWORD", raising=False)
    file = tmp_path / "f.toml"
    file.write_text(text)
    with pytest.raises(BmtickError) as caught:
        mailer(parse(text, file=str(file)), None)
    assert str(caught.value).startswith(f"{file}:2:1: error: ")
    assert remedy in caught.value.remedy
    assert "^" in str(caught.value)
