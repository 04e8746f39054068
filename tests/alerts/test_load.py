"""The catalogue's own files: read when asked for, refused with the key."""

import shutil

import pytest

from bmtick.alerts.load import Catalogue, templates_folder
from bmtick.errors import BmtickError


@pytest.fixture
def templates(tmp_path):
    shutil.copytree(templates_folder(), tmp_path / "templates")
    return tmp_path / "templates"


def test_a_broken_alert_breaks_no_other(templates):
    (templates / "sender_bursts").mkdir(exist_ok=True)
    (templates / "sender_bursts" / "params.toml").write_text("title = ")
    found = Catalogue(templates)
    assert found["postfix_queue"].measurement == "postfix_queue"
    assert "sender_bursts" in found
    with pytest.raises(BmtickError, match=r"params\.toml:1:9"):
        found["sender_bursts"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("culprits = 'user'", "unknown field `culprits`"),
        ("recommended = 'yes'", r"Expected `bool`, got `str` - at `\$.recommended`"),
        ("rule = {trigger = 'often'}", r"Invalid enum value 'often' - at `\$.rule.trigger`"),
        ("parameters.crit = {least = 3}", r"unknown field `least` - at `\$.parameters\[...\]`"),
    ],
)
def test_a_wrong_key_is_named(templates, line, message):
    file = templates / "local_spam" / "params.toml"
    file.write_text(
        f"{line}\ntitle = 't'\nsummary = 's'\nmeasurement = 'm'\nproduct = 'p'\ngroup = ['host']\n"
    )
    with pytest.raises(BmtickError, match=message):
        Catalogue(templates)["local_spam"]
