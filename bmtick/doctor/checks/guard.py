"""Check that Postfix asks the guard, works without it, gets answers, and that mail is held."""

from __future__ import annotations

import socket
import stat
import time
from collections.abc import Iterator

from bmtick.doctor.check import Check, broken, off, ok, skipped
from bmtick.doctor.context import Context
from bmtick.errors import BmtickError
from bmtick.guard.holds import HOLD, Journal
from bmtick.guard.listen import parse_listen
from bmtick.guard.setup import ACCEPT, LIMITS, LIST, MILTERS, service_name, with_guard
from bmtick.incident.postconf import PostfixSettings, read_settings
from bmtick.incident.queued import read_queue
from bmtick.settings.model import Guard
from bmtick.terminal import shell_quoted

ORDER = 85
_SLOW = 0.05  # seconds
_TIMEOUT = 3.0  # Postfix's timeout
_LONGEST = 10  # seconds that Postfix may wait for an answer
_REQUEST = b"request=bmtick_doctor\n\n"  # not a message: it changes nothing
_PRINT = "bmtick guard --print-postfix | sed '/take it back/,$d' | sh -e"
_START = "systemctl start bmtick-guard"


def run(context: Context) -> Iterator[Check]:
    """Check Postfix's settings, query the guard, and compare the holds with the queue."""
    guard = context.settings.guard
    if guard == Guard() and not context.path(guard.state).exists():
        yield off("guard", "not in use: see 'bmtick guard --help'")
        return
    try:
        postfix = read_settings(context.programs)
    except BmtickError as error:
        yield skipped("guard: postfix", error.message, error.remedy or "sudo bmtick doctor")
    else:
        yield _is_asked(postfix, guard.listen)
        yield _sees_sendmail(postfix, guard.listen)
        yield _fails_open(postfix)
    yield _answers(guard.listen)
    yield from _arrives(context)


def _is_asked(postfix: PostfixSettings, listen: str) -> Check:
    name = "guard: postfix asks it"
    wanted = service_name(listen)
    asking: list[str] = []
    silent: list[str] = []
    for service in postfix.smtp_servers():
        restrictions = " ".join(postfix.get(LIST, service).replace(",", " ").split())
        (asking if wanted in restrictions else silent).append(service or "main.cf")
    if not asking:
        return broken(name, f"{LIST} does not name {listen}", _PRINT)
    if silent:
        commands = []
        for number, service in enumerate(silent):
            of = "" if service == "main.cf" else service
            value = with_guard(postfix.get(LIST, of), listen)
            # an option of master.cf cannot contain a space, so it names a parameter of main.cf
            own = f"bmtick_end_of_data_{number}" if of else LIST
            commands.append(f"postconf -e {shell_quoted(f'{own} = {value}')}")
            if of:
                commands.append(f"postconf -P {shell_quoted(f'{of}/{LIST}=${own}')}")
        return broken(
            name,
            f"{', '.join(silent)} overrides {LIST} without {listen}",
            " && ".join([*commands, "postfix reload"]),
        )
    return ok(name, f"{LIST} names {listen}")


def _sees_sendmail(postfix: PostfixSettings, listen: str) -> Check:
    name = "guard: mail by sendmail"
    milters = postfix.get(MILTERS)
    if listen not in milters:
        return broken(
            name,
            f"{MILTERS} does not name {listen}: what a program on this server sends is weighed after it "
            "is queued, when most of it is gone",
            _PRINT,
        )
    own = milters[milters.index(listen) :].partition("}")[0]
    if ACCEPT not in own and postfix.get("milter_default_action") != "accept":
        return broken(
            name,
            f"{MILTERS} names {listen} without {ACCEPT}: mail by sendmail waits while the guard is away",
            f"postconf -e {shell_quoted(f'{MILTERS} = {_accepting(milters, listen)}')} && postfix reload",
        )
    return ok(name, f"{MILTERS} names {listen}")


def _accepting(milters: str, listen: str) -> str:
    """Return the list of milters with the guard's default action set to accept."""
    before, _, after = milters.partition(listen)
    inside = before.rstrip().endswith("{")
    return (
        f"{before}{listen}, {ACCEPT}{after}"
        if inside
        else f"{before}{{ {listen}, {ACCEPT} }}{after}"
    )


