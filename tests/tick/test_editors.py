"""What editors and pre-commit read: the grammar colours a script, the hooks name commands."""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.tick.tokens import tokenize

ROOT = Path(__file__).parents[2]
GRAMMAR = json.loads((ROOT / "editors/vscode/syntaxes/tickscript.tmLanguage.json").read_text())
SCRIPT = (ROOT / "tick-scripts" / "postfix_queue.tick").read_text()


def rules(name="script"):
    entry = GRAMMAR["repository"][name]
    for rule in [entry] if {"match", "begin"} & entry.keys() else entry["patterns"]:
        if "include" in rule:
            yield from rules(rule["include"][1:])
        else:
            yield rule


def scopes(line):
    """Colour one line as an editor does: at each place the first rule that matches earliest."""
    found, at = {}, 0
    while at < len(line):
        best = None
        for rule in rules():
            match = re.compile(rule.get("match") or rule["begin"]).search(line, at)
            if match and match.end() > match.start() and (not best or match.start() < best[0]):
                best = match.start(), match, rule
        if not best:
            break
        _, match, rule = best
        at = match.end()
        if "end" in rule:
            end = re.compile(rf"(?:\\.|(?!{rule['end']}).)*{rule['end']}").match(line, at)
            at = end.end() if end else len(line)
        found[line[match.start() : at]] = rule.get("name") or [
            c["name"] for c in rule["captures"].values()
        ]
    return found


@pytest.mark.parametrize(
    ("line", "text", "scope"),
    [
        ("var crit = 200", "var crit", "storage.type.var"),
        ("    |window()", "|window", "entity.name.function.node"),
        ("        .period(10m)", ".period", "property"),
        ("        .period(10m)", "10m", "constant.numeric.duration"),
        ('|where(lambda: "a" > 1.5)', '"a"', "variable.other.reference"),
        ('|where(lambda: "a" > 1.5)', "lambda:", "keyword.control.lambda"),
        ('|where(lambda: "a" > 1.5)', "1.5", "constant.numeric"),
        ("'it is // no comment'", "'it is // no comment'", "string.quoted.single"),
        ("a // 'no string'", "// 'no string'", "comment"),
        ("TRUE AND FALSE", "AND", "keyword.operator.logical"),
        ('isPresent("a")', "isPresent", "support.function"),
        ("stream", "stream", "support.class.source"),
    ],
)
def test_the_grammar_colours(line, text, scope):
    assert scope in str(scopes(line)[text])


def test_every_keyword_of_the_language_is_coloured():
    words = {t.text for t in tokenize(SCRIPT) if t.kind in ("var", "TRUE", "FALSE", "AND", "OR")}
    for word in words | {"dbrp", "batch"}:
        assert any(word in key for key in scopes(f"{word} x"))


def test_hooks_are_commands():
    for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()):
        program, command, *_ = shlex.split(hook["entry"])
        assert program == "bmtick"
        assert CliRunner().invoke(cli, [command, "--help"]).exit_code == 0
        assert re.search(hook["files"], "a/b.tick")
