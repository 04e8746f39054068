"""The telegraf.d snippet that runs the collector, and the rights that it needs, as commands.

Source: Telegraf 1.26 ``plugins/inputs/exec`` and ``execd`` (README.md, sample.conf).
"""

from __future__ import annotations

import grp
import json
import os
import shlex
import stat
from collections.abc import Sequence

from bmtick.collect.queue import telegraf_watches
from bmtick.collect.sources import is_journal

USER = "telegraf"
FILE = "/etc/telegraf/telegraf.d/bmtick.conf"

_EXEC = """\
[[inputs.exec]]
  commands = [{command}]
  interval = "10s"
  timeout = "9s"
  data_format = "influx"
"""
# A bucket of 2 s ends at an even second and is closed one second later: that is when to ask for it.
# A jitter of "0s" is the agent's own one to Telegraf (agent/agent.go), which BlueMind sets to 10 s.
_EXECD = """\
[[inputs.execd]]
  command = [{command}]
  signal = "STDIN"
  restart_delay = "10s"
  data_format = "influx"
  interval = "2s"
  collection_jitter = "1ms"
  collection_offset = "1s"

# So that the mail comes soon. Telegraf writes the same points as before, of all inputs, only
# earlier: at most one request a second to InfluxDB, where BlueMind's settings make one in 10 to
# 15 s. Without these lines the mail comes 6 s later, on average.
[agent]
  flush_interval = "1s"
  flush_jitter = "0s"
"""
BUCKET = "2s"


def snippet(
    program: Sequence[str],
    options: Sequence[str],
    logs: Sequence[str],
    state: str,
    *,
    execd: bool,
) -> str:
    """Return the snippet.

    Args:
        program: how the collector is started on this machine, up to ``collect``.
        options: options of ``collect`` beside logs and state.
        logs: the mail logs.
        state: the state file; Telegraf's user must be able to write its folder.
        execd: for a process that stays, instead of one each interval.
    """
    words = [*program, "collect", *options]
    for log in logs:
        words += ["--log", log]
    words += ["--state", state]
    if execd:
        command = ", ".join(_toml(word) for word in [*words, "--execd"])
    else:
        command = _toml(shlex.join(words))
    body = (_EXECD if execd else _EXEC).format(command=command)
    return "\n".join([*_comments(logs, state), "", body])


def _toml(text: str) -> str:
    """Return a TOML basic string; its escapes are a superset of JSON's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comments(logs: Sequence[str], state: str) -> list[str]:
    lines = [
        f"# Written by 'bmtick telegraf'; belongs into {FILE}",
        "#",
        f"# Telegraf runs it as user {USER}, which needs these rights and no others. As root:",
        f"#   install -d -o {USER} -g {USER} -m 0700 {shlex.quote(os.path.dirname(state) or '.')}",
    ]
    lines += [f"#   {command}" for command in _log_rights(logs)]
    watching = telegraf_watches()
    if watching:
        lines += [
            "#",
            f"# The queue is left to inputs.postfix, which {_one_line(watching)} turns on.",
        ]
    else:
        lines += [
            "#",
            "# The queue is asked of 'postqueue -j', for which no right is needed; where the user",
            "# may read Postfix's spool it is counted there, which is faster. 'inputs.postfix' is",
            "# not needed beside this. Where it wrote into this database within the last week, add",
            "# --integer-age to the command: InfluxDB drops points whose age has another type.",
        ]
    return lines


def _log_rights(logs: Sequence[str]) -> list[str]:
    """Return the commands that let Telegraf's user read the logs; no more than is needed."""
    commands: list[str] = []
    for log in logs:
        if is_journal(log):
            commands.append(f"usermod -a -G systemd-journal {USER}")
            continue
        try:
            found = os.stat(log)
        except OSError:
            commands.append(
                f"usermod -a -G adm {USER}   # or the group that may read {_one_line(log)}"
            )
            continue
        if found.st_mode & stat.S_IROTH:
            continue
        if found.st_mode & stat.S_IRGRP and found.st_gid != 0:
            commands.append(f"usermod -a -G {_group(found.st_gid)} {USER}")
        else:
            commands.append(
                f"setfacl -m u:{USER}:r {shlex.quote(log)}   # and in logrotate's postrotate"
            )
    return list(dict.fromkeys(commands))


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _one_line(text: str) -> str:
    return text.replace("\n", "?").replace("\r", "?")
