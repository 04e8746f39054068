"""Every mistake that people make in ``bmtick.toml``: where, what, and what to write."""

from pathlib import Path

import pytest

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
