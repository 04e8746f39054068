"""The evidence on an entity, as sentences about its last hour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bmtick.languages import _, _n, number
from bmtick.live.board import (
    FORWARD,
    GUESSER,
    MACHINE,
    PROGRAM,
    TARGET,
    USER,
    Entity,
    Snapshot,
)
from bmtick.terminal import shell_quoted


def kind_of(entity: Entity) -> str:
    """Return the kind of an entity, in one or two words."""
    return {
        USER: _("account"),
        MACHINE: _("machine"),
        PROGRAM: _("local program"),
        FORWARD: _("forward"),
        GUESSER: _("guesses passwords"),
        TARGET: _("is guessed at"),
    }[entity.kind]


def sentences(entity: Entity) -> Iterator[str]:
    """Yield the facts, most important first."""
    facts = entity.facts
    if (sent := facts.get("recipients", 0)) or facts.get("messages"):
        messages = number(facts.get("messages", 0))
        yield _(
            "{recipients} recipients in the last hour, of {messages} messages",
            recipients=number(sent),
            messages=messages,
        )
    if usual := facts.get("usual"):
        yield _("at most {usual} recipients an hour on earlier days", usual=number(usual))
    if refused := facts.get("refused"):
        blocked = number(facts.get("blocked", 0))
        yield _(
            "{refused} refused by other servers, {blocked} of them as spam",
            refused=number(refused),
            blocked=blocked,
        )
    if relayed := facts.get("relayed"):
        yield _("{relayed} recipients on other servers", relayed=number(relayed))
    if clients := facts.get("clients"):
        yield _n("from {n} address within an hour", "from {n} addresses within an hour", clients)
    if new := facts.get("new_clients"):
        yield _n("{n} of them never seen before", "{n} of them never seen before", new)
    if domains := facts.get("domains"):
        yield _n(
            "sender addresses of {n} domain that is not its own",
            "sender addresses of {n} domains that are not its own",
            domains,
        )
    yield from _of_logins(facts)


def _of_logins(facts: Mapping[str, int]) -> Iterator[str]:
    if failures := facts.get("failures"):
        yield _n(
            "{n} failed login within the last hour",
            "{n} failed logins within the last hour",
            failures,
        )
    if users := facts.get("users"):
        yield _n("{n} name was tried", "{n} names were tried", users)
    if facts.get("broken_in"):
        yield _("a login from a strange network succeeded after failures: the password is known")


def next_command(entity: Entity) -> str:
    """Return the next command for an entity, ready to paste; "" for none."""
    name = shell_quoted(entity.name)
    if entity.name.startswith("-"):
        name = f"-- {name}"
    if entity.kind in (USER, TARGET):
        return f"bmtick respond {name}"
    if entity.kind in (MACHINE, GUESSER):
        return f"bmtick respond --client {name}"
    return "bmtick relays"


def who_of(entity: Entity) -> str:
    """Return WHO of ``bmtick hold``, or "" for an entity that sends no mail."""
    prefixes = {USER: "", MACHINE: "", PROGRAM: "sendmail:", FORWARD: "forward:"}
    return prefixes[entity.kind] + entity.name if entity.kind in prefixes else ""


def headline(snapshot: Snapshot) -> str:
    """Return one sentence: whether something is wrong."""
    alarms = [i for i in snapshot.firing if not i.silenced]
    if alarms:
        return _n("{n} alert fires", "{n} alerts fire", len(alarms))
    return _("Nothing fires.")
