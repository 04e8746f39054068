"""What is known of the data that leaves a node: its fields, tags and groups."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from bmtick import names
from bmtick.tick.lambda_types import NO_TYPE


@dataclass(frozen=True, slots=True)
class Measurement:
    """The schema of a measurement: types of its fields, and its tags."""

    fields: Mapping[str, str]
    tags: Collection[str] = ()


Schema = Mapping[str, Measurement]

KNOWN: Schema = MappingProxyType(
    {
        name: Measurement(fields, (*names.TAGS[name], *names.GLOBAL_TAGS))
        for name, fields in names.FIELDS.items()
    }
)
"""The measurements that bmtick itself collects, and those of Telegraf that it reads."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Fields and tags that a point has. Where ``more_fields`` or ``more_tags``, it may have others.

    ``added`` are the tags that nodes have added to those of the measurement. ``groups`` is None where the groups are not known (``groupBy(*)``, a var of the template).
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    more_fields: bool = True
    more_tags: bool = True
    groups: frozenset[str] | None = frozenset()
    measurement: str = ""
    added: frozenset[str] = frozenset()

    def type_of(self, name: str) -> str:
        """Return the type of a field or tag, or NO_TYPE where it is not known."""
        if name == "time":
            return "time"
        if name in self.fields:
            return self.fields[name]
        return "string" if name in self.tags else NO_TYPE

    def has(self, name: str) -> bool:
        """Say whether there may be such a field or tag."""
        known = name in self.fields or name in self.tags or name == "time"
        return known or self.more_fields or self.more_tags

    def with_fields(self, fields: Mapping[str, str]) -> Flow:
        """Return the flow with more fields."""
        return replace(self, fields={**self.fields, **fields})

    def with_tags(self, tags: Collection[str]) -> Flow:
        """Return the flow with tags that a node adds."""
        return replace(self, tags=self.tags | set(tags), added=self.added | set(tags))

    def without(self, fields: Collection[str], tags: Collection[str]) -> Flow:
        """Return the flow without some fields and tags."""
        left = {name: type_ for name, type_ in self.fields.items() if name not in fields}
        return replace(self, fields=left, tags=self.tags - frozenset(tags))

    def only(self, fields: Mapping[str, str]) -> Flow:
        """Return what an aggregation leaves: these fields, and the tags of the group."""
        return Flow(
            dict(fields),
            (self.groups or frozenset()) | self.added,
            more_fields=False,
            more_tags=self.groups is None,
            groups=self.groups,
            measurement=self.measurement,
            added=self.added,
        )


def of_measurement(schema: Schema, name: str) -> Flow:
    """Return the flow of a measurement: closed where the schema knows it."""
    known = schema.get(name)
    if known is None:
        return Flow(measurement=name)
    return Flow(
        dict(known.fields),
        frozenset(known.tags),
        more_fields=False,
        more_tags=False,
        measurement=name,
    )
