"""Write the man pages into a folder, from the same sources as ``--help`` and the settings.

Usage: python packaging/man.py FOLDER
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click

import bmtick
from bmtick.cli._examples import EXAMPLES
from bmtick.cli.root import cli
from bmtick.settings.effective import json_schema

FILES = (
    (
        "./bmtick.toml, /etc/bmtick/bmtick.toml",
        "Settings, the first that is found; bmtick.toml(5).",
    ),
    ("/var/lib/bmtick", "State and history of collector and watch."),
    (
        "/var/lib/bmtick-admin",
        "Root's: what was deployed and done, copies of mail that was deleted.",
    ),
    ("/var/lib/bmtick-guard", "The guard's: who is held."),
)
FIRST = ("demo", "init", "watch", "top", "suspects", "doctor")  # what bmtick(1) shows
STATUS = (
    ("0", "Done."),
    ("1", "A finding: a check failed, there is drift, tests failed, a delivery did not go."),
    ("2", "Wrong use or wrong input; the message says where and what to do."),
)
ENVIRONMENT = (
    ("BMTICK_CONFIG", "The settings file."),
    ("LANGUAGE, LC_ALL, LC_MESSAGES, LANG", "The language, where the settings name none."),
    ("NO_COLOR", "No colours."),
)


def roff(text: str) -> str:
    r"""Escape text for roff; keep the lines of ``\b`` blocks."""
    paragraphs = []
    for paragraph in cleandoc(text).split("\n\n"):
        keep = "\b" in paragraph
        lines = [line for line in paragraph.replace("\b", "").splitlines() if line.strip()]
        escaped = [line.replace("\\", "\\e").replace("-", "\\-") for line in lines]
        guarded = ["\\&" + line if line[:1] in ".'" else line for line in escaped]
        paragraphs.append("\n.br\n".join(guarded) if keep else "\n".join(guarded))
    return "\n.PP\n".join(paragraphs)


def listed(entries: Any) -> Iterator[str]:
    """Yield the lines of a list of terms, each with its text."""
    for term, text in entries:
        yield f".TP\n\\fB{roff(term)}\\fR\n{roff(text)}"


def command_page(name: str, command: click.Command, date: str) -> str:
    """Return one command's page; ``name`` is ``bmtick`` or ``bmtick COMMAND``."""
    context = click.Context(command, info_name=name)
    title = name.replace(" ", "-")
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [
        f'.TH "{title.upper()}" 1 "{date}" "bmtick {bmtick.__version__}" "bmtick"',
        f".SH NAME\n{roff(title)} \\- {roff(command.get_short_help_str(limit=1000))}",
        f".SH SYNOPSIS\n\\fB{roff(name)}\\fR {roff(usage)}",
        f".SH DESCRIPTION\n{roff(command.help or '')}",
    ]
    records = [p.get_help_record(context) for p in command.get_params(context)]
    lines += [".SH OPTIONS", *listed(record for record in records if record)]
    if isinstance(command, click.Group):
        commands = (
            (n, c) for n in command.list_commands(context) if (c := command.get_command(context, n))
        )
        lines += [
            ".SH COMMANDS",
            *listed((f"bmtick-{n}(1)", c.get_short_help_str(limit=1000)) for n, c in commands),
        ]
    own = name.partition(" ")[2]
    shown = EXAMPLES[own] if own else [EXAMPLES[first][0] for first in FIRST]
    lines += [".SH EXAMPLES", *listed(shown)]
    lines += [".SH EXIT STATUS", *listed(STATUS), ".SH ENVIRONMENT", *listed(ENVIRONMENT)]
    lines += [".SH FILES", *listed(FILES)]
    lines += [f".SH SEE ALSO\n{'.BR bmtick (1), ' if ' ' in name else ''}bmtick.toml(5)"]
    return "\n".join(lines).replace(".BR bmtick (1), ", "bmtick(1), ") + "\n"


def settings_page(date: str) -> str:
    """Return bmtick.toml(5), from the types of the settings."""
    schema = json_schema()
    lines = [
        f'.TH "BMTICK.TOML" 5 "{date}" "bmtick {bmtick.__version__}" "bmtick"',
        ".SH NAME\nbmtick.toml \\- settings of bmtick",
        ".SH DESCRIPTION\n"
        + roff(
            "TOML. Everything has a default. 'bmtick init' writes a first file, 'bmtick settings' "
            "prints what is in force. Durations are written like 30s, 10m, 24h, 7d. Passwords and "
            "tokens never stand in this file: they come from the environment or a secret_file."
        ),
    ]
    sections: list[str] = []
    for name, described in schema["properties"].items():
        reference = str(described.get("anyOf", [described])[0].get("$ref", "")).rpartition("/")[2]
        if not reference:
            lines += listed([(name, described.get("description", "One section for each alert."))])
            continue
        definition = schema["$defs"][reference]
        sections.append(f".SH [{name}]\n{roff(definition['description'].replace('``', ''))}")
        sections += listed(
            (key, spec["description"] + _default(spec))
            for key, spec in definition["properties"].items()
            if "description" in spec
        )
    example = 'language = "de"\n\n[notify]\nrecipients = ["admin@example.org"]\n\n[alerts.postfix_queue]\ncrit = 500'
    lines += [*sections, f".SH EXAMPLES\n.nf\n{roff(example).replace('.PP', '')}\n.fi"]
    lines += [
        ".SH FILES",
        *listed(FILES),
        ".SH SEE ALSO\nbmtick(1), bmtick\\-settings(1), bmtick\\-alerts(1)",
    ]
    return "\n".join(lines) + "\n"


def _default(spec: dict[str, Any]) -> str:
    default = spec.get("default")
    return (
        ""
        if default in (None, "", []) or isinstance(default, dict)
        else f" Default: {json.dumps(default)}."
    )


def main(folder: str) -> None:
    """Write ``bmtick.1``, ``bmtick-COMMAND.1`` and ``bmtick.toml.5``."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    date = time.strftime(
        "%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())))
    )
    context = click.Context(cli, info_name="bmtick")
    (target / "bmtick.1").write_text(command_page("bmtick", cli, date))
    for name in cli.list_commands(context):
        if command := cli.get_command(context, name):
            (target / f"bmtick-{name}.1").write_text(command_page(f"bmtick {name}", command, date))
    (target / "bmtick.toml.5").write_text(settings_page(date))


if __name__ == "__main__":
    main(sys.argv[1])
