"""Check that Telegraf's user may run the collector's program."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bmtick.collect.telegraf_config import USER
from bmtick.doctor.check import Check, broken, ok
from bmtick.doctor.context import Context, may_read

ORDER = 31
_NAME = "telegraf: program"
_FOLDER = "/etc/telegraf/telegraf.d"
_SNIPPET = f"bmtick telegraf > {_FOLDER}/bmtick.conf && systemctl restart telegraf"
_ELSEWHERE = "PIPX_HOME=/opt/pipx PIPX_BIN_DIR=/usr/local/bin pipx install bmtick && "


def run(context: Context) -> Iterator[Check]:
    """Check the program of each plugin that runs the collector, if its path is absolute."""
    for path in sorted(context.path(_FOLDER).glob("*.conf")):
        try:
            config = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # Telegraf's own log reports these
            continue
        for program in dict.fromkeys(_programs(config)):
            yield _check_program(program)


def _programs(config: dict[str, Any]) -> Iterator[str]:
    inputs = config.get("inputs", {})
    commands = [shlex.split(c) for p in inputs.get("exec", []) for c in p.get("commands", [])]
    commands += [p.get("command", []) for p in inputs.get("execd", [])]
    for words in commands:
        if "collect" in words and words[0].startswith("/"):
            yield words[0]


def _check_program(program: str) -> Check:
    path = Path(program)
    if not path.exists():
        return broken(_NAME, f"{program} does not exist", _SNIPPET)
    # The symbolic link itself and its target: other users cannot run a program in a home folder.
    if any(may_read(file, USER) is False for file in (path, path.resolve())):
        return broken(_NAME, f"user {USER} may not run {program}", _ELSEWHERE + _SNIPPET)
    return ok(_NAME, f"{program} is there for user {USER}")
