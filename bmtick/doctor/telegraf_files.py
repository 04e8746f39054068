"""Telegraf's configuration on this machine: the collector's command, and the outputs."""

from __future__ import annotations

import fnmatch
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bmtick.doctor.context import Context

MAIN: Final = "/etc/telegraf/telegraf.conf"
FOLDER: Final = "/etc/telegraf/telegraf.d"


@dataclass(frozen=True)
class Section:
    """One plugin's table and its file."""

    file: str
    table: Mapping[str, Any]

    def text(self, key: str) -> str:
        """Return a string of the table, or ""."""
        value = self.table.get(key, "")
        return value if isinstance(value, str) else ""

    def texts(self, key: str) -> list[str]:
        """Return a list of strings of the table."""
        value = self.table.get(key, [])
        return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


@dataclass(frozen=True)
class Collector:
    """A Telegraf command that runs the collector."""

    section: Section
    words: tuple[str, ...]
    execd: bool

    def options(self, name: str) -> list[str]:
        """Return the values of an option of the command."""
        found = [w.partition("=")[2] for w in self.words if w.startswith(f"{name}=")]
        pairs = zip(self.words, self.words[1:], strict=False)
        return found + [value for word, value in pairs if word == name]


def sections(context: Context, kind: str, plugin: str) -> list[Section]:
    """Return the tables of a plugin, such as ``outputs`` and ``influxdb``.

    Files that cannot be read or are not TOML are left out: Telegraf's own log reports them.
    """
    found = []
    for file, config in _files(context):
        tables = config.get(kind, {})
        tables = tables.get(plugin, []) if isinstance(tables, dict) else []
        found += [Section(file, table) for table in tables if isinstance(table, dict)]
    return found


def collectors(context: Context) -> list[Collector]:
    """Return the commands that run ``bmtick collect``."""
    found = []
    for section in sections(context, "inputs", "exec"):
        commands = [*section.texts("commands"), *filter(None, [section.text("command")])]
        for command in commands:
            try:
                words = shlex.split(command)
            except ValueError:
                continue
            found.append(Collector(section, tuple(words), execd=False))
    found += [
        Collector(section, tuple(section.texts("command")), execd=True)
        for section in sections(context, "inputs", "execd")
    ]
    return [c for c in found if "collect" in c.words and any("bmtick" in w for w in c.words)]


def dropped(section: Section, names: tuple[str, ...]) -> tuple[str, list[str]]:
    """Return the first filter of a plugin that drops measurements, and those measurements."""
    for key, drops in (("namedrop", True), ("namepass", False)):
        patterns = section.texts(key)
        if not patterns:
            continue
        lost = [n for n in names if _matches(n, patterns) is drops]
        if lost:
            return key, lost
    return "", []


def _matches(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _files(context: Context) -> Iterator[tuple[str, dict[str, Any]]]:
    folder = context.path(FOLDER)
    paths = [context.path(MAIN), *sorted(folder.glob("*.conf"))]
    for path in paths:
        try:
            config = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        yield "/" + str(path.relative_to(context.root)), config
