"""From an alert and its values to a TICKscript."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import cache
from typing import Any

import jinja2

from bmtick.alerts import schedule
from bmtick.alerts.declarations import Variable
from bmtick.alerts.facts import alert_id, facts
from bmtick.alerts.handlers import handler_lines
from bmtick.alerts.load import templates_folder
from bmtick.alerts.model import Alert, Form, Rendered
from bmtick.alerts.quoting import tick_reference, tick_string, tick_strings
from bmtick.alerts.resolve import Resolved, in_section, instances, resolve
from bmtick.alerts.text import details, message, texts
from bmtick.alerts.values import show
from bmtick.errors import BmtickError, printable
from bmtick.names import TASK_PREFIX
from bmtick.settings import Settings
from bmtick.tick.formatter import format_program
from bmtick.tick.parser import parse


def render(
    alert: Alert,
    values: Mapping[str, Any],
    *,
    instance: str = "",
    form: Form = "script",
    settings: Settings | None = None,
) -> Rendered:
    """Render one alert.

    Args:
        alert: of the catalogue.
        values: parameters and handlers as TOML gives them; what is missing has its default.
        instance: the name of the task where it is not the alert's own.
        form: values baked in, a Kapacitor template with vars, or a rule of Chronograf.
        settings: language, ``[notify]`` and database; None: the defaults.

    Raises:
        BmtickError: a wrong value, or an alert that does not fit the form.
    """
    resolved = resolve(alert, values, instance=instance, settings=settings)
    variables = _variables(resolved)
    baked = form != "template"
    declarations = "\n".join(v.baked() if baked else v.typed() for v in variables)
    words = texts(resolved)
    body = _environment().get_template(f"{alert.name}/alert.tick.j2")
    text = body.render(
        _context(resolved),
        header=_header(resolved, form),
        declarations=f"{declarations}\n{_texts(resolved, words)}",
    )
    return Rendered(
        name=resolved.instance,
        alert=alert,
        task_id=f"{TASK_PREFIX}{resolved.instance}",
        script=format_program(parse(text, file=f"{alert.name}/alert.tick.j2")),
        variables={} if baked else {v.name: v.json() for v in variables},
        dbrps=[{"db": resolved.database, "rp": resolved.retention_policy}],
        handlers=_kinds(resolved),
        form=form,
        values=resolved.values,
    )


def desired(settings: Settings, *, form: Form = "script") -> list[Rendered]:
    """Render every alert that the settings enable, in their order."""
    found = []
    for name, (alert, given) in instances(settings).items():
        try:
            found.append(render(alert, given, instance=name, form=form, settings=settings))
        except BmtickError as error:
            raise in_section(settings, name, error) from None
    return found


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_folder()),
        undefined=jinja2.StrictUndefined,
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 -- no HTML: each value is quoted for its place
    )
    environment.filters["tick"] = tick_string
    return environment


def _context(resolved: Resolved) -> dict[str, Any]:
    return {
        "p": resolved.values,
        "group": tick_strings(resolved.alert.group),
        "facts": facts(resolved),
        "schedule": schedule.condition(resolved.values),
        "id": alert_id(resolved),
        "reset_by": _reset_by(resolved.values),
        "handlers": [
            line for h, options in resolved.handlers for line in handler_lines(h, options)
        ],
        "trigger_type": resolved.alert.raw.get("trigger_type", "threshold"),
    }


def _variables(resolved: Resolved) -> list[Variable]:
    found = [
        Variable("name", "string", resolved.instance),
        Variable("db", "string", resolved.database),
        Variable("rp", "string", resolved.retention_policy),
        Variable("measurement", "string", _measurement(resolved)),
        Variable("whereFilter", "lambda", _filter(resolved)),
    ]
    for name, parameter in resolved.alert.parameters.items():
        value = resolved.values[name]
        if parameter.variable and value is not None and value != []:
            if name == "sigma_least" and resolved.values["sigma"] is None:
                continue  # Kapacitor warns of nothing, but a variable nobody reads misleads
            found.append(Variable(parameter.variable, parameter.type, value, parameter.meaning))
    if awake := schedule.condition(resolved.values):
        found.append(Variable("activeTime", "lambda", awake, "When the alert is awake."))
    return found


def _texts(resolved: Resolved, words: Mapping[str, Any]) -> str:
    """Message and details are the same in every form: they name no value, only fields."""
    page = _environment().get_template("_shared/details.html.j2")
    html = page.render(details(resolved, words)).rstrip("\n")
    subject = Variable("message", "string", message(resolved, words))
    body = Variable("details", "string", html)
    return f"{subject.baked()}\n{body.baked()}"


def _measurement(resolved: Resolved) -> str:
    return str(resolved.values.get("measurement", resolved.alert.measurement))


def _reset_by(values: Mapping[str, Any]) -> str:
    """The variable below which a standing alert is over; empty: below its own threshold."""
    if values.get("reset") is not None:
        return "reset"
    return "sigmaLeast" if values.get("sigma") is not None else ""


def _filter(resolved: Resolved) -> str:
    terms = []
    for tag, value in resolved.values["where"].items():
        terms.append(_one_of(tag, value if isinstance(value, list) else [value]))
    for name, parameter in resolved.alert.parameters.items():
        every = set(parameter.limits.choices)
        if parameter.filter and set(resolved.values[name]) != every:
            terms.append(_one_of(parameter.filter, resolved.values[name]))
    for tag, value in resolved.alert.raw.get("fixed_filter", {}).items():
        terms.append(f"({tick_reference(tag)} != {tick_string(value)})")
    return " AND ".join(terms) or "TRUE"


def _one_of(tag: str, values: list[str]) -> str:
    terms = [f"({tick_reference(tag)} == {tick_string(value)})" for value in values]
    return terms[0] if len(terms) == 1 else f"({' OR '.join(terms)})"


def _kinds(resolved: Resolved) -> frozenset[str]:
    kinds = {handler.name for handler, _ in resolved.handlers}
    return frozenset(kinds | ({"email"} if resolved.values["recipients"] else set()))


def _header(resolved: Resolved, form: Form) -> str:
    """Say what made the script, in comment lines that no value can break out of."""
    command = ["bmtick", "render", resolved.alert.name]
    for name, parameter in resolved.alert.parameters.items():
        if resolved.values[name] not in (parameter.default, None):
            command += ["--set", f"{name}={show(parameter, resolved.values[name])}"]
    if form != "script":
        command += ["--as", form]
    lines = [
        f"{resolved.alert.title}. {resolved.alert.summary}",
        f"Made by: {shlex.join(command)}",
        "Change the settings and render again; changes to this file are lost.",
    ]
    return "\n".join(f"// {printable(line)}" for line in lines)
