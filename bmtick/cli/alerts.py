"""``bmtick alerts``: the catalogue, and the parameters of one alert."""

from __future__ import annotations

from typing import Any

import click

from bmtick.alerts import Alert, Parameter, catalogue, find
from bmtick.alerts.handlers import Handler, all_handlers
from bmtick.alerts.values import limits_text, show
from bmtick.cli._complete import alert_names
from bmtick.cli.common import format_option, print_json, print_table


@click.command("alerts")
@click.argument("name", required=False, shell_complete=alert_names)
@format_option
def command(name: str | None, output_format: str) -> None:
    """List the alerts of the catalogue; with NAME, the parameters of one.

    Set a parameter with 'bmtick render NAME --set PARAMETER=VALUE' or in the settings under
    [alerts.NAME].
    """
    if name is None:
        _list(output_format)
    else:
        _describe(find(name), output_format)


def _list(output_format: str) -> None:
    alerts = catalogue().values()
    if output_format == "json":
        print_json([_summary(alert) for alert in alerts])
        return
    rows = [
        (alert.name, _crit(alert), _window(alert), alert.measurement, alert.summary)
        for alert in alerts
    ]
    print_table(("alert", "crit", "window", "reads", "fires when"), rows)


def _describe(alert: Alert, output_format: str) -> None:
    parameters = alert.parameters.values()
    if output_format == "json":
        print_json(
            {
                **_summary(alert),
                "parameters": [_parameter(p) for p in parameters],
                "handlers": [_handler(h) for h in all_handlers().values()],
            }
        )
        return
    click.echo(f"{alert.name}: {alert.summary}\n")
    rows = [
        (
            p.name,
            p.type,
            p.unit,
            show(p, p.default),
            limits_text(p).removesuffix(f" {p.unit}"),  # the unit has its own column
            p.meaning,
        )
        for p in parameters
    ]
    print_table(("parameter", "type", "unit", "default", "limits", "meaning"), rows)
    click.echo("\nWho is told beside mail, as --set HANDLER.OPTION=VALUE or under [notify]:\n")
    handlers = [(h.name, ", ".join(h.options), h.meaning) for h in all_handlers().values()]
    print_table(("handler", "options", "meaning"), handlers)
    click.echo(f"\nRules for Chronograf's Alert Builder (--as rule): {_rule(alert)}")


def _rule(alert: Alert) -> str:
    return f"no: {alert.rule_refused}" if alert.rule_refused else "yes"


def _crit(alert: Alert) -> str:
    crit = alert.parameters.get("crit")
    return f"{show(crit, crit.default)} {crit.unit}".strip() if crit else "-"


def _window(alert: Alert) -> str:
    window = alert.parameters.get("window")
    return show(window, window.default) if window else "-"


def _summary(alert: Alert) -> dict[str, Any]:
    return {
        "name": alert.name,
        "title": alert.title,
        "summary": alert.summary,
        "measurement": alert.measurement,
        "group": list(alert.group),
        "recommended": alert.recommended,
        "culprit": alert.culprit,
        "crit": _crit(alert),
        "window": _window(alert),
        "rule": not alert.rule_refused,
        "rule_refused": alert.rule_refused,
    }


def _parameter(parameter: Parameter) -> dict[str, Any]:
    is_duration = parameter.type == "duration"
    return {
        "name": parameter.name,
        "type": parameter.type,
        "unit": parameter.unit,
        "default": show(parameter, parameter.default)
        if is_duration and parameter.default is not None
        else parameter.default,
        "min": show(parameter, parameter.min)
        if is_duration and parameter.min is not None
        else parameter.min,
        "max": show(parameter, parameter.max)
        if is_duration and parameter.max is not None
        else parameter.max,
        "choices": list(parameter.choices),
        "limits": limits_text(parameter),
        "optional": parameter.optional,
        "meaning": parameter.meaning,
    }


def _handler(handler: Handler) -> dict[str, Any]:
    return {
        "name": handler.name,
        "meaning": handler.meaning,
        "options": [_parameter(option) for option in handler.options.values()],
    }
