"""State of functions, vars, zones: what a recorded case cannot say."""

from zoneinfo import ZoneInfo

import pytest

from bmtick.engine.lambdas import Duration, EvaluationError, Time, compile_lambda
from bmtick.errors import BmtickError
from bmtick.tick.parser import parse_lambda


def build(text, variables=None, **options):
    return compile_lambda(parse_lambda(text), variables, **options)


def test_each_copy_has_its_own_state():
    first = build("count()")
    second = first.copy()
    assert [first.evaluate({}), first.evaluate({}), second.evaluate({})] == [1, 2, 1]


def test_state_survives_a_restart():
    before = build('sigma("x")')
    values = [1.0, 2.0, 4.0, 3.0]
    for value in values:
        before.evaluate({"x": value})
    after = build('sigma("x")')
    after.restore(before.snapshot())
    assert after.evaluate({"x": 9.5}) == before.evaluate({"x": 9.5})


def test_vars_take_the_place_of_identifiers():
    inner = parse_lambda('"value" > crit')
    expression = build('both AND isPresent("value")', {"both": inner, "crit": 3})
    assert expression.predicate({"value": 4})
    assert not expression.predicate({"value": 3})
    assert expression.references == ["value"]


def test_an_unknown_var_is_refused_with_its_place():
    with pytest.raises(BmtickError) as raised:
        build('"value" > crti', {"crit": 3})
    assert "did you mean 'crit'?" in str(raised.value)
    assert raised.value.location.column == 11


def test_hours_are_those_of_the_zone():
    time = Time(1_700_000_000 * 10**9)  # 2023-11-14 22:13:20 UTC, a Tuesday
    scope = {"time": time}
    assert build('hour("time")').evaluate(scope) == 22
    paris = ZoneInfo("Europe/Paris")
    assert build('hour("time")', zone=paris).evaluate(scope) == 23
    tokyo = ZoneInfo("Asia/Tokyo")
    assert build('weekday("time")', zone=tokyo).evaluate(scope) == 3


def test_now_is_the_callers_clock():
    assert build("unixNano(now())", now=lambda: 42).evaluate({}) == 42


def test_division_by_zero_is_a_panic_that_says_so():
    with pytest.raises(EvaluationError) as raised:
        build('"a" / 0 > 1').predicate({"a": 1})
    assert raised.value.panic


def test_a_node_whose_types_change_stays_broken_as_in_kapacitor():
    expression = build('-"a" + "b"')
    with pytest.raises(EvaluationError, match="TypeGuard"):
        expression.evaluate({"a": "x", "b": "y"})
    with pytest.raises(EvaluationError, match="mismatched type"):
        expression.evaluate({"a": 1, "b": 2})


def test_a_side_that_never_gives_its_type_is_a_panic_and_no_endless_loop():
    """Kapacitor calls itself until its stack is full, which takes the server down."""
    with pytest.raises(EvaluationError, match="stack overflow") as raised:
        build("(-'') =~ /a.*/").predicate({})
    assert raised.value.panic


def test_durations_multiply():
    assert build('"d" * 2').evaluate({"d": Duration(5)}) == Duration(10)


@pytest.mark.parametrize("text", ['j0("x")', 'yn(2, "x")'])
def test_bessel_functions_are_refused(text):
    with pytest.raises(BmtickError, match="is not supported"):
        build(text)
