"""New inputs out of old ones: what is cut, doubled, moved, or has something hostile put in."""

import re

from hypothesis import strategies as st

HOSTILE = [
    b"", b"\0", b"\n", b"\r\n", b"\x1b[2J", b"\x7f", b"\xff", b"\xc3", b"\xed\xa0\x80",
    b"\xe2\x80\xae", b"\xc2\x85", b"\xe2\x80\xa8", b"'", b'"', b"'''", b'"""', b"\\", b"\\u0000",
    b"\\ud800", b"//", b"{{", b"}}", b"{", b"}", b"[", b"]", b"(", b")", b"<", b">", b"=", b",",
    b":", b";", b"|", b"$", b"%", b"#", b"_", b".", b"-", b"+", b"0", b"-1", b"1e999", b"-1e999",
    b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809", b"1" * 400,
    b"9" * 5000, b"NaN", b"nan", b"inf", b"-Infinity", b"null", b"true", b"1000000w", b"0s",
    b"1970-01-01T00:00:00Z", b"9999-12-31T23:59:59Z", b"Feb 29 23:59:60", b"\xc2\xb2",
]  # fmt: skip
_WORDS = re.compile(rb"[A-Za-z0-9_.-]+|\s+|[^A-Za-z0-9_.\s-]")


def _pieces(inputs: list[bytes]) -> list[bytes]:
    found = {word: None for data in inputs for word in _WORDS.findall(data[:20_000])}
    return [*HOSTILE, *found]


@st.composite
def _edited(draw, inputs, pieces):
    data = draw(st.sampled_from(inputs))
    if len(data) > 3000:  # a part of it, on the borders of lines
        start = data.rfind(b"\n", 0, draw(st.integers(0, len(data) - 1))) + 1
        data = data[start : start + 3000]
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        end = at + draw(st.sampled_from([0, 0, 1, 2, 4, 8, 16, 64, 256]))
        kind = draw(st.sampled_from(["put", "put", "bytes", "double", "move", "cut", "end"]))
        cut, rest = data[at:end], data[end:]
        if kind == "put":
            cut = draw(st.sampled_from(pieces)) * draw(st.sampled_from([1, 1, 1, 2, 17]))
        elif kind == "bytes":
            cut = draw(st.binary(max_size=6))
        elif kind == "double":
            cut *= draw(st.integers(2, 20))
        elif kind == "move":
            other = draw(st.sampled_from(inputs))
            start = draw(st.integers(0, len(other)))
            cut = other[start : start + draw(st.integers(1, 200))]
        elif kind == "cut":
            cut = b""
        else:
            rest = b""
        data = data[:at] + cut + rest
    return data


def mutated(inputs: list[bytes]) -> st.SearchStrategy[bytes]:
    """Return a strategy of bytes that look like some of these, and are not."""
    inputs = inputs or [b""]
    return _edited(inputs, _pieces(inputs)) | st.binary(max_size=64)
