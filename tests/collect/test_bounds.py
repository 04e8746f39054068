"""What is kept is bounded: buckets, series and names in them, addresses of users."""

import pytest

from bmtick.collect import buckets as buckets_module
from bmtick.collect.bucket import Origin
from bmtick.collect.buckets import _AT_ONCE, _CHECK_EVERY, MAX_OPEN_BUCKETS, Buckets
from bmtick.collect.memory import MAX_ADDRESSES, RECORD, Memory, Record

START = 1_706_745_600


def given_out(buckets: Buckets) -> list[int]:
    """Return the starts of the buckets that are given out after each of some blocks of lines."""
    return [start for _ in range(_CHECK_EVERY) for start, _ in buckets.close_oldest()]


def test_the_oldest_of_too_many_buckets_are_given_out_once():
    buckets = Buckets(10)
    most = MAX_OPEN_BUCKETS + _AT_ONCE
    starts = [START + 10 * number for number in range(most + 1)]
    for start in starts[:-1]:
        buckets.at(start)
    assert given_out(buckets) == []
    buckets.at(starts[-1])
    assert given_out(buckets) == starts[:-MAX_OPEN_BUCKETS]
    assert list(buckets.open) == starts[-MAX_OPEN_BUCKETS:]


@pytest.mark.parametrize("kind", ["entities", "failures", "recipients", "envelopes", "origins"])
def test_the_oldest_of_too_large_buckets_are_given_out(kind, monkeypatch):
    """Also where one grows after it was measured."""
    monkeypatch.setattr(buckets_module, "MAX_OPEN_SERIES", 100)
    buckets = Buckets(10)
    first = buckets.at(START)
    buckets.at(START + 10)
    assert given_out(buckets) == []
    buckets.at(START)  # a late line
    if kind == "entities":
        first.entities.update((f"key{number}", [1] * 9) for number in range(101))
    elif kind == "origins":
        first.origins.update(Origin("anna", f"a{number}") for number in range(101))
    elif kind == "failures":
        first.failures["192.0.2.1"] = {f"name{number}": 1 for number in range(101)}
    else:
        getattr(first, kind)["postfix_sender\nanna"] = set(range(101))
    assert given_out(buckets) == [START]
    assert given_out(buckets) == []


ANNA = "postfix_sender\nanna"
ONE = (1, 1, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("kind", [Record, RECORD], ids=["python", "compiled"])
def test_addresses_of_a_user(kind):
    memory = Memory(kind=kind)
    many = [f"a{number}" for number in range(MAX_ADDRESSES + 30)]
    record = memory.add(ANNA, START, ONE, addresses=many)
    assert record.clients(START // 60) == MAX_ADDRESSES
    later = START + 3600
    record = memory.add(ANNA, later, ONE, addresses=["new"])
    assert record.clients(later // 60) == 1
