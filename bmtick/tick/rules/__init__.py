"""The checker's rules: one module each, with a function ``check(context)``.

Findings are sorted by their position in the text, not by rule.
"""

from __future__ import annotations

from bmtick.tick.context import Context
from bmtick.tick.rules import alerts, lambdas, nodes, queries, script

_RULES = (alerts, lambdas, nodes, queries, script)


def check_all(context: Context) -> None:
    """Run every rule."""
    for rule in _RULES:
        rule.check(context)
