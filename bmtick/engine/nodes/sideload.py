"""``|sideload``: adds fields and tags from files. Source: ``sideload.go``, ``services/sideload``."""

from __future__ import annotations

import json
import os.path
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from bmtick.engine.arguments import entry, table, type_of, value, values
from bmtick.engine.gotemplate import Template, TemplateError
from bmtick.engine.gotemplate.values import StringMap
from bmtick.engine.messages import Batch, BatchPoint, Fields, Point, Tags
from bmtick.engine.node import DefinitionError, StatelessNode
from bmtick.engine.registry import register
from bmtick.tick.strconv import format_float, parse_bool, parse_float, parse_int

Values = dict[str, Any]


@register
class SideloadNode(StatelessNode):
    """Looks up each key in files named by tags; the first file with the key is used."""

    chain = "sideload"
    desc = "sideload"
    properties = table(
        {
            "source": value("source"),
            "order": values("order"),
            "field": entry("fields"),
            "tag": entry("tags"),
        }
    )

    def define(self) -> None:
        """Set Kapacitor's defaults."""
        self.source = ""
        self.order: list[str] = []
        self.fields: Fields = {}
        self.tags: Tags = {}

    def start(self) -> None:
        """Read the files once, as a server does until a reload."""
        where = self.location
        place: dict[str, Any] = {"file": where.file, "line": where.line} if where else {}
        self._order = [Template(text, **place) for text in self.order]
        self._files = _read_folder(self.source)

    def point(self, point: Point) -> None:
        """Forward a point with the values of the files."""
        new = point.copy()
        new.fields, new.tags = self._loaded(point.fields, point.tags)
        self.forward(new)

    def batch(self, batch: Batch) -> None:
        """Forward a batch with the values of the files."""
        points = [BatchPoint(*self._loaded(p.fields, p.tags), p.time) for p in batch.points]
        self.forward(batch.copy(points))

    def _loaded(self, fields: Fields, tags: Tags) -> tuple[Fields, Tags]:
        try:
            order = [template.execute(StringMap(tags)) for template in self._order]
        except TemplateError as error:
            self.report("failed to evaluate order template", error)
            return fields, tags
        return (
            {**fields, **{key: self._value(order, key, d) for key, d in self.fields.items()}},
            {**tags, **{key: self._value(order, key, d) for key, d in self.tags.items()}},
        )

    def _value(self, order: list[str], key: str, default: Any) -> Any:
        name = os.path.normpath(key)
        found = next((f[name] for o in order if name in (f := self._files.get(o, {}))), None)
        if found is None:
            return default
        try:
            return _converted(found, default)
        except ValueError as error:
            self.report(f"failed to load key {key}", error)
            return default


def _read_folder(source: str) -> dict[str, Values]:
    """Return the values of all files below the folder of a URL, by relative path."""
    try:
        url = urlsplit(source)
    except ValueError as error:
        raise DefinitionError(f"sideload source '{source}': {error}") from None
    if url.scheme != "file":
        raise DefinitionError(f"unsupported source scheme '{url.scheme}', must be 'file'")
    folder = Path(unquote(url.path))
    if not folder.is_absolute():
        raise DefinitionError(f"sideload source path must be absolute: '{url.path}'")
    if not folder.is_dir():
        raise DefinitionError(f"there is no folder '{folder}' to sideload from")
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        if name.startswith("."):
            raise DefinitionError(f"sideload: '{path}' begins with a dot, which Kapacitor refuses")
        try:
            found[name] = _read_values(path)
        except OSError as error:
            raise DefinitionError(
                f"failed to read values file '{path}': {error.strerror}"
            ) from None
        except (ValueError, RecursionError) as error:
            first = str(error).partition("\n")[0]
            raise DefinitionError(f"failed to unmarshal values '{path}': {first}") from None
    return found


def _read_values(path: Path) -> Values:
    kind = path.suffix
    if kind not in (".json", ".yaml", ".yml"):
        return {}
    text = path.read_text(encoding="utf-8")
    if kind == ".json":
        values: Any = json.loads(text, parse_int=float)
    else:
        import yaml  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415 -- rarely needed

        try:
            values = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ValueError("it is not a map of keys to values")  # noqa: TRY004 -- of its text
    # Boolean keys of YAML are strings, since Kapacitor converts YAML to JSON first.
    return {
        str(key).lower() if isinstance(key, bool) else str(key): item
        for key, item in values.items()
    }


def _whole(number: float) -> int:
    if number != int(number):
        raise ValueError(f"cannot convert {format_float(number)} to an int")
    return int(number)


# The conversion, by the type of the default and of the value; Kapacitor reads numbers of JSON,
# and of YAML via JSON, as floats.
_CONVERT: dict[tuple[str, type], Callable[[Any], Any]] = {
    ("int", float): _whole,
    ("int", str): parse_int,
    ("float", float): float,
    ("float", str): parse_float,
    ("bool", bool): bool,
    ("bool", str): parse_bool,
    ("string", float): format_float,
    ("string", bool): lambda flag: "true" if flag else "false",
    ("string", str): str,
}


def _converted(found: Any, default: Any) -> Any:
    """Convert a file's value to the type of the default. Source: ``sideload.go`` (``convertType``)."""
    if isinstance(found, int) and not isinstance(found, bool):
        found = float(found)
    convert = _CONVERT.get((type_of(default), type(found)))
    if convert is None:
        raise ValueError(f"cannot convert the value {found!r} to a {type_of(default)}")
    return convert(found)
