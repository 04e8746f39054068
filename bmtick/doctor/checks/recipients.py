"""Check that alert mails have a recipient other than the example's address."""

from __future__ import annotations

from collections.abc import Iterator

from bmtick.alerts import Rendered, desired, require_recipients
from bmtick.doctor.check import Check, broken, off, ok
from bmtick.doctor.context import Context
from bmtick.errors import BmtickError
from bmtick.terminal import shell_quoted

ORDER = 57
_NAME = "recipients"
_SILENT = "collector_silent"


def run(context: Context) -> Iterator[Check]:
    """List the recipients of all alerts that send mail."""
    config = shell_quoted(context.settings.path or "/etc/bmtick/bmtick.toml")
    try:
        alerts = desired(context.settings)
    except BmtickError as error:  # e.g. a wrong option of a handler: no alert can notify
        hint = " ".join(str(error.remedy or "mend the settings").split())
        yield broken("alerts", error.message, f"${{EDITOR:-nano}} {config}  # {hint}")
        return
    yield from _silent(context, alerts)
    try:
        require_recipients(context.settings, alerts)
    except BmtickError as error:
        yield broken(
            _NAME,
            error.message,
            f'printf \'\\n[notify]\\nrecipients = ["postmaster@%s"]\\n\' "$(hostname -d)" >> {config}',
        )
        return
    mailing = [alert for alert in alerts if "email" in alert.handlers]
    if not mailing:
        yield off(_NAME, "no alert sends mail")
        return
    found = dict.fromkeys(str(to) for a in mailing for to in a.values.get("recipients") or ())
    yield ok(_NAME, f"alert mails go to {', '.join(found)}")


def _silent(context: Context, alerts: list[Rendered]) -> Iterator[Check]:
    """Check that there is an alert for missing points."""
    kinds = {getattr(alert.alert, "name", "") for alert in alerts}
    if context.standalone or not alerts or _SILENT in kinds:
        return
    config = context.settings.path or "/etc/bmtick/bmtick.toml"
    yield broken(
        "alerts",
        f"{_SILENT} is not enabled: nobody is notified when a collector stops",
        f"printf '\\n[alerts.{_SILENT}]\\n' >> {shell_quoted(config)} && bmtick apply --yes",
    )
