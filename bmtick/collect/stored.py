"""JSON of the state and the memory, by the C half of Python's own ``json``.

``json`` itself imports ``re`` and ``enum`` and compiles patterns: half as long as Python needs to
start, at each of Telegraf's runs. Where the C half is not as it is known, ``json`` is used.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from typing import Any

_KNOWN = (3, 13)  # the last Python whose C half was looked at


class _Reader:
    """What ``_json.make_scanner`` asks for."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int = float, int
    parse_constant = float  # NaN, Infinity
    memo: dict[str, str] = {}  # noqa: RUF012 -- as json's; the C half has its own


def _refuse(value: object) -> None:
    raise TypeError(f"no JSON: {type(value).__name__}")


def dumps(value: Any) -> str:
    """Return ``json.dumps(value, separators=(",", ":"))``."""
    if sys.version_info[:2] > _KNOWN:
        import json

        return json.dumps(value, separators=(",", ":"))
    import _json

    names = _json.encode_basestring_ascii
    make = _json.make_encoder(None, _refuse, names, None, ":", ",", False, False, True)
    return "".join(make(value, 0))


def loads(text: str) -> Any:
    """Return what a text says, as ``json.loads``; no space may stand before or behind it.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it nests too deeply.
    """
    if sys.version_info[:2] > _KNOWN:
        import json

        return json.loads(text)
    import _json

    try:
        found, end = _json.make_scanner(_Reader)(text, 0)  # type: ignore[arg-type]
    except StopIteration:
        raise ValueError("it is no JSON") from None
    if end != len(text):
        raise ValueError("more follows than one value of JSON")
    return found
