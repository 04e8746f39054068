"""Render an alert and its values to a TICKscript."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import jinja2

from bmtick.alerts import rule, schedule
from bmtick.alerts.declarations import Variable
from bmtick.alerts.error_place import with_section_place
from bmtick.alerts.facts import alert_id, facts, id_head
from bmtick.alerts.handlers import Handler, handler_lines
from bmtick.alerts.load import templates_folder
from bmtick.alerts.model import Alert, Form, Rendered
from bmtick.alerts.quoting import tick_reference, tick_string, tick_strings
from bmtick.alerts.resolve import Resolved, excluded, instances, resolve
from bmtick.alerts.text import Source, details, message, rule_source, script_source, texts
from bmtick.alerts.values import show
from bmtick.durations import format_duration
from bmtick.errors import BmtickError, Location, printable
from bmtick.influxql import quote_name, quote_text
from bmtick.names import GLOBAL_TAGS, TASK_PREFIX
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
        values: parameters and handlers as in TOML; missing ones have their defaults.
        instance: the name of the task, if not the alert's own.
        form: values in the script, a Kapacitor template with vars, or a rule of Chronograf.
        settings: language, ``[notify]`` and database; None: the defaults.

    Raises:
        BmtickError: an invalid value, or an alert that does not fit the form.
    """
    resolved = resolve(alert, values, instance=instance, settings=settings)
    text, variables = _rule(resolved) if form == "rule" else _script(resolved, form)
    return Rendered(
        name=resolved.instance,
        alert=alert,
        task_id=f"{TASK_PREFIX}{resolved.instance}",
        script=format_program(parse(text, file=f"{alert.name}/alert.tick.j2")),
        variables={v.name: v.json() for v in variables} if form == "template" else {},
        dbrps=[{"db": resolved.database, "rp": resolved.retention_policy}],
        handlers=_kinds(resolved),
        form=form,
        values=resolved.values,
        made_by=_made_by(resolved, form),
    )


def _script(resolved: Resolved, form: Form) -> tuple[str, list[Variable]]:
    variables = _variables(resolved)
    words = texts(resolved)
    source = script_source(resolved, words)
    # Message and details are the same in both forms: they contain fields, not values.
    fixed = [
        Variable("message", "string", message(source, words)),
        Variable("details", "string", _page(source, words)),
    ]
    lines = [v.typed() if form == "template" else v.baked() for v in variables]
    text = _environment().get_template(f"{resolved.alert.name}/alert.tick.j2")
    rendered = text.render(
        _context(resolved),
        header=_header(resolved, form),
        declarations="\n".join([*lines, *(v.baked() for v in fixed)]),
    )
    return rendered, variables


def _rule(resolved: Resolved) -> tuple[str, list[Variable]]:
    shape = rule.check_fits(resolved)
    words = texts(resolved)
    source = rule_source(resolved, rule.plain_values(resolved))
    variables = rule.variables(resolved, shape, message(source, words), _page(source, words))
    text = _environment().get_template("_shared/rule.tick.j2")
    rendered = text.render(
        header=_header(resolved, "rule"),
        declarations="\n".join(v.baked() for v in variables),
        rule=shape,
        extra_filter=rule.filters(resolved)[1],
        remind_every=_remind(resolved),
        recipients=tick_strings(resolved.values["recipients"]),
        handlers=_handlers(resolved),
    )
    return rendered, variables


def _page(source: Source, words: Mapping[str, Any]) -> str:
    page = _environment().get_template("_shared/details.html.j2")
    return page.render(details(source, words)).rstrip("\n")


def _remind(resolved: Resolved) -> str:
    every = resolved.values["remind_every"]
    return format_duration(every) if every else ""


def _handlers(resolved: Resolved) -> list[str]:
    return [line for h, options in resolved.handlers for line in handler_lines(h, options)]


def desired(settings: Settings, *, form: Form = "script", per_host: bool = False) -> list[Rendered]:
    """Render every alert that the settings enable, in their order.

    Args:
        settings: the settings.
        form: of the scripts.
        per_host: whether alerts that sum all hosts evaluate each host, as on a single host.

    Raises:
        BmtickError: an invalid value, or two alerts with the same id.
    """
    found = []
    heads: dict[str, str] = {}
    for name, (alert, given) in instances(settings).items():
        other = heads.setdefault(id_head(alert, name), name)
        if other != name:
            message = f"its alerts would have the ids of [alerts.{other}]"
            raise with_section_place(
                settings, name, BmtickError(message, remedy="give it another name")
            )
        try:
            values = {key: v for key, v in given.items() if not per_host or key != "together"}
            found.append(render(alert, values, instance=name, form=form, settings=settings))
        except BmtickError as error:
            raise with_section_place(settings, name, error) from None
    return found


def require_recipients(settings: Settings, rendered: Iterable[Rendered]) -> None:
    """Reject alerts that would send mail to the address of the catalogue's example.

    Raises:
        BmtickError: there is no recipient; says which key to set.
    """
    for alert in rendered:
        named = settings.notify.recipients or "recipients" in settings.alerts.get(alert.name, {})
        if "email" in alert.handlers and not named:
            raise BmtickError(
                f"[alerts.{alert.name}] would notify nobody: no recipient is named",
                location=Location(settings.path) if settings.path else None,
                remedy='set recipients = ["YOU@YOUR.DOMAIN"] under [notify]',
            )


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
        autoescape=False,  # noqa: S701 -- no HTML: each value is quoted for its target
    )
    environment.filters["tick"] = tick_string
    return environment


