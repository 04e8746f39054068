"""Escape values for InfluxDB's line protocol, and for JSON that a terminal may show.

This module imports almost nothing: each run of the collector needs it.

Source of the grammar: influxdata/influxdb ``models/points.go`` (1.x). Measurement, tag keys, tag
values and field keys escape commas, spaces and equals signs with a backslash. A newline cannot be
escaped there, and a trailing backslash would escape the separator, so both are replaced.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, whose import costs the collector 3 ms at each start
if TYPE_CHECKING:
    from typing import TypeAlias

Value: TypeAlias = int | float | str | bool

_CONTROL = r"[\x00-\x1f\x7f]"  # compiled at its first use: nearly all names are printable
# To find the end of a line, InfluxDB skips each backslash with the next character, so a backslash
# before an escaped character unescapes it; before a quote the next line is lost, and InfluxDB
# rejects the whole batch (found on a real InfluxDB 1.6.7).
_ODD_BACKSLASH = r"\\(?=[\\,= ])"


def cleaned(text: str) -> str:
    """Return a name as stored: control characters and line-ending sequences are replaced."""
    if not text.isprintable():
        import re

        text = re.sub(_CONTROL, "?", text)
    if '"' in text and "\\" in text:
        import re

        text = re.sub(_ODD_BACKSLASH, "/", text)
    return text[:-1] + "/" if text.endswith("\\") else text


def escape_measurement(text: str) -> str:
    """Escape a measurement name: commas and spaces."""
    return cleaned(text).replace(",", "\\,").replace(" ", "\\ ")


def escape_key(text: str) -> str:
    """Escape a tag key, tag value or field key: commas, equals signs and spaces."""
    return cleaned(text).replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def format_value(value: Value) -> str:
    """Return a field value: ``1i``, ``1.5``, ``true`` or ``"text"``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}i"
    if isinstance(value, float):
        return repr(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def visible_json(text: str) -> str:
    r"""Return JSON with terminal control and invisible characters written as ``\u009b``.

    The value is the same: such characters occur in strings only.
    """
    if text.isascii() and "\x7f" not in text:
        return text
    import re

    return re.sub(r"[^\n -~]", lambda found: _visible(found[0]), text)


def _visible(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
