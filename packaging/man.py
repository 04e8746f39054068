"""Write the man pages into a folder, from the same source as ``--help``.

Usage: python packaging/man.py FOLDER   (needs click-man)
"""

from __future__ import annotations

import os
import sys
import time
from inspect import cleandoc
from pathlib import Path

import click
from click_man.core import write_man_pages

import bmtick
from bmtick.cli.root import cli


def roff(text: str) -> str:
    r"""Escape help text for roff, which click-man does not; keep the lines of ``\b`` blocks."""
    paragraphs = []
    for paragraph in cleandoc(text).split("\n\n"):
        keep = "\b" in paragraph
        lines = [line for line in paragraph.replace("\b", "").splitlines() if line.strip()]
        escaped = [line.replace("\\", "\\e").replace("-", "\\-") for line in lines]
        guarded = ["\\&" + line if line[:1] in ".'" else line for line in escaped]
        paragraphs.append("\n.br\n".join(guarded) if keep else "\n".join(guarded))
    return "\n\n".join(paragraphs)


def main(folder: str) -> None:
    """Write ``bmtick.1`` and ``bmtick-COMMAND.1``."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    context = click.Context(cli, info_name="bmtick")
    # click-man walks a dict; the group itself imports a command only when it is called.
    cli.commands = {
        name: command
        for name in cli.list_commands(context)
        if (command := cli.get_command(context, name))
    }
    for command in cli.commands.values():
        command.help = roff(command.help or "")
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.help:
                parameter.help = roff(parameter.help)
    moment = time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())))
    write_man_pages(
        "bmtick",
        cli,
        version=bmtick.__version__,
        target_dir=str(target),
        date=time.strftime("%Y-%m-%d", moment),
    )


if __name__ == "__main__":
    main(sys.argv[1])
