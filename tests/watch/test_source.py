"""The collector within ``watch``: what it says to the administrator, and how often."""

from bmtick.collect.options import Options
from bmtick.watch.source import Collector


def test_what_is_wrong_at_each_look_is_said_once_an_hour(tmp_path):
    said = []
    (tmp_path / "mail.log").touch()
    spool = tmp_path / "spool"
    source = Collector(
        [str(tmp_path / "mail.log")], Options(), spool=str(spool), tags={}, warn=said.append
    )
    source.begin(from_start=True, now=1_800_000_000.0)
    for second in range(0, 7200, 10):
        source.read(1_800_000_000.0 + second)
    about = [text for text in said if "cannot see the queue active" in text]
    assert len(about) == 2
    for queue in ("active", "deferred", "hold", "incoming", "maildrop"):
        (spool / queue).mkdir(parents=True)
    source.read(1_800_007_200.0)
    assert [text for text in said if "cannot see the queue active" in text] == about
