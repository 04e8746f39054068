"""Rules that Chronograf's Alert Builder can edit, for alerts of the form that it supports.

Source: influxdata/chronograf ``kapacitor/ast.go`` (what it recognises) and ``vars.go``,
``data.go``, ``triggers.go`` (what it writes): one field, one aggregate, one threshold.
"""

from __future__ import annotations

from bmtick.alerts.declarations import Variable
from bmtick.alerts.facts import id_head
from bmtick.alerts.model import Rule
from bmtick.alerts.quoting import tick_reference, tick_string
from bmtick.alerts.resolve import Resolved, excluded
from bmtick.alerts.values import show
from bmtick.durations import format_duration
from bmtick.errors import BmtickError

# Not supported by the Builder; it would lose these when it saves the rule.
_NOT_IN_BUILDER = ("warn", "reset", "sigma", "active_hours", "active_days", "maintenance")
_SCRIPT = "render it --as script"


def check_fits(resolved: Resolved) -> Rule:
    """Return the alert's form in the Alert Builder, or refuse what it cannot express.

    Raises:
        BmtickError: says what does not fit, and why.
    """
    alert, values = resolved.alert, resolved.values
    if alert.rule is None:
        raise _refused(resolved, alert.rule_refused)
    for name in _NOT_IN_BUILDER:
        if values.get(name):
            raise _refused(resolved, f"the Builder has no '{name}'", f"leave it out, or {_SCRIPT}")
    for name, reason in alert.rule.one_of.items():
        if len(_chosen(resolved, name)) != 1:
            raise _refused(resolved, reason, f"choose one, or {_SCRIPT}")
    for name, reason in alert.rule.needs.items():
        if not values[name]:
            raise _refused(resolved, reason, f"--set {name}=..., or {_SCRIPT}")
    for tag, text in [*_terms(resolved), *excluded(resolved)]:
        if set(text) & {"'", '"'}:
            raise _refused(
                resolved,
                f"the Builder cannot read back the value of '{tag}', which holds a quote",
                _SCRIPT,
            )
    return alert.rule


def _refused(resolved: Resolved, reason: str, remedy: str = _SCRIPT) -> BmtickError:
    return BmtickError(
        f"'{resolved.alert.name}' does not fit Chronograf's Alert Builder: {reason}", remedy=remedy
    )


def _chosen(resolved: Resolved, name: str) -> list[str]:
    """Return the values that a list parameter, or a tag of ``where``, is limited to."""
    value = resolved.values.get(name, resolved.values["where"].get(name, []))
    return value if isinstance(value, list) else [value]


def _terms(resolved: Resolved) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for tag, value in resolved.values["where"].items():
        pairs += [(tag, v) for v in (value if isinstance(value, list) else [value])]
    for name, parameter in resolved.alert.parameters.items():
        if parameter.filter and len(resolved.values[name]) < len(parameter.choices):
            pairs += [(parameter.filter, v) for v in resolved.values[name]]
    return pairs


def _equal(resolved: Resolved) -> str:
    """Return the filter in the Builder's order: values under OR, tags under AND, sorted."""
    tags: dict[str, list[str]] = {}
    for tag, value in _terms(resolved):
        tags.setdefault(tag, []).append(f"{tick_reference(tag)} == {tick_string(value)}")
    return " AND ".join(sorted(f"({' OR '.join(terms)})" for terms in tags.values()))


def _unequal(resolved: Resolved) -> str:
    terms = [f"({tick_reference(t)} != {tick_string(v)})" for t, v in excluded(resolved)]
    return " AND ".join(terms)


def filters(resolved: Resolved) -> tuple[str, str]:
    """Return whereFilter, and the filter that needs a node of its own.

    The Builder allows only one operator in whereFilter; if there are two, the exclusion of folded
    series is the one that a saved rule may lose.
    """
    equal, unequal = _equal(resolved), _unequal(resolved)
    if equal:
        return equal, unequal
    return unequal or "TRUE", ""


def variables(resolved: Resolved, shape: Rule, message: str, details: str) -> list[Variable]:
    """Return the variables in the Builder's order.

    Args:
        resolved: the alert.
        shape: the result of ``check_fits``.
        message: a Go text/template.
        details: a Go html/template; the Builder does not escape its quotes when it saves.
    """
    values = resolved.values
    found = [
        Variable("db", "string", resolved.database),
        Variable("rp", "string", resolved.retention_policy),
        Variable("measurement", "string", values.get("measurement", resolved.alert.measurement)),
        Variable("groupBy", "list", list(resolved.alert.group)),
        Variable("whereFilter", "lambda", filters(resolved)[0]),
    ]
    if shape.func or shape.trigger == "deadman":
        found.append(Variable("period", "duration", values["window"]))
    if shape.func:
        found.append(Variable("every", "duration", 0, "0s: each point is judged at once."))
    texts = {
        "name": resolved.instance,
        "idVar": rule_id(resolved),
        "message": message,
        "idTag": "alertID",
        "levelTag": "level",
        "messageField": "message",
        "durationField": "duration",
        "outputDB": "chronograf",
        "outputRP": "autogen",
        "outputMeasurement": "alerts",
        "triggerType": shape.trigger,
        "details": details.replace("'", "&#39;"),
    }
    found += [Variable(name, "string", text) for name, text in texts.items()]
    if shape.trigger == "deadman":
        return [*found, Variable("threshold", "float", 0.0)]
    return [*found, Variable("crit", resolved.alert.parameters["crit"].type, values["crit"])]


def rule_id(resolved: Resolved) -> str:
    """Return the alert id in BlueMind's form, from unescaped tags: a rule cannot escape them."""
    tag = resolved.alert.id_tag
    part = f'-{{{{ index .Tags "{tag}" }}}}' if tag else ""
    head = id_head(resolved.alert, resolved.instance)
    return f'{head}{part}_{{{{ index .Tags "datalocation" }}}}'


def plain_values(resolved: Resolved) -> dict[str, str]:
    """Return fixed text for a rule's texts, because a rule's points have no extra fields."""
    found = {}
    for name, parameter in resolved.alert.parameters.items():
        if parameter.fact and resolved.values[name] is not None:
            found[name] = show(parameter, resolved.values[name])
    if "crit" in found:
        found["threshold"] = found["crit"]
    else:
        found["threshold"] = format_duration(resolved.values["window"])
    return found
