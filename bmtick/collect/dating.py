"""The year of a log whose times bear none: asked for, read out of the log, or that of the file.

Postfix writes its own clock into two things that a client cannot choose: the Message-ID that
cleanup makes for a message without one (``YYYYMMDDhhmmss.QUEUEID@host``, UTC, with that message's
own queue id; ``cleanup_message.c``), and long queue ids (six digits of base 52: seconds since the
epoch; ``mail_queue.h``). A copied log keeps both, and loses the time of its file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

from bmtick.collect.clock import LogClock, days_from_civil
from bmtick.errors import BmtickError

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import BinaryIO

DAY = 86400
_HEAD = rb"^([A-Z][a-z]{2} [ 0-3][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}) [^ \n]+ "
_MESSAGE_ID = _HEAD + (
    rb"[^ \n]*cleanup\[[0-9]+\]: ([0-9A-Za-z]+): message-id=<([0-9]{14})\.([0-9A-Za-z]+)@"
)
_LONG_ID = _HEAD + (
    rb"[^ \n]*smtpd\[[0-9]+\]: ([0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{6})"
    rb"[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{4}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]+: client="
)
_DIGITS = b"0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"
_ENOUGH = 25  # witnesses that are heard
_AGREED = 0.9  # of them that must tell one year
_TAIL = 1 << 16  # bytes looked through for the last time


def clock_of(
    block: bytes,
    path: str,
    now: float,
    year: int | None,
    warn: Callable[[str], None] = lambda _: None,
) -> LogClock:
    """Return the clock that reads a whole log.

    Args:
        block: the first lines.
        path: the log; of a file, its last line and its time count as well.
        now: seconds since the epoch; no line is later by over a day.
        year: of the first line, where it is known.
        warn: takes one line for the administrator: the year is a guess.

    Raises:
        BmtickError: that year has no such day.
    """
    stamp = _first_stamp(block)
    if stamp is None:
        return LogClock(now)
    if year is not None:
        first = LogClock(now).in_year(stamp, year)
        if first is None:
            raise BmtickError(
                f"'{path}' begins on {stamp[:6].decode()}, which {year} does not have",
                remedy="give the --year of its first line",
            )
        return LogClock(now, first)
    found = _witnessed(block, now)
    if found is not None:
        return LogClock(now, found)
    return _by_file(path, now, stamp, warn)


def _first_stamp(block: bytes) -> bytes | None:
    """Return the first time of a log if it bears no year; None: it does, or there is none."""
    for line in block.split(b"\n", 1000)[:1000]:
        if LogClock(0.0).read(line[:48]) is not None:
            return line[:15] if line[3:4] == b" " else None
    return None


def _witnessed(block: bytes, now: float) -> int | None:
    """Return the time of the first line of which Postfix itself tells the year."""
    heard: list[int | None] = []
    for stamp, said in _samples(block):
        year = time.gmtime(said).tm_year
        clock = LogClock(now)
        times = [clock.in_year(stamp, y) for y in (year - 1, year, year + 1)]
        near = [t for t in times if t is not None and abs(t - said) < DAY and t <= now + DAY]
        heard.append(near[0] if near else None)
        if len(heard) >= _ENOUGH:
            break
    agreed = [t for t in heard if t is not None]
    return agreed[0] if agreed and len(agreed) >= _AGREED * len(heard) else None


def _samples(block: bytes) -> Iterator[tuple[bytes, int]]:
    import re

    for stamp, queue_id, moment, own in re.findall(_MESSAGE_ID, block, re.MULTILINE):
        if queue_id == own:
            parts = [int(moment[a:b]) for a, b in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12))]
            days = days_from_civil(*parts[:3])
            yield stamp, days * DAY + parts[3] * 3600 + parts[4] * 60
    for stamp, digits in re.findall(_LONG_ID, block, re.MULTILINE):
        seconds = 0
        for digit in digits:
            seconds = seconds * 52 + _DIGITS.index(digit)
        yield stamp, seconds


def _by_file(path: str, now: float, stamp: bytes, warn: Callable[[str], None]) -> LogClock:
    """Take the last line for the latest that is not after the file, the first for one before it."""
    written, last = _last_stamp(path, now)
    end = LogClock(written).read(last) if last else None
    if end is None:
        return LogClock(written)
    clock = LogClock(end)
    begin = LogClock(end).read(stamp)
    if begin is not None and written - end > DAY:
        warn(
            f"{path} bears no years: its first line is taken for {_date(begin)}, by the time of the "
            "file, though its last line is older; --year tells another one"
        )
    return clock


def _last_stamp(path: str, now: float) -> tuple[float, bytes]:
    """Return when a file was written, and the time at its last line, if they can be known."""
    from bmtick.collect.files import is_damage, open_log

    try:
        info = os.stat(path)
        if not os.path.isfile(path):
            return now, b""
        with open(path, "rb", buffering=0) as raw:
            written = min(now, info.st_mtime, _packed_at(raw) or now)
        with open_log(path, None) as log:
            tail = _tail(log, info.st_size)
    except OSError:
        return now, b""
    except Exception as error:
        if not is_damage(error):
            raise
        return now, b""
    import re

    stamps = re.findall(_HEAD, tail, re.MULTILINE)
    return written, stamps[-1] if stamps else b""


def _packed_at(raw: BinaryIO) -> float:
    """Return the time of the file that gzip packed, which its header keeps; 0: none."""
    head = raw.read(8)
    return int.from_bytes(head[4:8], "little") if head.startswith(b"\x1f\x8b") else 0


def _tail(log: BinaryIO, size: int) -> bytes:
    """Return the last bytes; a compressed log is unpacked to its end for them."""
    if type(log).__name__ == "FileIO":
        log.seek(max(0, size - _TAIL))
        return log.read(_TAIL)
    tail = b""
    while block := log.read(_TAIL):
        tail = tail[-_TAIL:] + block
    return tail


def _date(moment: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(moment))
