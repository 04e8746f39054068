"""The year of logs whose times bear none: copied, packed, piped, over New Year, on 29 February."""

import gzip
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bmtick.collect.options import Options
from bmtick.collect.session import Session
from bmtick.points import parse_lines
from tests.support import program

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC)


def message(stamp: str) -> str:
    return (
        f"{stamp} mx postfix/smtpd[1]: AAAA1: client=h[10.0.0.1]\n"
        f"{stamp} mx postfix/qmgr[1]: AAAA1: from=<>, size=5, nrcpt=1 (queue active)\n"
        f"{stamp} mx postfix/qmgr[1]: AAAA1: removed\n"
    )


def days(*arguments: str, stdin: bytes = b"", status: int = 0) -> tuple[list[str], str]:
    """Return the days of the messages, and what was said."""
    done = program.run("collect", "--from-start", "--no-state", *arguments, stdin=stdin)
    assert done.returncode == status, done.stderr
    points = parse_lines(done.stdout.decode().splitlines())
    times = [p.time // 10**9 for p in points if p.name == "postfix_client"]
    return [f"{datetime.fromtimestamp(t, UTC):%Y-%m-%d}" for t in times], done.stderr.decode()


def written(path: Path, year: int, month: int, day: int) -> str:
    moment = datetime(year, month, day, 1, tzinfo=UTC).timestamp()
    os.utime(path, (moment, moment))
    return str(path)


NEW_YEAR = message("Nov 24 07:00:00") + message("Dec 31 23:59:59") + message("Jan  3 01:00:00")
OF_2019 = ["2019-11-24", "2019-12-31", "2020-01-03"]


@pytest.fixture
def log(tmp_path) -> Path:
    path = tmp_path / "mail.log"
    path.write_text(NEW_YEAR)
    return path


def test_the_file_s_time_is_that_of_its_last_line(log):
    assert days("--log", written(log, 2020, 1, 3)) == (OF_2019, "")


def test_a_file_that_was_copied_later_ends_before_that_and_it_is_said(log):
    """2 February: the latest 3 January is that of the year before."""
    assert days("--log", written(log, 2021, 2, 2))[0] == ["2020-11-24", "2020-12-31", "2021-01-03"]
    found, said = days("--log", written(log, 2020, 12, 1))
    assert found == OF_2019, "the first line alone would be taken for 2020"
    assert "--year" in said


def test_a_year_that_is_told_is_that_of_the_first_line(log):
    assert days("--log", str(log), "--year", "2019") == (OF_2019, "")
    assert days("--log", "-", "--year", "2019", stdin=NEW_YEAR.encode()) == (OF_2019, "")


def test_gzip_keeps_the_file_s_time(log, tmp_path):
    packed = tmp_path / "mail.log.2.gz"
    moment = datetime(2020, 1, 3, 1, tzinfo=UTC).timestamp()
    packed.write_bytes(gzip.compress(NEW_YEAR.encode(), mtime=moment))
    assert days("--log", str(packed)) == (OF_2019, "")


def test_a_stream_that_would_reach_into_the_future_is_refused():
    last_month = (NOW.replace(day=1).timestamp() - 86400) if NOW.month > 1 else None
    if last_month is None:
        pytest.skip("in January the year is plain")
    begin = time.strftime("%b %e 07:00:00", time.gmtime(last_month))
    stream = (message(begin) + message("Dec 31 23:59:59") + message("Jan  3 01:00:00")).encode()
    assert "--year" in days("--log", "-", stdin=stream, status=2)[1]


@pytest.mark.parametrize(
    "witness",
    [
        "postfix/cleanup[9]: 4B12F: message-id=<20191124070001.4B12F@mx.example.org>",
        # a long queue id: 1574578800 seconds are 1zYKY5... in base 52
        "postfix/smtpd[9]: {long}Cz1: client=h[10.0.0.2]",
    ],
)
def test_postfix_itself_tells_the_year(witness, log):
    line = f"Nov 24 07:00:01 mx {witness.format(long=long_id(1574578801))}\n"
    log.write_text(line + NEW_YEAR)
    assert days("--log", str(log)) == (OF_2019, "")
    assert days("--log", "-", stdin=log.read_bytes()) == (OF_2019, "")


def long_id(seconds: int) -> str:
    """Return the time of a long queue id, and three of four digits of microseconds."""
    digits = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
    text = ""
    for _ in range(6):
        seconds, digit = divmod(seconds, 52)
        text = digits[digit] + text
    return text + "000"


def test_a_client_s_message_id_tells_nothing(log):
    line = "Nov 24 07:00:01 mx postfix/cleanup[9]: 4B12F: message-id=<20151124070001.9999F@evil>\n"
    log.write_text(line + NEW_YEAR)
    assert days("--log", written(log, 2020, 1, 3))[0] == OF_2019


def test_ids_that_do_not_agree_tell_nothing(log):
    ids = [long_id(1574578801 - n * 9_999_999) for n in range(20)]
    lines = "".join(
        f"Nov 24 07:00:01 mx postfix/smtpd[9]: {i}Cz1: client=h[10.0.0.2]\n" for i in ids[1:]
    )
    log.write_text(lines + NEW_YEAR)
    assert days("--log", written(log, 2021, 1, 3))[0][0] == "2020-11-24"


def test_the_29th_of_february(log):
    log.write_text(
        message("Feb 28 23:00:00") + message("Feb 29 10:00:00") + message("Mar  1 00:00:00")
    )
    assert days("--log", written(log, 2024, 3, 1)) == (
        ["2024-02-28", "2024-02-29", "2024-03-01"],
        "",
    )
    assert days("--log", str(log), "--year", "2020")[0][1] == "2020-02-29"
    log.write_text(message("Feb 29 10:00:00"))
    assert days("--log", written(log, 2026, 3, 1))[0] == ["2024-02-29"]
    assert "Feb 29, which 2023" in days("--log", str(log), "--year", "2023", status=2)[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--year", "20"], "from 1970 to 9998"), (["--year", "x"], "from 1970 to 9998")],
)
def test_a_wrong_year(arguments, said, log):
    assert said in days("--log", str(log), *arguments, status=2)[1]


def test_a_year_is_not_for_a_run_with_a_state(log):
    done = program.run("collect", "--log", str(log), "--year", "2019")
    assert done.returncode == 2
    assert b"--from-start --no-state" in done.stderr


def test_a_collector_that_rested_for_eight_months_goes_on_in_this_year(tmp_path, monkeypatch):
    """The nearest 1 September to 5 January is that of the year before."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    log = tmp_path / "mail.log"
    log.write_text(message("Jan  5 10:00:00"))
    january = datetime(2024, 1, 5, 10, tzinfo=UTC).timestamp()
    os.utime(log, (january, january))
    session = Session([str(log)], Options(), lambda _: None)
    session.begin(None, january)
    session.run(january + 100)
    with log.open("a") as file:
        file.write(message("Sep  1 10:00:00"))
    september = datetime(2024, 9, 1, 10, tzinfo=UTC).timestamp()
    os.utime(log, (september, september))
    again = Session([str(log)], Options(), lambda _: None)
    again.restore(session.dump())
    rows, _ = again.run(september + 100)
    assert {row[3] // 10**9 for row in rows} == {int(september)}
