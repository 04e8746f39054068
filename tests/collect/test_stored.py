"""JSON by the C half of Python's json is JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bmtick.collect import stored

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_same_as_json(value):
    text = json.dumps(value, separators=(",", ":"))
    assert stored.dumps(value) == text
    assert stored.loads(text) == value


@given(VALUES)
def test_a_python_that_is_not_known(value):
    known = stored._KNOWN
    stored._KNOWN = (0, 0)
    try:
        assert stored.loads(stored.dumps(value)) == value
    finally:
        stored._KNOWN = known


@pytest.mark.parametrize("text", ["", "[", "[1,]", '{"a"}', "1 2", "nothing", '"\n"', "[1] "])
def test_damage_is_refused(text):
    with pytest.raises(ValueError):
        stored.loads(text)


def test_what_is_no_json_is_refused():
    with pytest.raises(TypeError, match="bytes"):
        stored.dumps([b"x"])


def test_what_nests_too_deeply_is_refused():
    with pytest.raises(RecursionError):
        stored.loads("[" * 200_000 + "]" * 200_000)
