"""An alert's data in the JSON format of Go's ``encoding/json``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bmtick.engine.gotemplate.gotime import format_time
from bmtick.engine.gotemplate.values import StringMap, Struct
from bmtick.tick.strconv import format_float, go_runes, to_bytes
from bmtick.tick.types import Time

_UNSAFE = str.maketrans(
    {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
        "\x7f": "\x7f",
    }
)


def to_json(value: Any) -> str:
    """Return the JSON text with a final newline; empty if a number has no JSON form."""
    try:
        return _encode(value) + "\n"
    except ValueError:
        return ""


def _encode(value: Any) -> str:
    if value is None or (isinstance(value, StringMap) and value.is_nil):
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Time):
        return f'"{format_time(value, "2006-01-02T15:04:05.999999999Z07:00")}"'
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return json.dumps(go_runes(value), ensure_ascii=False).translate(_UNSAFE)
    if isinstance(value, Struct):
        pairs = list(value.items())
    elif isinstance(value, Mapping):
        pairs = sorted(value.items(), key=lambda pair: to_bytes(pair[0]))
    else:
        return "{}"
    return "{" + ",".join(f"{_encode(key)}:{_encode(item)}" for key, item in pairs) + "}"


def _number(value: float) -> str:
    if math.isnan(value) or math.isinf(value):
        raise ValueError(value)
    size = abs(value)
    if size == 0 or 1e-6 <= size < 1e21:
        return format_float(value)
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    point = len(digits) + int(exponent) - 1
    mantissa = "".join(map(str, digits)).rstrip("0") or "0"
    body = mantissa[0] + (f".{mantissa[1:]}" if len(mantissa) > 1 else "")
    # Go writes e-09 as e-9.
    return f"{'-' if sign else ''}{body}e{'-' if point < 0 else '+'}{abs(point)}"
