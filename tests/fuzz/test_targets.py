import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import harness, mutations

_RECORDED = [(name, file) for name in harness.names() for file in harness.corpus(name)]


@pytest.mark.parametrize(("name", "file"), _RECORDED)
def test_what_once_broke_a_reader_is_read_or_refused(name, file):
    harness.bounded(harness.target(name), harness.corpus(name)[file])


@pytest.mark.parametrize("name", harness.names())
def test_whatever_the_bytes_they_are_read_or_refused(name):
    fuzz = harness.target(name)

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutations.mutated(harness.seeds(name)))
    def run(data):
        harness.bounded(fuzz, data)

    run()


def test_a_hang_is_found():
    def loop(_data):
        while True:
            len("")

    with pytest.raises(harness.TooMuchWork):
        harness.bounded(loop, b"")


@given(st.sampled_from(["\x1b[2J", "a\nb\nc\nd"]))
def test_a_refusal_that_harms_the_terminal_is_found(text):
    from bmtick.errors import BmtickError

    class RawError(BmtickError):
        def __str__(self):
            return self.message

    def refuse(_data):
        raise RawError(text)

    with pytest.raises(AssertionError):
        harness.check(refuse, b"")
