"""The whole chain: every link's file is asked in turn; one that fails is told, not raised."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from bmtick.doctor import links
from bmtick.doctor.link import Link, off, unseen
from bmtick.doctor.world import World
from bmtick.errors import BmtickError

_ABOVE = "mend the links above first"


def modules() -> list[ModuleType]:
    """Return the modules of all links, in the order of the chain."""
    found = [
        importlib.import_module(f"{links.__name__}.{module.name}")
        for module in pkgutil.iter_modules(links.__path__)
    ]
    return sorted(found, key=lambda module: int(module.ORDER))


def examine(world: World) -> Iterator[Link]:
    """Yield what is found of each link, from the mail log to the alert mail."""
    for module in modules():
        name = module.__name__.rsplit(".", 1)[-1].replace("_", " ")
        if world.standalone and getattr(module, "TICK_STACK", False):
            yield off(name, "not in use: the settings name no [kapacitor], 'bmtick watch' does it")
            continue
        try:
            yield from module.look(world)
        except (OSError, BmtickError) as error:
            if isinstance(error, BmtickError):
                message, remedy = error.message, error.remedy or _ABOVE
            else:
                denied = isinstance(error, PermissionError)
                message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
                remedy = "sudo bmtick doctor" if denied else _ABOVE
            yield unseen(name, f"could not be looked at: {message}", remedy)
