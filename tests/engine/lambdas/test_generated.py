"""The function made of a lambda says what the exact nodes say, value by value, type by type.

Both see the same points in the same order, as an expression remembers: stateful functions, and
operators that once met other types. Most expressions fit their types and most points are whole;
some of each are not.
"""

import math
from itertools import product
from random import Random

import pytest

from bmtick.engine.lambdas import MISSING, Duration, EvaluationError, Time, compile_lambda
from bmtick.engine.lambdas.operations import NotFastError
from bmtick.engine.predicate import Predicate, fill_scope
from bmtick.errors import BmtickError
from bmtick.tick.parser import parse_lambda

FIELDS = {"i": int, "j": int, "f": float, "g": float, "s": str, "b": bool}
TAGS = ("host", "queue")
ODD = (0, -1, 2**63 - 1, -(2**63), 0.0, -0.0, 1e308, float("inf"), "", "é", "a_b%", True, False)


class Lambdas:
    """Expressions of a wanted type."""

    def __init__(self, random):
        self.random = random

    def pick(self, *choices):
        choice = self.random.choice(choices)
        return choice() if callable(choice) else choice

    def some(self, kind, depth):
        if self.random.random() < 0.02:
            kind = self.random.choice("ifsbd")
        if depth <= 0:
            return self.leaf(kind)
        return getattr(self, f"{kind}_of")(depth - 1)

    def leaf(self, kind):
        return {
            "i": lambda: self.pick('"i"', '"j"', '"i"', "0", "1", "7", "9223372036854775807"),
            "f": lambda: self.pick('"f"', '"g"', '"f"', "0.5", "0.0", "2.0"),
            "s": lambda: self.pick('"s"', '"host"', '"queue"', "'a'", "''"),
            "b": lambda: self.pick('"b"', '"b"', "TRUE", "FALSE"),
            "d": lambda: self.pick("1s", "5m"),
        }[kind]()

    def i_of(self, d):
        def math():
            operator = self.pick("+", "-", "*", "/", "%", "%")
            right = self.pick("2", "3", lambda: self.some("i", d))
            return f"({self.some('i', d)} {operator} {right})"

        return self.pick(
            math,
            math,
            lambda: self.leaf("i"),
            lambda: f"-{self.leaf('i')}",
            lambda: f"(-({self.some('i', d)}))",
            lambda: f"int({self.some(self.pick('i', 'f', 'b'), d)})",
            lambda: f"if({self.some('b', d)}, {self.some('i', d)}, {self.some('i', d)})",
            "count()",
            lambda: f"strLength({self.some('s', d)})",
            lambda: f"({self.some('d', d)} / {self.some('d', d)})",
            'hour("time")',
        )

    def f_of(self, d):
        def math():
            operator = self.pick("+", "-", "*", "/")
            return f"({self.some('f', d)} {operator} {self.some('f', d)})"

        return self.pick(
            math,
            math,
            lambda: self.leaf("f"),
            lambda: f"-{self.leaf('f')}",
            lambda: f"float({self.some(self.pick('i', 'f', 'b'), d)})",
            lambda: f"if({self.some('b', d)}, {self.some('f', d)}, {self.some('f', d)})",
            lambda: f"sigma({self.some('f', d)})",
            lambda: f"spread({self.some('f', d)})",
            lambda: f"abs({self.some('f', d)})",
            lambda: f"max({self.some('f', d)}, {self.some('f', d)})",
        )

    def s_of(self, d):
        return self.pick(
            lambda: self.leaf("s"),
            lambda: f"({self.some('s', d)} + {self.some('s', d)})",
            lambda: f"string({self.some(self.pick('i', 'f', 's', 'b', 'd'), d)})",
            lambda: f"strReplace({self.some('s', d)}, '_', '%5F', -1)",
            lambda: f"strToUpper({self.some('s', d)})",
            lambda: f"if({self.some('b', d)}, {self.some('s', d)}, {self.some('s', d)})",
        )

    def b_of(self, d):
        def compare():
            left, right = self.pick("ii", "ff", "if", "fi", "ss", "dd")
            operator = self.pick("==", "!=", "<", ">", "<=", ">=")
            return f"({self.some(left, d)} {operator} {self.some(right, d)})"

        def both():
            return f"({self.some('b', d)} {self.pick('AND', 'OR')} {self.some('b', d)})"

        return self.pick(
            compare,
            compare,
            compare,
            both,
            both,
            lambda: self.leaf("b"),
            lambda: f"!{self.some('b', d)}",
            lambda: f'isPresent("{self.pick(*FIELDS, *TAGS)}")',
            lambda: f"({self.some('s', d)} {self.pick('=~', '!~')} /^a.*/)",
            lambda: f"bool({self.some('b', d)})",
        )

    def d_of(self, d):
        return self.pick(
            lambda: self.leaf("d"),
            lambda: f"({self.some('d', d)} {self.pick('+', '-')} {self.some('d', d)})",
            lambda: f"({self.some('d', d)} * {self.some(self.pick('i', 'f'), d)})",
            lambda: f"duration({self.some(self.pick('i', 'f'), d)}, 1s)",
            lambda: f"-{self.leaf('d')}",
        )


