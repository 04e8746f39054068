"""Whatever a user is called, the line is accepted by a real InfluxDB and reads back equal."""

import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bmtick.collect.emit import to_influx
from bmtick.escaping import escape_key
from bmtick.names import FIELDS
from bmtick.points import parse_lines

NAMES = st.one_of(
    st.text(min_size=1, max_size=100),
    st.text(alphabet=" ,=\\\"'{}#a\u00e9\U0001f600", min_size=1, max_size=20),
    st.sampled_from(
        ["x, sasl_username=victim", "a\\,b", "a\\ b", "\\", "\\\\", "#x", "a=b c,d", "tail\\"]
    ),
)


def seen(name: str) -> str:
    """What is stored: control characters and a backslash at the end cannot be written."""
    clean = "".join("?" if ord(c) < 32 or ord(c) == 127 else c for c in name)
    clean = clean.encode("utf-8", "replace").decode()
    if '"' in clean:
        clean = re.sub(r"\\(?=[\\,= ])", "/", clean)
    return clean[:-1] + "/" if clean.endswith("\\") else clean


VALUES = list(range(1, len(FIELDS["postfix_sender"]) + 1))


def line(name: str, time: int) -> str:
    return to_influx([("postfix_sender", (name,), VALUES, time)]).decode()


@given(NAMES)
def test_our_own_reader_gives_it_back(name):
    (point,) = parse_lines([line(name, 10)])
    assert point.tags == {"user": seen(name)}
    assert point.fields == dict(zip(FIELDS["postfix_sender"], VALUES, strict=True))
    assert "\n" not in escape_key(name)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(NAMES, min_size=1, max_size=40, unique_by=seen))
def test_a_real_influxdb_gives_it_back(influx, names):
    influx.execute("DROP DATABASE escaping")
    influx.execute("CREATE DATABASE escaping")
    lines = "".join(line(name, 10 * number) for number, name in enumerate(names, 1))
    influx.write(lines, "escaping")
    (series,) = influx.query('SELECT messages, "user" FROM postfix_sender', "escaping")
    found = {row[0]: row[2] for row in series["values"]}
    assert found == {10 * number: seen(name) for number, name in enumerate(names, 1)}


def test_the_recorded_hostile_log_is_accepted(influx):
    influx.execute("CREATE DATABASE hostile")
    text = (Path(__file__).parent / "cases" / "hostile" / "expected.lp").read_text("utf-8")
    influx.write(text, "hostile")
    (series,) = influx.query("SELECT sum(recipients) FROM postfix_sender", "hostile")
    assert series["values"][0][1] == 4
