"""What the catalogue is made of: alerts, their parameters, and the result of rendering one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

Form: TypeAlias = Literal["script", "template", "rule"]
FORMS: tuple[Form, ...] = ("script", "template", "rule")

Kind: TypeAlias = Literal["int", "float", "bool", "duration", "string", "list", "table"]


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value that an administrator may choose; limits that are None or empty do not hold.

    Attributes:
        name: as in ``--set NAME=VALUE`` and in the settings.
        type: its type; durations are held in nanoseconds.
        meaning: one sentence.
        unit: of numbers, for people.
        default: already of its type; None where the parameter is not set by default.
        min: the least value; of a duration in nanoseconds.
        max: the greatest value.
        choices: the only values, or the only items of a list.
        min_items: how many items a list needs.
        format: the name of a check in ``bmtick.alerts.formats``.
        variable: the TICKscript variable that holds it; empty where it shapes the script.
        fact: whether the alert's point carries it, for message and details.
        filter: the tag whose values it lists; points with other values are passed over.
        optional: whether it may be left unset.
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
    """How an alert looks in Chronograf's Alert Builder.

    Attributes:
        trigger: as the Builder names it.
        func: the aggregate over the window; empty: each point is judged.
        field: what is aggregated.
        needs: parameters that must be given, each with the reason.
        one_of: parameters or tags that must be limited to one value, each with the reason.
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
        folder: where it lives.
        title: a few words.
        summary: one sentence: when it fires.
        measurement: what it reads.
        product: BlueMind's product, the first part of the alert id.
        group: the tags that it keeps apart; one alert state for each combination.
        parameters: by name, the alert's own first.
        also: files of ``_shared`` whose parameters it has, too.
        without: parameters of all alerts that it has not.
        id_tag: the tag that tells groups of one host apart in the alert id.
        recommended: whether a first settings file switches it on.
        culprit: the tag that names the guilty one; empty where it is about the whole server.
        batch: whether its script asks InfluxDB on a schedule instead of reading the stream.
        value: the expression of what is judged, as its point carries it.
        facts: more fields of its point, each with its expression.
        level_fields: fields that only its levels read.
        placeholders: more names for its texts, each with the action of Go's templates.
        shell_quote: the tag that its texts name in a command.
        format: how its numbers are shown, for Go's ``printf``.
        fixed_filter: tags and values that never count.
        trigger_type: what Chronograf's history calls it.
        rule: how it looks in Chronograf's Alert Builder; None where it does not fit.
        rule_refused: why it does not fit.
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
        name: of the instance; the alert's own name unless the settings give another.
        alert: which alert of the catalogue.
        task_id: the task's id in Kapacitor.
        script: the TICKscript, in Kapacitor's canonical format.
        variables: for the form ``template``, Kapacitor's vars, ready for JSON; else empty.
        dbrps: what the task subscribes to.
        handlers: the kinds of handlers that it uses, ``email`` among them.
        form: in which form.
        values: the parameters that went in.
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
