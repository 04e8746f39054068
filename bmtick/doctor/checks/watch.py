"""Check that ``bmtick watch`` runs, and that its mail server accepts its mails."""

from __future__ import annotations

import os
from collections.abc import Iterator

from bmtick.alerts import desired
from bmtick.collect.state import in_use, read_state
from bmtick.doctor.check import Check, broken, off, ok, skipped
from bmtick.doctor.context import Context, ago
from bmtick.errors import BmtickError
from bmtick.watch.handlers import check_handlers
from bmtick.watch.mail import own_address
from bmtick.watch.outbox import delivery_of

ORDER = 55
_NAME = "watch"
_LATE = 60  # seconds without a write of the state; it is written each interval
_LIST = "journalctl -u bmtick-watch --since -1d | grep 'set aside'"
_START = "systemctl enable --now bmtick-watch"
_AGAIN = "systemctl restart bmtick-watch; journalctl -u bmtick-watch -n 50"


def run(context: Context) -> Iterator[Check]:
    """Check the state, and ask the mail server."""
    shown = context.settings.watch.state
    path = context.path(shown)
    try:
        age = context.now - path.stat().st_mtime
    except FileNotFoundError:
        if context.standalone:
            yield broken(_NAME, f"{shown} does not exist: 'bmtick watch' never ran", _START)
        else:
            yield off(_NAME, "'bmtick watch' does not run here: Kapacitor runs the alerts")
        return
    if not os.access(path, os.R_OK):
        yield skipped(_NAME, f"{shown} cannot be read by this user", "sudo bmtick doctor")
    elif not in_use(str(path)):
        yield broken(_NAME, "'bmtick watch' has run here, but does not now", _AGAIN)
    elif age > _LATE:
        yield broken(_NAME, f"it runs, but wrote {shown} {ago(age)} ago", _AGAIN)
    else:
        alerts = ", ".join(alert.name for alert in desired(context.settings)) or "none"
        yield ok(_NAME, f"runs; alerts: {alerts}")
    yield from _deliveries(context, str(path))
    yield _mail(context, f"{_NAME}: mail")


def _deliveries(context: Context, path: str) -> Iterator[Check]:
    """Check the state for failed notifications."""
    name = f"{_NAME}: deliveries"
    saved, _ = read_state(path)
    outbox = saved.state.get("outbox") if saved else None
    if not isinstance(outbox, list):
        return
    found = [delivery_of(one) for one in outbox]
    unreadable = found.count(None)
    failed = [d for d in found if d and d.attempts]
    defects = [d for d in failed if d.defect]
    if unreadable:
        yield broken(
            name, f"{unreadable} notifications of the state cannot be read and are set aside", _LIST
        )
    if defects:
        yield broken(
            name,
            f"{len(defects)} notifications are set aside: {defects[-1].kind} for "
            f"{defects[-1].event.get('id')}: {defects[-1].error}",
            _LIST,
        )
    elif failed:
        since = ago(max(context.now - min(d.created for d in failed), 0))
        yield broken(
            name,
            f"{len(failed)} notifications wait, since {since}: {failed[-1].error}",
            "bmtick watch --test-mail",
        )


def _mail(context: Context, name: str) -> Check:
    smtp, watch = context.settings.smtp, context.settings.watch
    if watch.mail != "smtp":
        return ok(name, f"mails go to {watch.folder if watch.mail == 'folder' else watch.sendmail}")
    try:
        check_handlers(desired(context.settings))
    except BmtickError as error:
        return broken(name, error.message, f"bmtick watch --test-mail  # {error.remedy}")
    if smtp.tls != "none" or smtp.username:
        where = f"set to {smtp.host}:{smtp.port}"
        return skipped(name, f"{where}, with TLS or a login", "bmtick watch --test-mail")
    sender = own_address(smtp.sender)
    remedy = "bmtick watch --test-mail  # after a look at [smtp] in bmtick.toml"
    try:
        refusal = context.ask_mail_server(
            smtp.host, smtp.port, sender, list(context.settings.notify.recipients)
        )
    except OSError as error:
        return broken(name, f"{smtp.host}:{smtp.port} does not answer: {error}", remedy)
    if refusal:
        return broken(name, f"{smtp.host}:{smtp.port} refuses the mail: {refusal}", remedy)
    return ok(name, f"{smtp.host}:{smtp.port} takes mails to the recipients")