def _fails_open(postfix: PostfixSettings) -> Check:
    name = "guard: mail without it"
    action = postfix.get("smtpd_policy_service_default_action")
    if action.upper() != "DUNNO":
        return broken(
            name,
            f"while the guard is away Postfix answers '{action[:60]}'",
            "postconf -e smtpd_policy_service_default_action=DUNNO && postfix reload",
        )
    timeout = postfix.get("smtpd_policy_service_timeout")
    tries = postfix.number("smtpd_policy_service_try_limit") or 1
    if (_seconds(timeout) or _LONGEST + 1) * tries > _LONGEST:
        limits = " ".join(f"{n}={v}" for n, v in LIMITS.items())
        return broken(
            name,
            f"a guard that hangs delays each message by {timeout}, {tries} times",
            f"postconf -e {limits} && postfix reload",
        )
    return ok(name, f"goes on after {timeout} at most")


def _seconds(text: str) -> float | None:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    number, unit = text[:-1], text[-1:]
    return float(number) * units[unit] if unit in units and number.isdigit() else None


def _answers(listen: str) -> Check:
    name = "guard: answers"
    where = parse_listen(listen)
    family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET6
    if isinstance(where, tuple) and ":" not in where[0]:
        family = socket.AF_INET
    start = time.monotonic()
    try:
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(_TIMEOUT)
            sock.connect(where)
            sock.sendall(_REQUEST)
            answer = sock.recv(4096)
    except TimeoutError:
        return broken(
            name,
            f"{listen} does not answer within {_TIMEOUT:.0f} s",
            "systemctl restart bmtick-guard",
        )
    except OSError as error:
        return broken(name, f"nothing answers on {listen}: {error.strerror or error}", _START)
    took = time.monotonic() - start
    if not answer.startswith(b"action=DUNNO"):
        return broken(name, f"another program answers on {listen}", "ss -lptn; " + _START)
    if took > _SLOW:
        return broken(
            name, f"{listen} answers after {1000 * took:.0f} ms", "top; journalctl -u bmtick-guard"
        )
    return ok(name, f"{listen} answers after {1000 * took:.1f} ms")


def _arrives(context: Context) -> Iterator[Check]:
    """Check that the messages of held subjects are on hold, and that they can be put on hold."""
    name = "guard: decisions"
    guard = context.settings.guard
    path = context.path(guard.state)
    journal = Journal(path)
    try:
        journal.poll()
    except (OSError, BmtickError) as error:
        yield skipped(name, f"{guard.state} cannot be read: {error}", "sudo bmtick doctor")
        return
    finally:
        journal.close()
    helper = _helper(context)
    if helper is not None:
        yield helper
    holds = [hold for hold in journal.holds.held.values() if hold.mode == HOLD]
    wanted = {i for hold in holds for i in hold.ids}
    if not wanted:
        yield ok(name, f"{len(journal.holds.held)} held or observed, no message on hold")
        return
    try:
        loose = [
            e.queue_id
            for e in read_queue(context.programs)
            if e.queue_id in wanted and e.queue_name != HOLD
        ]
    except BmtickError as error:
        yield skipped(name, error.message, error.remedy or "is Postfix up?")
        return
    if loose:
        yield broken(
            name,
            f"{len(loose):,} of {len(wanted):,} messages that are held are not on hold",
            f"postsuper -h {' '.join(loose[:5])}; journalctl -u bmtick-guard",
        )
    else:
        yield ok(name, f"{len(wanted):,} messages of {len(holds)} who are held lie on hold")


def _helper(context: Context) -> Check | None:
    """Return what is wrong if the guard is not root and cannot run postsuper through the helper."""
    state = context.path(context.settings.guard.state)
    try:
        owner = state.stat().st_uid
    except OSError:
        return None
    helper = context.path(context.settings.guard.helper)
    if owner == 0 or (helper.exists() and stat.S_ISSOCK(helper.stat().st_mode)):
        return None
    return broken(
        "guard: queued mail",
        f"the guard is not root, and there is no helper at {context.settings.guard.helper}: what was "
        "queued before somebody is held goes out",
        "systemctl enable --now bmtick-guard-queue.socket",
    )
