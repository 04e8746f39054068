"""Rules of the checker: one module each, with a function ``check(context)``.

A rule is added by adding a module; the order of findings is that of the text, not of the rules.
"""

from __future__ import annotations

import importlib
import pkgutil

from bmtick.tick.context import Context


def check_all(context: Context) -> None:
    """Run every rule."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}").check(context)
