"""Input and output of the functions: one value at one time, with its point."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from bmtick.engine.messages import BatchPoint

NO_TIME: Final = None
"""The time of a function that keeps none: the node then uses the time of its batch."""


class Sample(msgspec.Struct, frozen=True):
    """A value of a field.

    ``tags`` and ``fields`` are those of the whole point. In a result they are used if the function
    is a selector (all of both) or returns a batch (``tags``).
    """

    time: int | None
    value: Any
    tags: Mapping[str, str] = {}
    fields: Mapping[str, Any] = {}


class Reducer(ABC):
    """One running calculation; there is a new one for each batch or stream group.

    ``add_together``, if defined, adds all points of a batch and their values at once; the result is
    the same, but faster.
    """

    add_together: Callable[[Sequence[BatchPoint], Sequence[Any]], None] | None = None

    @abstractmethod
    def add(self, sample: Sample) -> None:
        """Add the next value, which has the reducer's type."""

    @abstractmethod
    def emit(self) -> list[Sample]:
        """Return the results so far."""
