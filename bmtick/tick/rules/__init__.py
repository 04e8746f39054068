"""Rules of the checker: one module each, with a function ``check(context)``.

The order of findings is that of the text, not of the rules.
"""

from __future__ import annotations

from bmtick.tick.context import Context
from bmtick.tick.rules import alerts, lambdas, nodes, queries, script

_RULES = (alerts, lambdas, nodes, queries, script)


def check_all(context: Context) -> None:
    """Run every rule."""
    for rule in _RULES:
        rule.check(context)
