"""Run all checks in order; a check that fails with an error is reported, not raised."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from bmtick.doctor import checks
from bmtick.doctor.check import Check, off, skipped
from bmtick.doctor.context import Context
from bmtick.errors import BmtickError

_ABOVE = "fix the check above first"


def modules() -> list[ModuleType]:
    """Return the modules of all checks, in the order of the chain."""
    found = [
        importlib.import_module(f"{checks.__name__}.{module.name}")
        for module in pkgutil.iter_modules(checks.__path__)
    ]
    return sorted(found, key=lambda module: int(module.ORDER))


def examine(context: Context) -> Iterator[Check]:
    """Yield the result of each check, from the mail log to the alert mail."""
    for module in modules():
        name = module.__name__.rsplit(".", 1)[-1].replace("_", " ")
        if context.standalone and getattr(module, "TICK_STACK", False):
            yield off(name, "not in use: the settings name no [kapacitor], 'bmtick watch' does it")
            continue
        try:
            yield from module.run(context)
        except (OSError, BmtickError) as error:
            if isinstance(error, BmtickError):
                message, remedy = error.message, error.remedy or _ABOVE
            else:
                denied = isinstance(error, PermissionError)
                message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
                remedy = "sudo bmtick doctor" if denied else _ABOVE
            yield skipped(name, f"could not be looked at: {message}", remedy)
