"""What honest people do for the first time, written onto a server's log: none of it may be held."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.thresholds.server import DAY, FEATURES, Person, Recipients, Server, fate, stranger


def _writer(server: Server) -> Person:
    return server.random.choice([p for p in server.people if p not in server.writers])


def _list(server: Server, count: int) -> Recipients:
    """Return members of an old list, of whom up to a tenth is gone."""
    dead = server.random.uniform(0.0, 0.1)
    return [(stranger(server.random), fate(server.random, dead, 0.004, 0.02)) for _ in range(count)]


def _start(server: Server) -> float:
    return server.end - DAY + 3600 * server.random.uniform(8, 16)


def newsletter_in_single_mails(server: Server) -> None:
    """300 single mails from the writer's desk, by a program that sends them as fast as it can."""
    person, time = _writer(server), _start(server)
    pause = server.random.choice((0.05, 0.3, 1.0))
    for to in _list(server, 300):
        server.log.mail(time, person.homes[0], person.address, [to], user=person.login)
        time += pause * server.random.uniform(0.5, 1.5)


def newsletter_to_300_bcc(server: Server) -> None:
    """One mail, from the desk or the webmail."""
    person = _writer(server)
    place = server.webmail if person.webmail else person.homes[0]
    to = _list(server, 300)
    server.log.mail(_start(server), place, person.address, to, user=person.login)


def newsletter_in_lists(server: Server) -> None:
    """Six mails to 50 each, from the desk or the webmail, as some mail servers demand."""
    person, time = _writer(server), _start(server)
    place = server.webmail if person.webmail else person.homes[0]
    to = _list(server, 300)
    for first in range(0, 300, 50):
        server.log.mail(time, place, person.address, to[first : first + 50], user=person.login)
        time += server.random.uniform(20, 90)


def invoice_run(server: Server) -> None:
    """1,000 invoices of a machine that sent single ones before."""
    if "erp" not in server.machines:
        FEATURES["erp"](server)
    address, sender = server.machines["erp"]
    time = _start(server)
    for to in _list(server, 1000):
        server.log.mail(time, address, sender, [to])
        time += server.random.expovariate(2.0)


FIRST_TIMES: dict[str, Callable[[Server], None]] = {
    f.__name__: f
    for f in (
        newsletter_in_single_mails, newsletter_to_300_bcc, newsletter_in_lists, invoice_run,
    )
}  # fmt: skip
