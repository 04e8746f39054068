"""Lambdas: an expression is refused, or has a value of its kinds for every point, or no value."""

import json

from bmtick.engine.lambdas import MISSING, EvaluationError, Missing, compile_lambda, wrap
from bmtick.tick.parser import parse_lambda
from tests.fuzz import harness


def seeds():
    """Return some of the expressions whose results a real server gave."""
    folder = harness.CORPUS.parents[1] / "engine/lambdas/cases"
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text("utf-8").split("\n")[:-1:10]:
            yield json.loads(line)["expression"]


_SCOPES = [
    {},
    {"value": 5, "x": 2.5, "s": "text", "b": True, "time": 1_780_000_000_000_000_000},
    {"value": -(2**63), "x": float("inf"), "s": "\udcff\0", "b": False, "time": 0},
    {"value": 2**63 - 1, "x": float("nan"), "s": "", "b": True, "time": -(2**63)},
    {"value": "5", "x": "x", "s": 3, "b": 1.0, "time": 2**63 - 1},
]


def fuzz(data: bytes) -> None:
    """Compile an expression and evaluate it over points."""
    tree = parse_lambda(data.decode("utf-8", "replace"), file="x.tick")
    expression = compile_lambda(tree, {"n": 3, "text": "t"}, now=lambda: 1_780_000_000 * 10**9)
    for scope in _SCOPES:
        values = {name: scope.get(name, MISSING) for name in expression.references}
        for evaluate in (expression.evaluate, expression.predicate):
            try:
                value = evaluate(values)
            except EvaluationError as error:
                str(error)
                continue
            except RecursionError:
                return  # documented: Task.feed tells it
            assert isinstance(value, bool | int | float | str | Missing) or value is wrap(value)
            if isinstance(value, int):
                assert -(2**63) <= value < 2**63
    expression.copy().restore(expression.snapshot())
