"""The registry of node kinds: every module in ``bmtick.engine.nodes`` registers its kinds."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from bmtick.engine.arguments import completed, signature_of
from bmtick.tick.kinds import catalogue

if TYPE_CHECKING:
    from bmtick.engine.node import Node

_KINDS: dict[str, type[Node]] = {}


def register(kind: type[Node]) -> type[Node]:
    """Class decorator: register a node kind by the name of its chain method.

    Signatures and versions come from the language's table, so that checker and engine agree.
    """
    known = catalogue().kinds.get(kind.chain)
    if known is not None:
        if kind.signature is None:
            kind.signature = signature_of(known.signature)
        kind.properties = completed(kind.properties, known.properties)
        kind.since = known.since
    _KINDS[kind.chain] = kind
    return kind


@cache
def kinds() -> dict[str, type[Node]]:
    """Return all node kinds by the name of their chain method."""
    package = importlib.import_module("bmtick.engine.nodes")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return _KINDS


# Methods of Kapacitor that this engine does not support, with the reason for the user.
NOT_SUPPORTED: dict[str, str] = {
    "queryFlux": "the engine runs no Flux; .query() takes InfluxQL",
    "holtWinters": "a forecast of so few values says little; compare with |shift()ed ones",
    "holtWintersWithFit": "a forecast of so few values says little; compare with |shift()ed ones",
    "k8sAutoscale": "it acts on a cluster",
    "swarmAutoscale": "it acts on a cluster",
    "ec2Autoscale": "it acts on a cluster",
}
