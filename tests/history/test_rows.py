"""InfluxDB's rows as points: types, missing values, columns that change from chunk to chunk."""

import msgspec
import pytest

from bmtick.history.rows import Rows, Series

TYPES = {"f": "float", "i": "integer", "s": "string", "b": "boolean"}


def points(*chunks):
    rows = Rows("m", {"host", "queue"}, TYPES)
    return [
        point
        for columns, *values in chunks
        for point in rows.points(Series(columns, msgspec.Raw(msgspec.json.encode(values))))
    ]


def test_types_are_those_of_the_fields():
    (point,) = points((["time", "b", "f", "host", "i", "s"], [5, True, 2, "a", 3, "x"]))
    assert (point.name, point.tags, point.time) == ("m", {"host": "a"}, 5)
    assert repr(point.fields) == "{'b': True, 'f': 2.0, 'i': 3, 's': 'x'}"


@pytest.mark.parametrize("absent", [None, ""])
def test_what_a_row_lacks_its_point_lacks(absent):
    (point,) = points((["time", "f", "host", "i", "queue"], [5, None, absent, 3, "active"]))
    assert (point.tags, point.fields) == ({"queue": "active"}, {"i": 3})


def test_chunks_with_other_columns():
    first, second = points(
        (["time", "f", "host"], [1, 0.5, "a"]), (["time", "host", "i"], [2, "a", 7])
    )
    assert (first.fields, second.fields) == ({"f": 0.5}, {"i": 7})


def test_a_value_of_another_type_is_converted():
    columns = ["time", "i", "s"]
    found = points((columns, [1, 2.0, "x"], [2, 3, 4]))
    assert [repr(p.fields) for p in found] == ["{'i': 2, 's': 'x'}", "{'i': 3, 's': '4'}"]


def test_a_month_shares_its_tags():
    first, second = points((["time", "host", "i"], [1, "a", 1], [2, "a", 2]))
    assert first.tags is second.tags
