"""Resolve settings and options to the checked values of one alert, before rendering."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bmtick.alerts.assign import merged, unknown
from bmtick.alerts.error_place import with_notify_place, with_section_place
from bmtick.alerts.handlers import Handler, all_handlers, check_handler
from bmtick.alerts.load import catalogue, find
from bmtick.alerts.model import Alert
from bmtick.alerts.quoting import tick_reference
from bmtick.alerts.values import about, check_value, show
from bmtick.errors import BmtickError, nearest
from bmtick.names import GLOBAL_TAGS, TAGS
from bmtick.settings import Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NOT_PARAMETERS = ("use", "enabled")


@dataclass(frozen=True)
class Resolved:
    """The input of rendering: typed values, and handlers with their options."""

    alert: Alert
    instance: str
    values: dict[str, Any]
    given: dict[str, Any]
    handlers: list[tuple[Handler, dict[str, Any]]]
    database: str
    retention_policy: str


def resolve(
    alert: Alert, given: Mapping[str, Any], *, instance: str = "", settings: Settings | None = None
) -> Resolved:
    """Check the values of one alert and add the defaults.

    Args:
        alert: of the catalogue.
        given: parameters and handlers as in TOML; they take precedence over the settings.
        instance: its name, if not the alert's own.
        settings: language, ``[notify]`` and the database; None: the defaults.

    Raises:
        BmtickError: an unknown name, an invalid value, or contradictory values.
    """
    settings = settings or Settings()
    name = instance or alert.name
    if not _NAME.fullmatch(name):
        raise BmtickError(
            f"'{name}' cannot name a task of Kapacitor",
            remedy="at most 100 of letters, digits, '-', '_' and '.', a letter or digit first",
        )
    for key in given:
        if key not in alert.parameters and key not in all_handlers():
            raise unknown(alert, key)
    values = _values(alert, given, settings)
    _check_consistent(values, alert)
    for choice in ("where", "unless"):
        _check_tags(alert, choice, values[choice])
    database = settings.influxdb.database
    policy = settings.influxdb.retention_policy
    handlers = _handlers(given, settings)
    return Resolved(alert, name, values, dict(given), handlers, database, policy)


def instances(settings: Settings) -> dict[str, tuple[Alert, dict[str, Any]]]:
    """Return alert and given values of every enabled ``[alerts.NAME]``.

    Raises:
        BmtickError: a section that names no alert of the catalogue.
    """
    found = {}
    for name, section in settings.alerts.items():
        if not isinstance(section.get("enabled", True), bool):
            error = BmtickError(
                "'enabled' is not true or false",
                remedy="write true or false, without quotes",
                key=("enabled",),
            )
            raise with_section_place(settings, name, error)
        if section.get("enabled", True):
            found[name] = _instance(settings, name, section)
    return found


def instance_of(settings: Settings, name: str) -> tuple[Alert, dict[str, Any]]:
    """Return alert and given values of a name in the settings, or else in the catalogue."""
    if name in settings.alerts:
        return _instance(settings, name, settings.alerts[name])
    if name not in catalogue() and (hint := nearest(name, settings.alerts)):
        raise BmtickError(f"there is no alert '{name}'", remedy=hint)
    return find(name), {}


def _instance(
    settings: Settings, name: str, section: Mapping[str, Any]
) -> tuple[Alert, dict[str, Any]]:
    use = section.get("use", name)
    if not isinstance(use, str) or use not in catalogue():
        hint = nearest(str(use), catalogue()) or 'name one with: use = "ALERT"'
        raise with_section_place(
            settings, name, BmtickError(f"there is no alert '{use}'", remedy=hint)
        )
    given = {key: value for key, value in section.items() if key not in _NOT_PARAMETERS}
    return catalogue()[use], given


def _values(alert: Alert, given: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    defaults: dict[str, Any] = {"language": settings.language}
    if settings.notify.recipients:
        defaults["recipients"] = settings.notify.recipients
    elif _handlers(given, settings):
        defaults["recipients"] = []  # other handlers are set: the example's address is not needed
    values: dict[str, Any] = {}
    for name, parameter in alert.parameters.items():
        if name in given:
            values[name] = check_value(parameter, given[name])
        elif name in defaults:
            try:
                values[name] = check_value(parameter, defaults[name])
            except BmtickError as error:
                raise with_notify_place(settings, name, error) from None
        elif parameter.default is None and not parameter.optional:
            remedy = f"--set {name}=VALUE"
            raise BmtickError(f"parameter '{name}' has no default", remedy=remedy, key=(name,))
        else:
            values[name] = parameter.default
    return values


def _handlers(given: Mapping[str, Any], settings: Settings) -> list[tuple[Handler, dict[str, Any]]]:
    notify = {
        name: getattr(settings.notify, name)
        for name in all_handlers()
        if getattr(settings.notify, name, None) is not None
    }
    own = {name: value for name, value in given.items() if name in all_handlers()}
    wanted = merged(notify, own)
    found = []
    for name, handler in all_handlers().items():
        try:
            found += [(handler, options) for options in check_handler(handler, wanted.get(name))]
        except BmtickError as error:
            raise error if name in own else with_notify_place(settings, name, error) from None
    if settings.notify.bluemind:
        post = all_handlers()["post"]
        try:
            found += [(post, o) for o in check_handler(post, {"url": settings.notify.bluemind})]
        except BmtickError as error:
            raise with_notify_place(settings, "bluemind", error) from None
    return found


def excluded(resolved: Resolved) -> list[tuple[str, str]]:
    """Return tag and value of points that never count: by ``unless``, and folded series."""
    pairs: list[tuple[str, str]] = []
    for tag, value in resolved.values["unless"].items():
        pairs += [(tag, text) for text in (value if isinstance(value, list) else [value])]
    return pairs + list(resolved.alert.fixed_filter.items())


def _check_consistent(values: Mapping[str, Any], alert: Alert) -> None:
    """Reject values out of order: warn must be below crit, reset not above either."""
    crit, warn, reset = (values.get(name) for name in ("crit", "warn", "reset"))
    if crit is not None and warn is not None and warn >= crit:
        raise BmtickError(
            f"parameter 'warn': {show(alert.parameters['warn'], warn)} is not below crit, "
            f"{show(alert.parameters['crit'], crit)}",
            remedy="a warning comes before the alert is critical",
            key=("warn",),
        )
    for name, level in (("warn", warn), ("crit", crit)):
        if reset is not None and level is not None and reset > level:
            raise BmtickError(
                f"parameter 'reset': {show(alert.parameters['reset'], reset)} is above {name}, "
                f"{show(alert.parameters[name], level)}",
                remedy=f"at most {show(alert.parameters[name], level)}",
                key=("reset",),
            )


def _check_tags(alert: Alert, name: str, where: Mapping[str, Any]) -> None:
    """Reject tags that no point of this measurement has, if its tags are known."""
    own = (*GLOBAL_TAGS, *TAGS.get(alert.measurement, ()))
    others = {tag for tags in TAGS.values() for tag in tags} - set(own)
    for tag in where:
        try:
            tick_reference(tag)
        except BmtickError as error:
            raise about(name, error) from None
        if tag in own:
            continue
        hint = nearest(tag, own)
        if tag in others or hint:
            raise BmtickError(
                f"parameter '{name}': {_watched(alert)} no tag '{tag}'",
                remedy=hint or f"it has: {', '.join(own)}",
                key=(name,),
            )


def _watched(alert: Alert) -> str:
    if not alert.measurement:
        return f"'{alert.name}' watches all measurements, which share"
    return f"'{alert.measurement}' has"
