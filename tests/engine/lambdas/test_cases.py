"""Expressions evaluate as in Kapacitor: recorded results, value and type, and error texts."""

import json
import math
import re
from pathlib import Path

import pytest

from bmtick.engine.lambdas import MISSING, Duration, EvaluationError, Time, compile_lambda
from bmtick.errors import BmtickError
from bmtick.tick.parser import parse_lambda
from bmtick.tick.regexes import compile_regex

CASES = [
    json.loads(line)
    for path in sorted((Path(__file__).parent / "cases").glob("*.jsonl"))
    for line in path.read_text(encoding="utf-8").split("\n")
    if line
]
KINDS = {"float": float, "duration": Duration, "time": Time, "regex": compile_regex}
# what the C library may round differently from Go in the last bit
INEXACT = re.compile(r"\b(a?(cos|sin|tan)h?|atan2|cbrt|erfc?|exp2?|expm1|gamma|log1p|pow)\(")


def value(raw):
    if raw is None:
        return MISSING
    if isinstance(raw, dict):
        ((kind, inner),) = raw.items()
        return KINDS[kind](inner)
    return raw


def sorted_lists(text):
    """Go lists signatures in random order; the scope of the recording held more names."""

    def in_order(match):
        return f"{match[1]}[{', '.join(sorted(re.findall(r'[(][^)]*[)]', match[2])))}]"

    text = re.sub(r"(scope are )\[.*?\]", r"\1[...]", text)
    return re.sub(r"(signatures are )\[(.*?)\]", in_order, text)


def run(expression, mode, scope):
    try:
        return expression.predicate(scope) if mode == "predicate" else expression.evaluate(scope)
    except EvaluationError as error:
        return {"panic" if error.panic and mode == "predicate" else "error": error.message}


def same(got, want, exact):
    if isinstance(want, dict) and ("error" in want or "panic" in want):
        return {k: sorted_lists(v) for k, v in got.items()} == {
            k: sorted_lists(v) for k, v in want.items()
        }
    want = value(want)
    if type(got) is not type(want):
        return False
    if isinstance(want, float):
        if math.isnan(want):
            return math.isnan(got)
        return str(got) == str(want) or (not exact and math.isclose(got, want, rel_tol=1e-13))
    return got == want


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["expression"][:60])
def test_same_as_kapacitor(case):
    if "refused" in case:
        with pytest.raises(BmtickError) as raised:
            compile_lambda(parse_lambda(case["expression"]))
        assert raised.value.message == case["refused"]
        return
    expression = compile_lambda(parse_lambda(case["expression"]))
    exact = not INEXACT.search(case["expression"])
    for scope, want in zip(case["scopes"], case["results"], strict=True):
        names = dict.fromkeys(expression.references, MISSING)
        got = run(expression, case["mode"], names | {k: value(v) for k, v in scope.items()})
        assert same(got, want, exact), (scope, got, want)


def test_there_are_cases():
    assert len(CASES) > 250
