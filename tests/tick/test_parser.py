import pytest

from bmtick.errors import BmtickError
from bmtick.tick import ast
from bmtick.tick.formatter import format_program
from bmtick.tick.parser import parse, parse_lambda


def test_precedence_binds_as_kapacitor():
    tree = parse_lambda('"a" + 2 * 3 > 4 AND "b" OR TRUE').expression
    assert isinstance(tree, ast.Binary)
    assert tree.operator == "OR"
    assert tree.left.operator == "AND"
    assert tree.left.left.operator == ">"
    assert tree.left.left.left.right.operator == "*"


@pytest.mark.parametrize("text", ["(" * 5000, "f(" * 5000, "-" * 5000 + "1", "a|b(" * 5000])
def test_deep_nesting_is_a_located_error(text):
    with pytest.raises(BmtickError, match="nests too deeply") as caught:
        parse(text, file="deep.tick")
    assert caught.value.location.line == 1


def test_long_chains_and_sums_are_no_nesting():
    text = "var a = 1" + " + 1" * 5000 + "\nvar b = stream" + "|from()" * 5000
    assert format_program(parse(text)).count("|from()") == 5000


def test_error_shows_file_line_column_and_caret():
    with pytest.raises(BmtickError) as caught:
        parse("stream\n    |from(,)\n", file="x.tick")
    assert str(caught.value).splitlines() == [
        "x.tick:2:11: error: unexpected ',' where a value is expected (a value is missing before the comma)",
        "        |from(,)",
        "              ^",
    ]
