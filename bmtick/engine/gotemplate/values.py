"""The values in templates, with classes for Go types that Python does not have.

``int`` is int64, ``float`` float64, ``dict`` a ``map[string]interface {}``; None is nil or a missing
value. Source: influxdata/kapacitor 1.5.7 ``alert.go`` (``idInfo``, ``messageInfo``, ...).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bmtick.tick.types import Duration, Time


class GoInt(int):
    """Go's ``int``: a constant of the template, a length."""

    __slots__ = ()


class Byte(int):
    """Go's ``uint8``: a byte of a string."""

    __slots__ = ()


class Month(int):
    """Go's ``time.Month``, from 1."""

    __slots__ = ()


class Weekday(int):
    """Go's ``time.Weekday``, Sunday is 0."""

    __slots__ = ()


class JS(str):
    """Go's ``html/template.JS``: the result of Kapacitor's ``json``."""

    __slots__ = ()


class StringMap(dict[str, str]):
    """Go's ``map[string]string``: Kapacitor's tags; a nil map is null in JSON."""

    is_nil = False


class Struct:
    """A struct; it also has the fields of its embedded struct.

    Args:
        name: Go's name of the type.
        fields: name -> value, in order.
        embedded: the embedded struct, its first member.
    """

    __slots__ = ("_own", "embedded", "name")

    def __init__(
        self, name: str, fields: Mapping[str, Any], embedded: Struct | None = None
    ) -> None:
        self.name, self._own, self.embedded = name, fields, embedded

    def items(self) -> Iterator[tuple[str, Any]]:
        """Return all fields in the order of JSON."""
        if self.embedded:
            yield from self.embedded.items()
        yield from self._own.items()

    def parts(self) -> Iterator[tuple[str, Any]]:
        """Return the fields in the form of fmt: the embedded struct is one of them."""
        if self.embedded:
            yield self.embedded.name.rpartition(".")[2], self.embedded
        yield from self._own.items()

    def field(self, name: str) -> tuple[bool, Any]:
        """Return whether a field exists, and its value."""
        if name in self._own:
            return True, self._own[name]
        if self.embedded and name == self.embedded.name.rpartition(".")[2]:
            return False, None  # unexported
        return self.embedded.field(name) if self.embedded else (False, None)


_ID: Final = ("Name", "TaskName", "Group", "Tags", "ServerInfo")
_MESSAGE: Final = ("ID", "Fields", "Level", "Time", "Duration")
_SERVER: Final = ("Hostname", "ClusterID", "ServerID")


def alert_data(data: Mapping[str, Any]) -> Struct:
    """Convert an alert's data to the types in Kapacitor's templates.

    The keys decide the struct: with ``Message`` it is that of details, with ``ID`` that of a message,
    otherwise that of an id.
    """
    server = data.get("ServerInfo")
    if server is not None and not isinstance(server, Mapping):
        server = {name: getattr(server, name.lower(), "") for name in _SERVER}
    own = {name: data.get(name, "") for name in _ID}
    own["Tags"] = StringMap(data.get("Tags") or {})
    from bmtick.engine.messages import NilTags  # noqa: PLC0415 -- the checker runs no template

    own["Tags"].is_nil = isinstance(data.get("Tags"), NilTags)
    own["ServerInfo"] = Struct(
        "kapacitor.serverInfo", {name: (server or {}).get(name, "") for name in _SERVER}
    )
    info = Struct("kapacitor.idInfo", own)
    if "ID" in data:
        info = Struct("kapacitor.messageInfo", {n: data.get(n) for n in _MESSAGE}, info)
    if "Message" in data:
        info = Struct("kapacitor.detailsInfo", {"Message": data["Message"]}, info)
    return info


_NAMES: Final[dict[type, str]] = {
    bool: "bool",
    int: "int64",
    GoInt: "int",
    Byte: "uint8",
    float: "float64",
    str: "string",
    JS: "template.JS",
    dict: "map[string]interface {}",
    StringMap: "map[string]string",
    Time: "time.Time",
    Duration: "time.Duration",
    Month: "time.Month",
    Weekday: "time.Weekday",
}


def type_of(value: Any) -> str:
    """Return Go's ``%T`` of a value."""
    if value is None:
        return "<nil>"
    if isinstance(value, Struct):
        return value.name
    return "time.Time" if isinstance(value, Time) else _NAMES.get(type(value), "interface {}")


def is_true(value: Any) -> bool:
    """Return the truth of a value, as for ``if``."""
    if isinstance(value, Struct | Time):
        return True
    return bool(value)


class TemplateError(Exception):
    """A template failed during execution; the text is Go's where it is known."""
