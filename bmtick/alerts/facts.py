"""Fields of the alert's point for message, details and id, as expressions of one eval node."""

from __future__ import annotations

from dataclasses import dataclass

from bmtick.alerts.model import Alert
from bmtick.alerts.quoting import tick_string, tick_strings
from bmtick.alerts.resolve import Resolved

# POSIX quoting, evaluated by Kapacitor when the alert fires: plain names stay unquoted, all others
# get single quotes, in which a single quote becomes '\'' .
_PLAIN = "/^[A-Za-z0-9@._+][A-Za-z0-9@._+-]*$/"
_QUOTE, _QUOTED = tick_string("'"), tick_string("'\\''")
_SHELL = (
    f'if("{{tag}}" =~ {_PLAIN}, "{{tag}}", '
    f'{_QUOTE} + strReplace("{{tag}}", {_QUOTE}, {_QUOTED}, -1) + {_QUOTE})'
)
# BlueMind's console splits the id at '_'; a reversible escape keeps ids of groups distinct.
_PART = "strReplace(strReplace({tag}, '%', '%25', -1), '_', '%5F', -1)"
_LOCATION = 'if("datalocation" == \'\', "host", "datalocation")'


@dataclass(frozen=True)
class Facts:
    """The eval node's arguments for the script."""

    expressions: str
    names: str
    tags: str
    kept: str
    tag_names: list[str]


def facts(resolved: Resolved) -> Facts:
    """Return the fields of one alert's point."""
    alert = resolved.alert
    fields = {"value": alert.value}
    for name, parameter in alert.parameters.items():
        if parameter.fact and resolved.values[name] is not None:
            text = f"string({parameter.variable})"
            fields[name] = text if parameter.type == "duration" else parameter.variable
    if alert.shell_quote:
        fields["who"] = _SHELL.format(tag=alert.shell_quote)
    if not resolved.values.get("together"):
        fields |= alert.facts
    tags = {"location": _PART.format(tag=_LOCATION)}
    if resolved.alert.id_tag:
        tags["part"] = _PART.format(tag=f'"{resolved.alert.id_tag}"')
    both = {**fields, **tags}
    if resolved.alert.id_tag in fields:
        # Kapacitor replaces a result by the tag of the same name in every later expression.
        both[resolved.alert.id_tag] = both.pop(resolved.alert.id_tag)
    return Facts(
        ", ".join(f"lambda: {expression}" for expression in both.values()),
        tick_strings(both),
        tick_strings(tags),
        tick_strings([*fields, *_levels(resolved)]),
        list(tags),
    )


def _levels(resolved: Resolved) -> list[str]:
    """Return the fields that only the alert's levels read."""
    history = ["deviation", "record"] if resolved.values.get("sigma") is not None else []
    return [*resolved.alert.level_fields, *history]


def alert_id(resolved: Resolved) -> str:
    """Return the id template: PRODUCT_SUBID_DATALOCATION, as BlueMind's console splits it."""
    head = id_head(resolved.alert, resolved.instance)
    part = '-{{ index .Tags "part" }}' if resolved.alert.id_tag else ""
    return f'{head}{part}_{{{{ index .Tags "location" }}}}'


def id_head(alert: Alert, instance: str) -> str:
    """Return the prefix of the ids of one instance: PRODUCT_SUBID, with no other underscore."""
    name = instance.replace("_", "-")
    return f"{alert.product}_{name.removeprefix(f'{alert.product}-') or name}"
