"""Read text, TOML, JSON and YAML files; errors contain the place."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from bmtick.errors import BmtickError, Location

if TYPE_CHECKING:
    from pathlib import Path

_TOML_AT = r"\s*\(at (?:line ([0-9]+), column ([0-9]+)|end of document)\)$"
STDIN = "-"
_DEEP = "it nests too deeply"


def read_text(path: str | Path) -> str:
    """Return the text of a file with its line ends; ``-`` is standard input.

    Raises:
        BmtickError: it cannot be read, or is not UTF-8; with the place.
    """
    name = str(path)
    try:
        if name == STDIN:
            data = sys.stdin.buffer.read()
        else:
            with open(path, "rb") as file:  # noqa: PTH123 -- importing pathlib costs milliseconds
                data = file.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BmtickError(f"cannot read it: {reason}", location=Location(name)) from None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = len(data[: error.start].rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        raise BmtickError(
            "it is not UTF-8 text",
            location=Location(name, line, column),
            remedy="save it as UTF-8",
        ) from None


def load_toml(text: str, *, file: str) -> dict[str, Any]:
    """Return the tables of a TOML text.

    Raises:
        BmtickError: it is not TOML; with line and column.
    """
    import tomllib  # noqa: PLC0415

    try:
        return tomllib.loads(text.removeprefix("\ufeff"))  # the byte order mark of Windows' editors
    except (ValueError, RecursionError) as error:
        raise _no_toml(error, text, file) from None


def _no_toml(error: Exception, text: str, file: str) -> BmtickError:
    import re  # noqa: PLC0415 -- as above

    from bmtick.toml_hints import hint  # noqa: PLC0415

    if isinstance(error, RecursionError):
        return BmtickError(f"not TOML: {_DEEP}", location=Location(file))
    at = re.search(_TOML_AT, str(error))
    line, column = int((at and at[1]) or 0), int((at and at[2]) or 0)
    if at and not line:  # at the end of the document
        line, column = text.count("\n") + 1, len(text) - text.rfind("\n")
    message = re.sub(_TOML_AT, "", str(error))
    found = hint(message, text, line, column)
    line = (found and found.line) or line
    if re.match(
        r"\s*[\w.-]*(?:pass|secret|token)[\w-]*\s*=", source_line(text, line), re.IGNORECASE
    ):
        # no excerpt: the message goes into a log
        return BmtickError(
            "not TOML: a secret does not stand in this file, and not so",
            location=Location(file, line),
            remedy="take it out; the environment or a secret_file of mode 0600 holds it",
        )
    return BmtickError(
        f"not TOML: {found.message if found else message}",
        location=Location(file, line, (found and found.column) or column),
        excerpt=source_line(text, line),
        remedy=found.remedy if found else "see toml.io for the syntax",
    )


def load_json(text: str, *, file: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        BmtickError: it is not JSON; with line and column if they are known.
    """
    import json  # noqa: PLC0415

    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BmtickError(
            f"not JSON: {error.msg}",
            location=Location(file, error.lineno, error.colno),
            excerpt=source_line(text, error.lineno),
        ) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits
        deep = isinstance(error, RecursionError)
        message = _DEEP if deep else str(error)
        raise BmtickError(f"not JSON: {message}", location=Location(file)) from None


Positions = dict[tuple[str | int, ...], tuple[int, int]]
"""Line and column, from 1, of each key and item of a document, by its path."""


def load_yaml(text: str, *, file: str) -> tuple[Any, Positions]:
    """Return the value of a YAML (or JSON) text, and the places of its keys and items.

    Raises:
        BmtickError: it is not YAML; with line and column.
    """
    import yaml  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415 -- seldom needed

    positions: Positions = {}
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        waiting: list[tuple[Any, tuple[str | int, ...]]] = [(root, ())] if root else []
        seen: set[int] = set()
        while waiting:
            node, path = waiting.pop()
            if id(node) in seen:  # an alias: its target is recorded already
                continue
            seen.add(id(node))
            if isinstance(node, yaml.MappingNode):
                for key, value in node.value:
                    inner = (*path, str(key.value))
                    positions[inner] = key.start_mark.line + 1, key.start_mark.column + 1
                    waiting.append((value, inner))
            elif isinstance(node, yaml.SequenceNode):
                for index, item in enumerate(node.value):
                    inner = (*path, index)
                    positions[inner] = item.start_mark.line + 1, item.start_mark.column + 1
                    waiting.append((item, inner))
        return loader.construct_document(root) if root else None, positions
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        deep = isinstance(error, RecursionError)
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        reason = _DEEP if deep else getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise BmtickError(
            f"not YAML: {reason}",
            location=Location(file, line, column),
            excerpt=source_line(text, line),
            remedy="",
        ) from None


def source_line(text: str, line: int) -> str:
    """Return a line of a text, counted from 1 by line feeds only, or ``""``."""
    lines = text.split("\n")
    return lines[line - 1].rstrip("\r") if 0 < line <= len(lines) else ""