def _context(resolved: Resolved) -> dict[str, Any]:
    return {
        "p": resolved.values,
        "group": tick_strings(_group(resolved)),
        "facts": facts(resolved),
        "schedule": schedule.condition(resolved.values),
        "id": alert_id(resolved),
        "reset_by": _reset_by(resolved),
        "handlers": _handlers(resolved),
        "trigger_type": resolved.alert.trigger_type,
    }


def _group(resolved: Resolved) -> tuple[str, ...]:
    """Return the alert's group-by tags; without host if hosts are summed."""
    if not resolved.values.get("together"):
        return resolved.alert.group
    return tuple(tag for tag in resolved.alert.group if tag not in GLOBAL_TAGS)


def _variables(resolved: Resolved) -> list[Variable]:
    found = [Variable("name", "string", resolved.instance), *_source(resolved)]
    for name, parameter in resolved.alert.parameters.items():
        value = resolved.values[name]
        if parameter.variable and value is not None and value != []:
            if name == "sigma_least" and resolved.values["sigma"] is None:
                continue  # Kapacitor accepts it, but an unused variable is misleading
            # a barrier and a query reject zero
            must = parameter.name in ("window", "forget_after", "every")
            found.append(
                Variable(parameter.variable, parameter.type, value, parameter.meaning, must)
            )
    if awake := schedule.condition(resolved.values):
        found.append(Variable("activeTime", "lambda", awake, "When the alert is awake."))
    return found


def _measurement(resolved: Resolved) -> str:
    return str(resolved.values.get("measurement", resolved.alert.measurement))


def _reset_by(resolved: Resolved) -> str:
    """Return the value below which a firing alert recovers; empty: its threshold."""
    values = resolved.values
    if values.get("reset") is not None:
        return "reset"
    if "gauges" in resolved.alert.also:
        return "crit / 2"  # evidence fluctuates during a wave: one incident, one mail
    return "sigmaLeast" if values.get("sigma") is not None else ""


def _source(resolved: Resolved) -> list[Variable]:
    """Return the source and the filter of points: of the stream, or by a query."""
    place = (resolved.database, resolved.retention_policy, _measurement(resolved))
    if resolved.alert.batch:
        condition = _filter(resolved, equal="=", text=quote_text)
        return [
            Variable("source", "string", ".".join(quote_name(name) for name in place)),
            Variable("whereFilter", "string", condition or "time > 0"),
        ]
    names = ("db", "rp", "measurement")
    return [
        *(Variable(name, "string", text) for name, text in zip(names, place, strict=True)),
        Variable("whereFilter", "lambda", _filter(resolved) or "TRUE"),
    ]


def _filter(
    resolved: Resolved, *, equal: str = "==", text: Callable[[str], str] = tick_string
) -> str:
    def one_of(tag: str, values: list[str]) -> str:
        terms = [f"({tick_reference(tag)} {equal} {text(value)})" for value in values]
        return terms[0] if len(terms) == 1 else f"({' OR '.join(terms)})"

    terms = []
    for tag, value in resolved.values["where"].items():
        terms.append(one_of(tag, value if isinstance(value, list) else [value]))
    for name, parameter in resolved.alert.parameters.items():
        every = set(parameter.choices)
        if parameter.filter and set(resolved.values[name]) != every:
            terms.append(one_of(parameter.filter, resolved.values[name]))
    terms += [f"({tick_reference(t)} != {text(v)})" for t, v in excluded(resolved)]
    return " AND ".join(terms)


def _kinds(resolved: Resolved) -> frozenset[str]:
    kinds = {handler.name for handler, _ in resolved.handlers}
    return frozenset(kinds | ({"email"} if resolved.values["recipients"] else set()))


def _sets(handler: Handler, options: Mapping[str, Any]) -> list[str]:
    sets = [
        f"{handler.name}.{name}={show(handler.option(name), value)}"
        for name, value in options.items()
    ]
    return [word for text in sets or [f"{handler.name}=true"] for word in ("--set", text)]


def _header(resolved: Resolved, form: Form) -> str:
    """Return comment lines about the script's origin, in which no value can end the comment."""
    return "\n".join(
        [
            _comment(f"{resolved.alert.title}. {resolved.alert.summary}"),
            _made_by(resolved, form),
            _comment("Change the settings and render again; changes to this file are lost."),
        ]
    )


def _made_by(resolved: Resolved, form: Form) -> str:
    command = ["bmtick", "render", resolved.alert.name]
    for name, parameter in resolved.alert.parameters.items():
        if resolved.values[name] not in (parameter.default, None):
            command += ["--set", f"{name}={show(parameter, resolved.values[name])}"]
    for handler, options in resolved.handlers:
        command += _sets(handler, options)
    if form != "script":
        command += ["--as", form]
    return _comment(f"Made by: {shlex.join(command)}")


def _comment(text: str) -> str:
    return f"// {printable(text)}"
