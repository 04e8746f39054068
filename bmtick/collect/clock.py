"""Times of log lines: both forms of syslog, with the year and the fold that they leave out."""

from __future__ import annotations

import time as system_time

from bmtick.collect.lazy import lazy

_MONTHS = {
    name: number
    for number, name in enumerate(
        (
            b"Jan",
            b"Feb",
            b"Mar",
            b"Apr",
            b"May",
            b"Jun",
            b"Jul",
            b"Aug",
            b"Sep",
            b"Oct",
            b"Nov",
            b"Dec",
        ),
        1,
    )
}
_ISO_END = lazy(rb"(?:[.,][0-9]+)?(?:Z|([+-])([0-9]{2}):?([0-9]{2}))(?= |$)")
_DAY = 86400
_HALF_YEAR = 182 * _DAY  # the same date of another year is farther away
_LEAP_SECOND = 60
_LATE = 300  # seconds that a line may come late in an hour that the end of summer time repeats


def days_from_civil(year: int, month: int, day: int) -> int:
    """Return the days since 1970-01-01 of a date of the Gregorian calendar."""
    year -= month <= 2
    era_year = year % 400
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return (
        year // 400 * 146097
        + era_year * 365
        + era_year // 4
        - era_year // 100
        + day_of_year
        - 719468
    )


class LogClock:
    """Reads the time at the head of each line of one source.

    A time without a year is taken as the one nearest to the line before it; at the beginning, as
    the latest that is not after ``now`` by more than a day. It is local time (``TZ``), and an
    hour that the end of summer time repeats is told by the order of the lines.

    Args:
        now: seconds since the epoch that no line should be later than.
        last: time of the last line that was read before, if any.
    """

    def __init__(self, now: float, last: int | None = None) -> None:
        self.now = now
        self.last = last
        self.guessed = False  # the year of the first line is one of several
        self._hour = b""  # "Jun 21 08": the hour whose start is _base
        self._base = 0
        self._twice = False
        self._minute: tuple[bytes, int] = (b"", 0)  # of a local time, and its start

    def read(self, line: bytes) -> int | None:
        """Return the seconds since the epoch of a line, or None where it begins with no time."""
        try:
            if line[10:11] in (b"T", b" ") and line[4:5] == b"-":
                time = self._iso(line)
            else:
                time = self._traditional(line)
        except (ValueError, KeyError, OverflowError):
            return None
        self.last = time
        return time

    def in_year(self, line: bytes, year: int) -> int | None:
        """Return the seconds since the epoch of a line without a year; None: no such day in it."""
        try:
            month, day = _MONTHS[line[:3]], int(line[4:6])
            seconds = _of_day(line[7:9], line[10:12], line[13:15])
            minute = self._local(year, month, day, seconds)
        except (ValueError, KeyError, OverflowError):
            return None
        return None if minute is None else minute + seconds % 60

    def _iso(self, line: bytes) -> int:
        end = _ISO_END.match(line, 19)
        if end is None and line[10:11] == b" " and line[19:20] == b",":
            return self._local_iso(line)
        if end is None or line[13:14] != b":" or line[16:17] != b":":
            raise ValueError(line)
        year, month, day = int(line[0:4]), int(line[5:7]), int(line[8:10])
        _check(month, day)
        seconds = _of_day(line[11:13], line[14:16], line[17:19])
        offset = 0
        if end[1]:
            offset = (int(end[2]) * 3600 + int(end[3]) * 60) * (-1 if end[1] == b"-" else 1)
        return days_from_civil(year, month, day) * _DAY + seconds - offset

    def _local_iso(self, line: bytes) -> int:
        """Read a local time with its year, as Java's logs have it."""
        if line[:16] != self._minute[0]:
            month, day = int(line[5:7]), int(line[8:10])
            _check(month, day)
            seconds = _of_day(line[11:13], line[14:16], b"00")
            start = self._local(int(line[0:4]), month, day, seconds)
            if start is None:
                raise ValueError(line)
            self._minute = line[:16], start
        return self._minute[1] + _of_day(b"00", b"00", line[17:19])

    def _traditional(self, line: bytes) -> int:
        if line[3:4] != b" " or line[6:7] != b" " or line[9:10] != b":" or line[12:13] != b":":
            raise ValueError(line)
        if line[15:16] not in (b" ", b""):
            raise ValueError(line)
        if line[:9] != self._hour:
            self._base = self._start_of_hour(line)
        if self._hour:
            return self._base + _of_day(b"00", line[10:12], line[13:15])
        return self._base + _of_day(b"00", b"00", line[13:15])

    def _start_of_hour(self, line: bytes) -> int:
        """Return the hour's start and remember it; in an hour that comes twice, the minute's."""
        month, day = _MONTHS[line[:3]], int(line[4:6])
        _check(month, day)
        hour = _of_day(line[7:9], b"00", b"00")
        self._hour, self._twice = b"", False
        first = self._choose(month, day, hour)
        last = self._choose(month, day, hour + 3540)
        if last - first == 3540 and not self._twice:
            self._hour = line[:9]
            return first
        return self._choose(month, day, hour + _of_day(b"00", line[10:12], b"00"))

    def _choose(self, month: int, day: int, seconds: int) -> int:
        """Return the start of a minute in the year, and the pass of an hour, that fits best."""
        if self.last is None:
            year = system_time.localtime(self.now + _DAY).tm_year
            times = [self._local(y, month, day, seconds) for y in range(year - 4, year + 1)]
            self.guessed = True
            past = [t for t in times if t is not None and t <= self.now + _DAY]
            if not past:
                raise ValueError(day)
            return max(past)
        last = self.last
        year = system_time.localtime(last).tm_year
        this = self._local(year, month, day, seconds)
        if this is not None and abs(this - last) < _HALF_YEAR:
            return this
        times = [self._local(y, month, day, seconds) for y in (year - 1, year, year + 1)]
        best = min((t for t in times if t is not None), key=lambda t: abs(t - last), default=None)
        if best is None:
            raise ValueError(day)
        return best

    def _local(self, year: int, month: int, day: int, seconds: int) -> int | None:
        """Return a local time as seconds since the epoch; None if that year has no such day."""
        hour, minute = seconds // 3600, seconds // 60 % 60
        passes = set()
        for dst in (-1, 0, 1):
            time = int(system_time.mktime((year, month, day, hour, minute, 0, 0, 0, dst)))
            if system_time.localtime(time)[2:5] == (day, hour, minute):
                passes.add(time)
        if not passes:  # an hour that summer time skips, or 29 February
            time = int(system_time.mktime((year, month, day, hour, minute, 0, 0, 0, -1)))
            return time if system_time.localtime(time).tm_mday == day else None
        self._twice |= len(passes) > 1
        last = self.last
        if last is None:
            return min(passes)
        return min((p for p in passes if p >= last - _LATE), default=max(passes))


def _check(month: int, day: int) -> None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        raise ValueError(month, day)


def _of_day(hour: bytes, minute: bytes, second: bytes) -> int:
    h, m, s = int(hour), int(minute), int(second)
    if h > 23 or m > 59 or s > _LEAP_SECOND:
        raise ValueError(hour, minute, second)
    return h * 3600 + m * 60 + s
