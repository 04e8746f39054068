"""Small texts of options and settings: durations, schedules, networks, compact series."""

from bmtick.durations import format_duration, parse_duration
from bmtick.errors import BmtickError
from bmtick.testing.notation import values


def seeds():
    """Return one of each."""
    return ["1h30m", "-10ms", "300w", "0+10x30 200x5 _x3", "1.5-0.1x4", "'a b'x2", "true"]


def fuzz(data: bytes) -> None:
    """Read the text as each of them."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        number = parse_duration(text)
    except BmtickError as error:
        str(error)
    else:
        assert abs(number) < 2**63
        assert number < 0 or parse_duration(format_duration(number)) == number
    for kind in ("", "i", "f"):
        try:
            assert len(values(text, kind)) <= 1_000_000
        except BmtickError as error:
            str(error)
