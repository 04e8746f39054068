"""The functions of a template. Source: Go ``text/template/funcs.go``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from bmtick.engine.gotemplate.gofmt import Printer
from bmtick.engine.gotemplate.values import (
    JS,
    Byte,
    GoInt,
    StringMap,
    Struct,
    TemplateError,
    is_true,
    type_of,
)
from bmtick.tick.strconv import from_bytes, to_bytes
from bmtick.tick.types import Time


class Function(NamedTuple):
    """A function: its minimum and maximum number of arguments, and its implementation.

    ``text_first`` means that the first argument must be a string.
    """

    min_args: int
    max_args: int | None
    apply: Callable[[Printer, list[Any]], Any]
    text_first: bool = False


def joined(printer: Printer, args: list[Any]) -> str:
    """Return the one string, or all arguments printed, as input for the escapers."""
    if len(args) == 1 and isinstance(args[0], str):
        return str(args[0])
    return printer.sprint(["<no value>" if arg is None else arg for arg in args])


def _integer(index: Any, limit: int) -> int:
    if isinstance(index, bool) or not isinstance(index, int):
        raise TemplateError(
            "cannot index slice/array with "
            + ("nil" if index is None else f"type {type_of(index)}")
        )
    if not 0 <= index <= limit:
        raise TemplateError(f"index out of range: {int(index)}")
    return int(index)


def _index(_: Printer, args: list[Any]) -> Any:
    item, *indexes = args
    if item is None:
        raise TemplateError("index of untyped nil")
    for index in indexes:
        if item is None:
            raise TemplateError("index of nil pointer")
        if isinstance(item, str):
            data = to_bytes(item)
            at = _integer(index, len(data))
            if at == len(data):
                raise TemplateError(f"index out of range: {at}")
            item = Byte(data[at])
        elif isinstance(item, Mapping):
            item = _entry(item, index)
        else:
            raise TemplateError(f"can't index item of type {type_of(item)}")
    return item


def _entry(item: Mapping[str, Any], index: Any) -> Any:
    if index is None:
        raise TemplateError("value is nil; should be of type string")
    if not isinstance(index, str) or isinstance(index, JS):
        raise TemplateError(f"value has type {type_of(index)}; should be string")
    return item.get(index, "" if isinstance(item, StringMap) else None)


def _slice(_: Printer, args: list[Any]) -> str:
    item, *indexes = args
    if item is None:
        raise TemplateError("slice of untyped nil")
    if not isinstance(item, str):
        raise TemplateError(f"can't slice item of type {type_of(item)}")
    if len(indexes) > 2:
        raise TemplateError("cannot 3-index slice a string")
    data = to_bytes(item)
    bounds = [0, len(data)]
    for place, index in enumerate(indexes):
        bounds[place] = _integer(index, len(data))
    if bounds[0] > bounds[1]:
        raise TemplateError(f"invalid slice index: {bounds[0]} > {bounds[1]}")
    return from_bytes(data[bounds[0] : bounds[1]])


def _len(_: Printer, args: list[Any]) -> GoInt:
    item = args[0]
    if isinstance(item, str):
        return GoInt(len(to_bytes(item)))
    if isinstance(item, Mapping):
        return GoInt(len(item))
    raise TemplateError(f"len of type {type_of(item)}")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, Byte):
        return "uint"
    if isinstance(value, int) and not isinstance(value, Time):
        return "int"
    if isinstance(value, float):
        return "float"
    return "string" if isinstance(value, str) else ""


def _numbers(one: str, two: str) -> bool:
    return {one, two} == {"int", "uint"}


def _equal(one: Any, two: Any) -> bool:
    kinds = _kind(one), _kind(two)
    if kinds[0] != kinds[1]:
        if _numbers(*kinds):
            return bool(one == two)
        if one is not None and two is not None:
            raise TemplateError(
                f"incompatible types for comparison: {type_of(one)} and {type_of(two)}"
            )
        return False
    if not kinds[0] and one is not None and two is not None:
        if type_of(one) != type_of(two) or isinstance(one, Mapping | Struct):
            raise TemplateError(f"non-comparable type {type_of(two)}")
        return int(one) == int(two)
    return bool(one == two)


def _eq(_: Printer, args: list[Any]) -> bool:
    if len(args) == 1:
        raise TemplateError("missing argument for comparison")
    return any(_equal(args[0], other) for other in args[1:])


def _less(one: Any, two: Any) -> bool:
    kinds = _kind(one), _kind(two)
    if "" in kinds or kinds == ("bool", "bool"):
        raise TemplateError("invalid type for comparison")
    if kinds[0] != kinds[1] and not _numbers(*kinds):
        raise TemplateError(f"incompatible types for comparison: {type_of(one)} and {type_of(two)}")
    if kinds[0] == "string":
        return to_bytes(one) < to_bytes(two)
    return bool(one < two)


def _less_or_equal(one: Any, two: Any) -> bool:
    return _less(one, two) or _equal(one, two)


_HTML: Final = str.maketrans(
    {"\0": "\ufffd", '"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;"}
)
_JS: Final = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}


def _js(text: str) -> str:
    out = []
    for char in text:
        if char in _JS:
            out.append(_JS[char])
        elif char < " " or not char.isprintable():
            code = 0xFFFD if "\udc80" <= char <= "\udcff" else ord(char)
            out.append(f"\\u{code:04X}")
        else:
            out.append(char)
    return "".join(out)


def url_query(text: str) -> str:
    """Return Go's ``url.QueryEscape``."""
    from urllib.parse import quote_plus  # noqa: PLC0415 -- takes 3 ms, and few templates need it

    return quote_plus(to_bytes(text), safe="~")


BUILTINS: Final[dict[str, Function]] = {
    "and": Function(1, None, lambda _, args: next((a for a in args if not is_true(a)), args[-1])),
    "or": Function(1, None, lambda _, args: next((a for a in args if is_true(a)), args[-1])),
    "not": Function(1, 1, lambda _, args: not is_true(args[0])),
    "eq": Function(1, None, _eq),
    "ne": Function(2, 2, lambda _, args: not _equal(args[0], args[1])),
    "lt": Function(2, 2, lambda _, args: _less(args[0], args[1])),
    "le": Function(2, 2, lambda _, args: _less_or_equal(args[0], args[1])),
    "gt": Function(2, 2, lambda _, args: not _less_or_equal(args[0], args[1])),
    "ge": Function(2, 2, lambda _, args: not _less(args[0], args[1])),
    "index": Function(1, None, _index),
    "slice": Function(1, None, _slice),
    "len": Function(1, 1, _len),
    "print": Function(0, None, lambda printer, args: printer.sprint(args)),
    "println": Function(0, None, lambda printer, args: printer.sprintln(args)),
    "printf": Function(
        1, None, lambda printer, args: printer.sprintf(args[0], args[1:]), text_first=True
    ),
    "html": Function(0, None, lambda printer, args: joined(printer, args).translate(_HTML)),
    "js": Function(0, None, lambda printer, args: _js(joined(printer, args))),
    "urlquery": Function(0, None, lambda printer, args: url_query(joined(printer, args))),
}
