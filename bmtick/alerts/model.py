"""What the catalogue is made of: alerts, their parameters, and the result of rendering one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

Form: TypeAlias = Literal["script", "template", "rule"]
FORMS: tuple[Form, ...] = ("script", "template", "rule")

Kind: TypeAlias = Literal["int", "float", "bool", "duration", "string", "list", "table"]


@dataclass(frozen=True)
class Limits:
    """What a value must keep to; ``None`` and empty: no limit.

    Attributes:
        min: the least value; of a duration in nanoseconds.
        max: the greatest value.
        choices: the only values, or the only items of a list.
        min_items: how many items a list needs.
        format: the name of a check in ``bmtick.alerts.formats``.
    """

    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] = ()
    min_items: int = 0
    format: str = ""


@dataclass(frozen=True)
class Parameter:
    """One value that an administrator may choose.

    Attributes:
        name: as in ``--set NAME=VALUE`` and in the settings.
        type: its type; durations are held in nanoseconds.
        unit: of numbers, for people.
        default: already of its type; None where the parameter is not set by default.
        meaning: one sentence.
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
    limits: Limits = Limits()
    variable: str = ""
    fact: bool = False
    filter: str = ""
    optional: bool = False


@dataclass(frozen=True)
class Alert:
    """One alert of the catalogue: a folder with ``alert.tick.j2``, ``params.toml``, texts.

    Attributes:
        name: the folder's name.
        title: a few words.
        summary: one sentence: when it fires.
        measurement: what it reads.
        product: BlueMind's product, the first part of the alert id.
        group: the tags that it keeps apart; one alert state for each combination.
        parameters: by name, the alert's own first.
        folder: where it lives.
        id_tag: the tag that tells groups of one host apart in the alert id.
        recommended: whether a first settings file switches it on.
        culprit: the tag that names the guilty one; empty where it is about the whole server.
        batch: whether its script asks InfluxDB on a schedule instead of reading the stream.
        rule_refused: why it does not fit Chronograf's Alert Builder; empty where it may.
        raw: the whole of ``params.toml``.
    """

    name: str
    title: str
    summary: str
    measurement: str
    product: str
    group: tuple[str, ...]
    parameters: dict[str, Parameter]
    folder: Path
    id_tag: str = ""
    recommended: bool = False
    culprit: str = ""
    batch: bool = False
    rule_refused: str = ""
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


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
