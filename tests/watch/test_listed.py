"""The watch asks block lists once an hour, and tells when a listing begins and ends."""

import signal
import subprocess
import sys

import pytest

from bmtick.errors import BmtickError
from bmtick.incident.audit.blocklists import CLEAN, LISTED, UNANSWERED, Listing
from bmtick.names import LISTED as MEASUREMENT
from bmtick.watch.listed import HourlyListings
from tests.incident.test_blocklists import Lists
from tests.support.servers import wait_for


def rows(listings, now):
    found = []
    wait_for(lambda: found.extend(listings.rows(now, now - 5)) or found, "the answer", 120)
    return found


def test_it_is_asked_once_an_hour_and_what_is_not_answered_is_no_row():
    answers = iter(
        [
            [Listing("1.2.3.4", "bl.test", LISTED), Listing("1.2.3.4", "b2.test", UNANSWERED)],
            [Listing("1.2.3.4", "bl.test", CLEAN)],
        ]
    )
    listings = HourlyListings(lambda: next(answers), pytest.fail)
    tags = ("1.2.3.4", "bl.test", "1.2.3.4@bl.test")
    assert rows(listings, 10_000) == [(MEASUREMENT, tags, (1,), 9_995 * 10**9)]
    listings._thread.join()
    assert listings.rows(13_599, 13_599) == []
    assert rows(listings, 13_600)[0][2] == (0,)


def test_what_keeps_it_from_asking_is_told_once_and_tried_again():
    said, asked = [], []

    def look():
        asked.append(1)
        raise BmtickError("no public address", remedy="name them")

    listings = HourlyListings(look, said.append)
    for now in (0, 10, 3600, 3901, 4202):
        assert listings.rows(now, now) == []
        listings._thread.join()
    assert len(asked) == 4
    assert said == ["block lists: no public address (name them)"]


def test_watch_tells_of_a_listing(tmp_path):
    lists = Lists()
    lists.works("bl.test")
    lists.add("7.113.0.203.bl.test", text="spam")
    (tmp_path / "mail.log").touch()
    config = tmp_path / "bmtick.toml"
    config.write_text(
        f'[notify]\nrecipients = ["a@x.org"]\n[collect]\nlogs = ["{tmp_path}/mail.log"]\nqueue = "off"\n'
        f'[blocklists]\nlists = ["bl.test"]\nresolver = "{lists.address}"\n'
        'addresses = ["203.0.113.7"]\n[alerts.blocklisted]\n'
    )
    command = [sys.executable, "-m", "bmtick", "watch", "--config", str(config)]
    process = subprocess.Popen(
        [*command, "--state", str(tmp_path / "state"), "--mail-dir", str(tmp_path / "out")],
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: list((tmp_path / "out").glob("*.eml")), "the mail")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0
        lists.socket.close()
    (mail,) = (tmp_path / "out").glob("*.eml")
    assert "203.0.113.7" in mail.read_text()
