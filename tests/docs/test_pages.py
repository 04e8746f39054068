"""Every page: its commands exist with these options, its links lead somewhere, its settings are settings."""

import re
import shlex

import click
import pytest
from click.testing import CliRunner

from bmtick import settings
from bmtick.cli.root import cli
from tests.docs.blocks import ROOT, read

PAGES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
INLINE = re.compile(r"`(bmtick [a-z][^`]*)`")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
# Arguments that a text may leave out.
COMPLETED = {
    "eval": ["x.tick", "--points", "x.lp"],
    "fire": ["postfix_queue"],
    "hold": ["p.martin@example.org"],
    "release": ["p.martin@example.org"],
    "report": ["-o", "x.html"],
    "respond": ["p.martin@example.org"],
    "silence": ["--for", "2h", "--reason", "x"],
}


def commands():
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for found in INLINE.findall(text):
            yield page, found
        for command in read(page).commands:
            if command.name == "bmtick":
                yield page, command.text


@pytest.mark.parametrize(("page", "text"), sorted(set(commands())))
def test_the_command_exists_with_these_options(page, text):
    words = shlex.split(text.replace("NAME", "postfix_queue").replace("...", ""), comments=True)
    words = words[: words.index(">")] if ">" in words else words
    name, *rest = words[1:]
    if name.startswith("-"):
        return  # bmtick --version
    context = click.Context(cli, info_name="bmtick")
    command = cli.get_command(context, name)
    assert command is not None, f"{page}: no command {name}"
    if name == "collect":  # reads its arguments itself, without click
        known = CliRunner().invoke(cli, ["collect", "--help"]).stdout
        assert all(word in known for word in rest if word.startswith("--"))
        return
    arguments = rest or COMPLETED.get(name, [])
    context.resilient_parsing = True  # files of an example need not exist
    parser = command.make_parser(click.Context(command, parent=context))
    parser.parse_args(list(arguments))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = {target for target in LINK.findall(text) if "://" not in target}
    missing = [t for t in targets if not ((ROOT / page).parent / t).exists()]
    assert not missing


@pytest.mark.parametrize("page", [p for p in PAGES if "toml" in read(p).others])
def test_settings_are_settings(page):
    for text in read(page).others["toml"]:
        if not re.search(r"^\[\[", text, re.MULTILINE):  # that is Telegraf's or Kapacitor's
            settings.parse(text, file=page)
