"""Group-by dimensions: validation, and the tag names of a point.

Source: kapacitor ``group_by.go`` and ``pipeline/group_by.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bmtick.engine.messages import Tags
from bmtick.engine.node import DefinitionError
from bmtick.tick import ast


def check_dimensions(dimensions: Sequence[Any], excluded: Sequence[str]) -> None:
    """Check the arguments of ``groupBy`` and ``exclude``.

    Raises:
        DefinitionError: Kapacitor would refuse it.
    """
    star = any(isinstance(d, ast.Star) for d in dimensions)
    if "" in [d for d in dimensions if isinstance(d, str)]:
        raise DefinitionError("dimensions cannot be the empty string")
    if star and len(dimensions) > 1:
        raise DefinitionError("cannot group by both '*' and named dimensions")
    if excluded and not star:
        raise DefinitionError("exclude requires '*'")


class TagNames:
    """Computes the tag names for the group of a point."""

    __slots__ = ("excluded", "fixed")

    def __init__(self, dimensions: Iterable[Any], excluded: Sequence[str] = ()) -> None:
        names = [d for d in dimensions if isinstance(d, str)]
        self.excluded = frozenset(excluded)
        everything = any(isinstance(d, ast.Star) for d in dimensions)
        self.fixed = None if everything else tuple(sorted(names))

    def of(self, tags: Tags) -> tuple[str, ...]:
        """Return the names, sorted."""
        if self.fixed is not None:
            return self.fixed
        if self.excluded:
            return tuple(sorted(tag for tag in tags if tag not in self.excluded))
        return tuple(sorted(tags))
