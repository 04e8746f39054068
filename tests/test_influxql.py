"""Quoted names and texts: what InfluxDB reads back is what went in."""

import pytest

from bmtick.influxql import quote_name, quote_text

NAMES = ["plain", 'a"b', "a\\b", "it's", "ü ñ"]
TEXTS = [*NAMES, 'a\\"b', "a\\'b"]  # line protocol cannot write the first as a name


@pytest.mark.parametrize("name", NAMES)
def test_a_quoted_name_is_that_field_on_a_real_influxdb(influx, name):
    """A field: InfluxDB takes no backslash in the name of a database."""
    influx.write(f"quoting_name {name.replace(' ', chr(92) + ' ')}=1 1000000000")
    (series,) = influx.query(f"SELECT {quote_name(name)} FROM quoting_name")
    assert series["columns"] == ["time", name]
    assert series["values"] == [[1000000000, 1]]


@pytest.mark.parametrize("text", TEXTS)
def test_a_quoted_text_finds_its_field_on_a_real_influxdb(influx, text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    influx.write(f'quoting_text said="{escaped}" 1000000000')
    found = influx.query(f"SELECT said FROM quoting_text WHERE said = {quote_text(text)}")
    assert found[0]["values"] == [[1000000000, text]]