def points(random):
    """Points, of which about one in six lacks something or has another type somewhere."""
    plain = {
        int: lambda: random.randint(-4, 9),
        float: lambda: round(random.uniform(-3, 9), 1),
        str: lambda: random.choice(("a", "ab", "b_c")),
        bool: lambda: random.random() < 0.5,
    }
    for number in range(12):
        fields = {name: plain[kind]() for name, kind in FIELDS.items()}
        tags = {"host": "a_1", "queue": random.choice(("active", "hold"))}
        chance = random.random()
        if chance < 0.08:
            del fields[random.choice(tuple(FIELDS))]
        elif chance < 0.16:
            fields[random.choice(tuple(FIELDS))] = random.choice(ODD)
        elif chance < 0.2:
            del tags["queue"]
        elif chance < 0.22:
            tags["s"] = "both a field and a tag"
        elif chance < 0.24:
            fields["i"] = MISSING
        elif chance < 0.26:
            fields["d"] = Duration(5)
        yield fields, tags, 1_700_000_000_000_000_000 + number * 10**10


def outcome(call, *args):
    """Return a value with its type, or the error."""
    try:
        value = call(*args)
    except EvaluationError as error:
        return "error", error.message, error.panic
    except Exception as error:  # noqa: BLE001 -- both have to fail alike
        return "error", type(error).__name__, str(error)
    return type(value).__name__, repr(value)


def compiled(text):
    try:
        return compile_lambda(parse_lambda(text))
    except BmtickError:  # constants that no operator fits
        return None


def exactly(expression, decide, fields, tags, time):
    scope = {}
    fill_scope(scope, expression.references, fields, tags, time)
    return (expression.decide_exactly if decide else expression.evaluate_exactly)(scope)


def from_scope(expression, decide, fields, tags, time):
    scope = {}
    fill_scope(scope, expression.references, fields, tags, time)
    return (expression.predicate if decide else expression.evaluate)(scope)


def from_point(expression, decide):
    fast = expression.condition_of_point() if decide else expression.value_of_point()

    def call(fields, tags, time):
        try:
            value = fast(fields, tags, time)
        except Exception:  # noqa: BLE001 -- as every caller of it
            return exactly(expression, decide, fields, tags, time)
        call.fast += 1
        return value

    call.fast = 0
    return call


def compare(seed):
    """Run one lambda three ways over the same points; return how often the fast way sufficed."""
    random = Random(seed)
    decide = random.random() < 0.4
    made = Lambdas(random)
    text = made.some("b" if decide else random.choice("iifffssbd"), random.randint(1, 4))
    expressions = [compiled(text) for _ in range(3)]
    if expressions[0] is None:
        return 0
    one_pass = from_point(expressions[0], decide)
    for point in points(random):
        wanted = outcome(exactly, expressions[1], decide, *point)
        assert outcome(one_pass, *point) == wanted, (text, decide, point)
        assert outcome(from_scope, expressions[2], decide, *point) == wanted, (text, decide, point)
        assert repr(expressions[0].snapshot()) == repr(expressions[1].snapshot()), (
            text,
            decide,
            point,
        )
    return one_pass.fast


@pytest.mark.parametrize("start", range(0, 3000, 300))
def test_the_same_as_the_exact_nodes(start):
    fast = sum(compare(seed) for seed in range(start, start + 300))
    assert fast > 300 * 12 * 0.6  # or else this test looks at little


@pytest.mark.parametrize(
    "text",
    [
        '-"i" + -"j"',
        '(-"i" + -"j") * -"i"',
        'if("b", -"i" + -"j", 0)',
        'if(-"i" + -"j" > 0, "b", FALSE)',
        'if((-"i" + -"j") + -"i" > -"j", 1, 0)',
    ],
)
def test_operators_remember_the_types_that_they_met(text):
    """Kapacitor chooses an operation at first and learns of one side at a time, or fails for good."""
    for kinds in product(product((int, float), repeat=2), (True, 5), repeat=3):
        one_pass, exact = compiled(text), compiled(text)
        fast = from_point(one_pass, decide=False)
        for (i, j), b in zip(kinds[::2], kinds[1::2], strict=True):
            point = {"i": i(3), "j": j(-4), "b": b}, {}, 0
            assert outcome(fast, *point) == outcome(exactly, exact, False, *point), kinds


@pytest.mark.parametrize("value", [7, -7, 6, 0])
@pytest.mark.parametrize("by", [3, -3, 1, -1])
def test_what_is_left_has_the_sign_of_the_dividend(value, by):
    expression = compile_lambda(parse_lambda('"i" % n'), {"n": by})
    left = expression.value_of_point()({"i": value}, {}, 0)
    assert left == expression.evaluate_exactly({"i": value}) == math.fmod(value, by)


def test_a_time_is_that_of_the_point():
    expression = compiled('hour("time")')
    fields = {"time": 5}
    assert expression.value_of_point()(fields, {"time": "x"}, Time(7_200_000_000_000)) == 2


def test_a_deep_lambda_is_left_to_the_exact_nodes():
    text = '"i" > 5' + ' OR ("i" > 5' * 98 + ")" * 98
    predicate = Predicate(compiled(text))
    assert predicate({"i": 6}, {}, 0)
    assert not predicate({"i": 5}, {}, 0)
    with pytest.raises(NotFastError):
        predicate.expression.condition_of_point()({"i": 5}, {}, 0)
