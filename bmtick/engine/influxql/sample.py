"""What the functions take and give: one value at one time, with the point that it came from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from bmtick.engine.messages import BatchPoint

NO_TIME: Final = None
"""In place of a time where the function keeps none: the node then takes that of its batch."""


class Sample(msgspec.Struct, frozen=True):
    """A value of a field.

    ``tags`` and ``fields`` are those of the whole point. Of a result they count where the function
    is a selector (all of both) or gives a batch (``tags``).
    """

    time: int | None
    value: Any
    tags: Mapping[str, str] = {}
    fields: Mapping[str, Any] = {}


class Reducer(ABC):
    """One running calculation; a new one for each batch, or for each group of a stream.

    ``add_together``, where there is one, takes the points of a whole batch and their values at once,
    to the same effect, and faster.
    """

    add_together: Callable[[Sequence[BatchPoint], Sequence[Any]], None] | None = None

    @abstractmethod
    def add(self, sample: Sample) -> None:
        """Take the next value, of the type that the reducer was made for."""

    @abstractmethod
    def emit(self) -> list[Sample]:
        """Return the results so far."""
