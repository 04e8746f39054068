"""The string functions: Go's ``strings`` package; lengths and indexes count bytes."""

from __future__ import annotations

from typing import Final

from bmtick.engine.lambdas.functions.base import Function, simple
from bmtick.tick.regexes import Regex
from bmtick.tick.strconv import from_bytes, go_runes, to_bytes

# Unicode's White_Space, which Go trims; Python's strip() also removes U+001C to U+001F.
_SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def _count(text: str, part: str) -> int:
    return to_bytes(text).count(to_bytes(part)) if part else len(text) + 1


def _byte_offset(text: str, index: int) -> int:
    return len(to_bytes(text[:index])) if index > 0 else index


def _contains_any(text: str, chars: str) -> bool:
    return _index_any(text, chars) >= 0


def _index_any(text: str, chars: str) -> int:
    wanted = set(go_runes(chars))
    return next((_byte_offset(text, i) for i, c in enumerate(go_runes(text)) if c in wanted), -1)


def _last_index_any(text: str, chars: str) -> int:
    wanted = set(go_runes(chars))
    seen = go_runes(text)
    found = (i for i in range(len(seen) - 1, -1, -1) if seen[i] in wanted)
    return next((_byte_offset(text, i) for i in found), -1)


def _upper(char: str) -> str:
    """Map one character to one, as Go does: the title case replaces a longer upper case."""
    upper = char.upper()
    if len(upper) > 1:
        upper = char.title()
    return upper if len(upper) == 1 else char


def _lower(char: str) -> str:
    lower = char.lower()
    return lower if len(lower) == 1 else lower[0]


def _to_upper(text: str) -> str:
    return text.upper() if text.isascii() else "".join(map(_upper, go_runes(text)))


def _to_lower(text: str) -> str:
    return text.lower() if text.isascii() else "".join(map(_lower, go_runes(text)))


def _trim(text: str, chars: str) -> str:
    return text.strip(chars) if chars else text


def _trim_left(text: str, chars: str) -> str:
    return text.lstrip(chars) if chars else text


def _trim_right(text: str, chars: str) -> str:
    return text.rstrip(chars) if chars else text


def _replace(text: str, old: str, new: str, limit: int) -> str:
    if old and not (text.isascii() and old.isascii() and new.isascii()):
        return from_bytes(to_bytes(text).replace(to_bytes(old), to_bytes(new), limit))
    return text.replace(old, new, limit)


def _substring(text: str, start: int, stop: int) -> str:
    data = to_bytes(text)
    for index in (start, stop):
        if index < 0:
            raise ValueError(f"found negative index for strSubstring: {index}")
    if stop >= len(data):
        raise ValueError(f"stop index too large for string in strSubstring: {stop}")
    if start > stop:
        raise IndexError(f"runtime error: slice bounds out of range [{start}:{stop}]")
    return from_bytes(data[start:stop])


def _regex_replace(pattern: Regex, text: str, template: str) -> str:
    return pattern.replace_all(go_runes(text), go_runes(template))


_PAIR: Final = (str, str)

STRINGS: Final[dict[str, Function]] = {
    function.name: function
    for function in (
        simple("strContains", _PAIR, bool, lambda text, part: to_bytes(part) in to_bytes(text)),
        simple("strContainsAny", _PAIR, bool, _contains_any),
        simple("strCount", _PAIR, int, _count),
        simple("strHasPrefix", _PAIR, bool, lambda t, p: to_bytes(t).startswith(to_bytes(p))),
        simple("strHasSuffix", _PAIR, bool, lambda t, p: to_bytes(t).endswith(to_bytes(p))),
        simple("strIndex", _PAIR, int, lambda t, p: to_bytes(t).find(to_bytes(p))),
        simple("strIndexAny", _PAIR, int, _index_any),
        simple("strLastIndex", _PAIR, int, lambda t, p: to_bytes(t).rfind(to_bytes(p))),
        simple("strLastIndexAny", _PAIR, int, _last_index_any),
        simple("strLength", (str,), int, lambda text: len(to_bytes(text))),
        simple("strReplace", (str, str, str, int), str, _replace),
        simple("strSubstring", (str, int, int), str, _substring),
        simple("strToLower", (str,), str, _to_lower),
        simple("strToUpper", (str,), str, _to_upper),
        simple("strTrim", _PAIR, str, _trim),
        simple("strTrimLeft", _PAIR, str, _trim_left),
        simple("strTrimPrefix", _PAIR, str, str.removeprefix),
        simple("strTrimRight", _PAIR, str, _trim_right),
        simple("strTrimSpace", (str,), str, lambda text: text.strip(_SPACE)),
        simple("strTrimSuffix", _PAIR, str, str.removesuffix),
        simple("regexReplace", (Regex, str, str), str, _regex_replace),
    )
}
