"""JSON in the format of Go's ``encoding/json``: numbers, sorted keys, HTML-safe strings.

Source: Go ``encoding/json/encode.go``. Floats have the shortest form, with an exponent below 1e-6
and from 1e21 on; NaN and infinities are errors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

_UNSAFE = {
    "<": "\\u003c",
    ">": "\\u003e",
    "&": "\\u0026",
    "\u2028": "\\u2028",
    "\u2029": "\\u2029",
}
_TABLE = str.maketrans(_UNSAFE)


class UnsupportedValueError(ValueError):
    """A value without a JSON form; the message is Go's."""


def dumps(value: object) -> str:
    """Encode a value; numbers have Go's form (``10.0`` is ``10``).

    Raises:
        UnsupportedValueError: it contains NaN or an infinity.
    """
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float):
        return format_float(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_string(str(k))}:{dumps(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(dumps(item) for item in value) + "]"
    # The only other value is Kapacitor's marker of a missing value, a struct without fields.
    return "{}"


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).translate(_TABLE)


def format_float(value: float) -> str:
    """Return the float in Go's JSON format.

    Raises:
        UnsupportedValueError: it is NaN or infinite.
    """
    if math.isnan(value):
        raise UnsupportedValueError("json: unsupported value: NaN")
    if math.isinf(value):
        raise UnsupportedValueError(f"json: unsupported value: {'+' if value > 0 else '-'}Inf")
    size = abs(value)
    if size and (size < 1e-6 or size >= 1e21):
        mantissa, _, exponent = _scientific(value)
        sign = "-" if exponent < 0 else "+"
        digits = str(abs(exponent))
        return f"{mantissa}e{sign}{digits if sign == '-' else digits.rjust(2, '0')}"
    if value == int(value):
        return ("-" if math.copysign(1, value) < 0 and not value else "") + str(int(value))
    text = repr(value)
    return text if "e" not in text else f"{value:.{_places(text)}f}"


def _scientific(value: float) -> tuple[str, str, int]:
    mantissa, exponent = f"{value!r}".split("e") if "e" in repr(value) else (repr(value), "0")
    return mantissa.removesuffix(".0"), "e", int(exponent)


def _places(text: str) -> int:
    mantissa, exponent = text.split("e")
    decimals = len(mantissa.partition(".")[2])
    return decimals - int(exponent)
