import pytest

from bmtick.errors import BmtickError
from bmtick.tick.evaluate import fold
from bmtick.tick.types import Duration
from bmtick.tick.values import UNKNOWN

HUGE = 2**63 - 1


@pytest.mark.parametrize(
    ("left", "symbol", "right", "result"),
    [
        (7, "/", 2, 3),
        (-7, "/", 2, -3),
        (-7, "%", 2, -1),
        (HUGE, "+", 1, -HUGE - 1),
        (7.0, "/", 2.0, 3.5),
        (Duration(60), "*", 1.5, 90),
        ("a", "+", "b", "ab"),
        (1, "<", 2, True),
        (True, "AND", False, False),
        ("text", "*", HUGE, UNKNOWN),
        (HUGE, "*", "text", UNKNOWN),
        ([1], "*", HUGE, UNKNOWN),
        (1e308, "*", 1e308, UNKNOWN),
        (10**18, "*", 1e300, UNKNOWN),
        (Duration(10**18), "*", 1e300, -HUGE - 1),
        (Duration(60), "*", Duration(60), UNKNOWN),
        (Duration(90), "/", Duration(60), 1),
        (1.0, "/", 0.0, UNKNOWN),
        (UNKNOWN, "+", 1, UNKNOWN),
        (True, "+", 1, UNKNOWN),
    ],
)
def test_folds_as_64_bits_do(left, symbol, right, result):
    assert fold(symbol, left, right) == result


@pytest.mark.parametrize("symbol", "/%")
def test_an_integer_divided_by_zero_is_refused(symbol):
    with pytest.raises(BmtickError, match="divided by zero"):
        fold(symbol, 5, 0)
