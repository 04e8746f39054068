"""Types of the catalogue: alerts, their parameters, and the result of rendering."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

Form: TypeAlias = Literal["script", "template", "rule"]
FORMS: tuple[Form, ...] = ("script", "template", "rule")

Kind: TypeAlias = Literal["int", "float", "bool", "duration", "string", "list", "table"]


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value that an administrator may set; limits that are None or empty do not apply.

    Attributes:
        name: as in ``--set NAME=VALUE`` and in the settings.
        type: its type; durations are in nanoseconds.
        meaning: one sentence.
        unit: of numbers, for people.
        default: already of its type; None if the parameter has no default.
        min: the minimum; of a duration in nanoseconds.
        max: the maximum.
        choices: the allowed values, or the allowed items of a list.
        min_items: minimum number of items of a list.
        format: the name of a check in ``bmtick.alerts.formats``.
        variable: the TICKscript variable with its value; empty if it changes the script itself.
        fact: whether the alert's point has it as a field, for message and details.
        filter: the tag whose values it lists; points with other values are ignored.
        optional: whether it may be unset.
    """

    name: str
    type: Kind
    meaning: str
    unit: str = ""
    default: Any = None
    min: int | float | None = None
    max: int | float | None = None
    choices: tuple[str, ...] = ()
    min_items: int = 0
    format: str = ""
    variable: str = ""
    fact: bool = False
    filter: str = ""
    optional: bool = False


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How Chronograf's Alert Builder shows an alert.

    Attributes:
        trigger: the Builder's name of the trigger.
        func: the aggregate over the window; empty: each point is evaluated.
        field: the aggregated field.
        needs: required parameters, each with the reason.
        one_of: parameters or tags that must have a single value, each with the reason.
    """

    trigger: Literal["threshold", "deadman"]
    func: str = ""
    field: str = ""
    needs: dict[str, str] = {}
    one_of: dict[str, str] = {}


class Alert(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One alert of the catalogue: a folder with ``alert.tick.j2``, ``params.toml``, texts.

    Attributes:
        name: the folder's name.
        folder: its path.
        title: a few words.
        summary: one sentence: when it fires.
        measurement: the measurement that it reads.
        product: BlueMind's product, the first part of the alert id.
        group: its group-by tags; one alert state for each combination.
        parameters: by name, the alert's own first.
        also: files of ``_shared`` whose parameters it includes.
        without: parameters of all alerts that it does not have.
        id_tag: the tag in the alert id that distinguishes groups of one host.
        recommended: whether a first settings file enables it.
        culprit: the tag with the name of the sender; empty if it is about the whole server.
        batch: whether its script queries InfluxDB on a schedule instead of reading the stream.
        value: the expression that is compared with the thresholds; a field of its point.
        facts: more fields of its point, each with its expression.
        level_fields: fields that only its levels read.
        placeholders: more names for its texts, each with a Go template action.
        shell_quote: the tag that its texts use in a command.
        format: of its numbers, for Go's ``printf``.
        fixed_filter: tags and values that are never counted.
        trigger_type: its type in Chronograf's history.
        rule: how Chronograf's Alert Builder shows it; None if it cannot.
        rule_refused: why it cannot.
    """

    name: str
    folder: Path
    title: str
    summary: str
    measurement: str
    product: str
    group: tuple[str, ...]
    parameters: dict[str, Parameter]
    also: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()
    id_tag: str = ""
    recommended: bool = False
    culprit: str = ""
    batch: bool = False
    value: str = 'int("value")'
    facts: dict[str, str] = {}
    level_fields: tuple[str, ...] = ()
    placeholders: dict[str, str] = {}
    shell_quote: str = ""
    format: str = ""
    fixed_filter: dict[str, str] = {}
    trigger_type: Literal["threshold", "deadman"] = "threshold"
    rule: Rule | None = None
    rule_refused: str = ""


@dataclass(frozen=True)
class Rendered:
    """One alert as a TICKscript.

    Attributes:
        name: of the instance; the alert's own name unless the settings set another.
        alert: the alert of the catalogue.
        task_id: the task's id in Kapacitor.
        script: the TICKscript, in Kapacitor's canonical format.
        variables: for the form ``template``, Kapacitor's vars, ready for JSON; else empty.
        dbrps: the task's databases and retention policies.
        handlers: the kinds of handlers that it uses, including ``email``.
        form: the form of the script.
        values: the parameters that were used.
        made_by: the comment line of the script with the command that renders it.
    """

    name: str
    alert: Alert
    task_id: str
    script: str
    variables: dict[str, Any]
    dbrps: list[dict[str, str]]
    handlers: frozenset[str]
    form: Form
    values: dict[str, Any] = field(default_factory=dict)
    made_by: str = ""
