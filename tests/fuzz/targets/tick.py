"""TICKscript: text to tree to text again, the checker, and the engine."""

from bmtick.engine.template_uses import read_template
from bmtick.errors import BmtickError
from bmtick.tick import ast
from bmtick.tick.checker import check
from bmtick.tick.formatter import format_program
from bmtick.tick.parser import parse, parse_lambda
from tests.fuzz.harness import is_printable

SEEDS = ["tests/engine/cases/*/script.tick", "tests/tick/cases/*/*/*.tick", "tick-scripts/*.tick"]


def fuzz(data: bytes) -> None:
    """Parse, format and check a script."""
    text = data.decode("utf-8", "replace")
    for version in (None, "1.5", "1.8"):
        for finding in check(text, file="x.tick", version=version, read_template=read_template):
            assert finding.location.line >= 1
            assert is_printable(str(finding))
    for read in (parse_lambda, parse):
        try:
            tree = read(text, file="x.tick")
        except BmtickError as error:
            assert error.location and 1 <= error.location.line <= text.count("\n") + 1
            str(error)
            continue
    if not _parses(text):
        return
    formatted = format_program(parse(text))
    if not _parses(formatted) or "//" in text:
        return  # Kapacitor's own format moves some comments on each time, seen on 1.5.7
    again = parse(formatted)
    assert ast.same(again, tree), formatted
    assert format_program(again) == formatted


def _parses(text: str) -> bool:
    try:
        parse(text)
    except BmtickError:
        return False
    return True
