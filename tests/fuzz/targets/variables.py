"""A vars file: variables for the checker and the engine, or a refusal."""

from bmtick.engine import load_task
from bmtick.tick.checker import check
from bmtick.tick.variables import load_variables

SEEDS = ["tests/fuzz/seeds/variables/*"]

_SCRIPT = """
var crit = 5
var text = 'x'
var where lambda
var every duration
var groups list
var pattern regex
stream|from().measurement('m').groupBy(groups).where(where)
    |window().period(every).every(every)
    |count('value')
    |alert().crit(lambda: "count" > crit AND "host" =~ pattern).id(text).message(text)
"""


def fuzz(data: bytes) -> None:
    """Read the file, then check and load a script with it."""
    text = data.decode("utf-8", "replace")
    variables = load_variables(text, file="x.json")
    for finding in check(_SCRIPT, variables=variables):
        str(finding)
    load_task(_SCRIPT, file="x.tick", name="x", variables=variables, variables_file="x.json")
