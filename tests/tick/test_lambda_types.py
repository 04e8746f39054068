from pathlib import Path

import pytest

from bmtick.tick.checker import check, has_errors
from bmtick.tick.flow import Measurement

RECORDED = (Path(__file__).parent / "cases" / "lambda_types.txt").read_text().splitlines()
SCHEMA = {"m": Measurement({"i": "int", "f": "float", "s": "string", "b": "bool"}, ("t",))}
# Types fit, but not the values that were sent: "abc" is no number, and 5 no bool.
VALUES = {
    *("bool(2)", 'bool("i")', 'bool("f")', 'bool("s")', 'duration("s", 1s)'),
    *('float("t")', 'float("s")', 'int("t")', "int('x')", 'int("s")'),
    'strSubstring("s", "i", "i")',
}


def script(expression: str) -> str:
    return (
        "stream\n    |from()\n        .measurement('m')\n"
        f"    |eval(lambda: {expression})\n        .as('r')\n    |log()\n"
    )


@pytest.mark.parametrize("start", range(0, len(RECORDED), 300))
def test_finds_exactly_what_fails_at_run_time(start):
    for line in RECORDED[start : start + 300]:
        verdict, expression = line.split(maxsplit=1)
        failed = verdict == "fails" and expression not in VALUES
        assert has_errors(check(script(expression), schema=SCHEMA)) == failed, expression
