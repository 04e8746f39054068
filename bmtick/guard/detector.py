"""Evidence against an account or machine at the time of a message.

It evaluates the lambdas of the rendered alert scripts on the memory's gauges. An alert fires at its
``crit``; mail is held at ``factor`` times that.
"""

from __future__ import annotations

import re
from binascii import crc32
from collections.abc import Callable
from typing import Final

from bmtick.alerts.load import catalogue
from bmtick.alerts.render import desired, render
from bmtick.alerts.weighing import Scales
from bmtick.collect.emit import ALL
from bmtick.collect.memory import BLOCKED, REFUSED, VOLUME, Record, Sketch
from bmtick.collect.raw import network
from bmtick.guard.burst import Baseline, Bursts, SentMessage, many_refused
from bmtick.guard.memory import GuardMemory
from bmtick.guard.message import Message
from bmtick.guard.milter import LocalMessage
from bmtick.guard.subject import CLIENT, FROM, LOCAL, MEASUREMENTS, UID, USER, Subject
from bmtick.languages import _, number
from bmtick.names import SERVER
from bmtick.settings import Settings

# The alerts that weigh evidence against one account or machine. Alerts that compare one metric with
# a limit are excluded: a newsletter reaches every limit that a spammer reaches.
ALERTS: Final = (
    *("sender_outbreak", "relay_client", "relay_sender", "relay_open"),
    *("local_spam", "forward_spam"),
)


_USUAL_LOOPBACK = ("127.0.0.1", "::1")
_OTHER_LOOPBACK = -1  # network of any other loopback address
_MAX_CACHED = 5_000
_LOCAL_SHARE = 0.8  # times the factor: nobody types what a program on the mail server itself sends
_DAYS_OBSERVED = 2  # days after which a system user without mail is known to send none
_MIN_RECIPIENTS = 20  # within the hour; a program that writes to fewer is a monitor, not spam
_MAX_SENDERS = 1_000
_DYNAMIC = re.compile(r"\d+[-.]\d+[-.]\d+|^\d+\.|dyn|dsl|dial|pool|cable|dhcp|broad|mobile")
_MIN_NEW_DOMAINS = 3  # new sender domains of a machine
_TIMES_USUAL = 2  # a travelling teacher writes from many networks, too
_MIN_NEW_NETWORKS = 5  # addresses of a user in new networks


def is_loopback(client: str) -> bool:
    """Whether a machine is the mail server itself."""
    return client == "::1" or client.startswith("127.")


def scales(settings: Settings) -> Scales:
    """Return the alerts that weigh evidence: configured ones, else with default values.

    Raises:
        BmtickError: a wrong value in the settings.
    """
    own = [one for one in desired(settings, per_host=True) if one.alert.name in ALERTS]
    configured = {one.alert.name for one in own}
    known = catalogue()
    others = [
        render(known[name], {}, settings=settings)
        for name in ALERTS
        if name in known and name not in configured
    ]
    return Scales(settings, [*own, *others])


def _is_corroborated(record: Record, minute: int, *, user: bool) -> bool:
    """Whether there is evidence besides volume: a first newsletter has volume, too."""
    hour = record.hour
    return (
        many_refused(hour[VOLUME], hour[REFUSED], hour[BLOCKED])
        or (
            user
            and record.new_addresses(minute) >= _MIN_NEW_NETWORKS
            and hour[VOLUME] > _TIMES_USUAL * record.usual(0, minute // 10_080)
        )
        or (not user and record.strange_domains(minute) >= _MIN_NEW_DOMAINS)
    )


def _is_server_name(name: str) -> bool:
    """Whether a verified name is a mail server's, not a provider's name for a line."""
    return name not in ("", "unknown") and not _DYNAMIC.search(name)


def _checksums(domain: str) -> tuple[int, ...]:
    return (crc32(domain.encode("utf-8", "surrogateescape")),) if domain else ()


class MemoryDetector:
    """Evaluates the memory and the last minutes.

    Args:
        memory: statistics of accounts and machines.
        scales: the alerts.
        factors: required multiple of an alert's threshold, for a machine and for a user.
        is_trusted: whether a machine may relay without a login.
        is_ours: whether a domain's mailboxes are on this server; None: not known.
    """

    def __init__(
        self,
        memory: GuardMemory,
        scales: Scales,
        factors: tuple[float, float],
        *,
        is_trusted: Callable[[str], bool],
        is_ours: Callable[[str], bool | None],
    ) -> None:
        self._memory, self._scales = memory, scales
        self._factor, self._user_factor = factors
        self._is_trusted, self._is_ours = is_trusted, is_ours
        self._bursts = Bursts()
        self._released: dict[Subject, dict[str, int]] = {}
        self._local_recipients: dict[str, Sketch] = {}  # by local sender; "" for all senders
        self._relay_candidate: Subject | None = None  # untrusted, with outside recipients
        self._server: tuple[int, str] = (0, "")
        self._network_cache: dict[str, tuple[int, bool]] = {}  # network, whether it is trusted

    def message(self, message: Message, now: float) -> None:
        """Record a message."""
        domain = message.sender.rpartition("@")[2]
        who = message.who
        self._relay_candidate = None
        if who.kind == USER:
            if domain == who.name.rpartition("@")[2]:
                domain = ""  # the login's own domain is never new
            domains = _checksums(domain)
            entity = self._entity(who)
            self._bursts.add(who.name, self._sent(message, entity, domains, now))
            self._memory.add_request(entity, now, message.recipients, (message.client,), domains)
        elif is_loopback(message.client):
            pass  # a content filter may give it back: the log shows its sender
        elif message.recipients > 1 and self._is_new_unnamed(message):
            self._relay_candidate = who  # it counts only while untrusted machines relay
        elif self._is_outbound(message):
            if not self._is_trusted(message.client):
                self._relay_candidate = who
                return  # mail of such machines is for us; the log shows what is passed on to others
            domains = _checksums(domain)
            for subject in (who, message.client_sender):
                if subject is not None:
                    self._memory.add_request(self._entity(subject), now, 1, (), domains)

    def local(self, message: LocalMessage, now: float) -> None:
        """Record a message by ``sendmail``."""
        checksums = [crc32(to.encode("utf-8", "surrogateescape")) for to in message.recipients]
        for key in {message.sender, ""}:
            sketch = self._local_recipients.pop(key, None) or Sketch()
            self._local_recipients[key] = sketch
            sketch.add(checksums, int(now) // 60)
        while len(self._local_recipients) > _MAX_SENDERS:
            del self._local_recipients[next(iter(self._local_recipients))]

    def _writes_to_few(self, who: Subject, minute: int) -> bool:
        """Whether a local sender always writes to the same few recipients."""
        sketch = self._local_recipients.get("" if who.name.startswith(UID) else who.name)
        return sketch is not None and sketch.count(minute) < _MIN_RECIPIENTS

    def _is_outbound(self, message: Message) -> bool:
        """Whether a message certainly goes to another server; the log shows the others."""
        domain = message.recipient.rpartition("@")[2]
        return message.recipients == 1 and bool(domain) and self._is_ours(domain) is False

    def _is_new_unnamed(self, message: Message) -> bool:
        """Whether an untrusted machine is new today and has no mail server's name."""
        record = self._memory.records.get(self._entity(message.who))
        return (
            not self._is_trusted(message.client)
            and (record is None or not record.days)
            and not _is_server_name(message.name)
        )

    def _sent(
        self, message: Message, entity: str, domains: tuple[int, ...], now: float
    ) -> SentMessage:
        record = self._memory.records.get(entity)
        known = record.networks if record is not None else None
        client = message.client
        cached = self._network_cache.get(client)
        if cached is None:
            if len(self._network_cache) >= _MAX_CACHED:
                self._network_cache.clear()
            # a loopback address other than the usual one is a tunnel's or proxy's: foreign, too
            other_loopback = is_loopback(client) and client not in _USUAL_LOOPBACK
            cached = (
                _OTHER_LOOPBACK if other_loopback else network(client),
                self._is_trusted(client),
            )
            self._network_cache[client] = cached
        where, trusted = cached
        foreign = (
            bool(where)
            and (where == _OTHER_LOOPBACK or not trusted)
            and not (known and where in known)
        )
        known = record.domains if record is not None else None
        new_sender_domain = any(not known or domain not in known for domain in domains)
        webmail = client in _USUAL_LOOPBACK or (trusted and self._memory.is_shared(client))
        return SentMessage(now, client, message.recipients, foreign, webmail, new_sender_domain)

    def _baseline(self, who: Subject, now: float) -> Baseline:
        record = self._memory.records.get(self._entity(who))
        if record is None:
            return Baseline()
        week = int(now) // 86_400 // 7
        return Baseline(
            record.days,
            record.usual(0, week),
            record.usual(1, week),
            record.recent[VOLUME],
            record.recent[REFUSED],
            record.recent[BLOCKED],
        )

    def _entity(self, who: Subject) -> str:
        if who.kind == LOCAL and who.name.startswith(UID):
            return f"{MEASUREMENTS[LOCAL]}\n{ALL}\n{who.name.removeprefix(UID)}"
        name = f"{MEASUREMENTS[who.kind]}\n{who.name}"
        if who.kind == CLIENT:
            return f"{name}\n{'true' if self._is_trusted(who.name) else 'false'}"
        if who.kind == FROM:
            return f"{name}\n{who.sender}"
        return name

    def verdict(self, who: Subject, now: float) -> str:
        """Return the reason to hold a subject's mail, or ""."""
        if (
            who.kind == USER
            and self._bursts.sends(who.name)
            and (reason := self._bursts.reason(who.name, now, self._baseline(who, now)))
        ):
            return reason
        if who.kind == CLIENT:
            if is_loopback(who.name):
                return ""  # content filters give back everybody's mail from there
            if not self._is_trusted(who.name) and (reason := self._open_relay(who, now)):
                return reason
        entities = [self._entity(who)]
        if who.kind == LOCAL and not who.name.startswith(UID):
            entities = [e for e in self._memory.records if e.startswith(f"{entities[0]}\n")]
        return next((r for e in entities if (r := self._weigh(who, e, now))), "")

    def _weigh(self, who: Subject, entity: str, now: float) -> str:
        measurement, *values = entity.split("\n")
        memory, minute = self._memory, int(now) // 60
        stranger = who.kind == CLIENT and not self._is_trusted(who.name)
        with memory.lock:
            record = memory.records.get(entity)
            if record is None:
                return ""
            record.advance(minute)
            if (
                not stranger
                and not _is_corroborated(record, minute, user=who.kind == USER)
                and (who.kind != LOCAL or self._writes_to_few(who, minute))
            ):
                return ""  # the usual case; the rest is slow
            facts = memory.gauges(entity, int(now))
            facts["clients"] = record.clients(minute)
            if who.kind == LOCAL and 0 <= memory.began <= now // 86_400 - _DAYS_OBSERVED:
                facts["days"] = max(1, facts["days"])
        if not facts["days"] and who.kind == USER:
            facts["clients"] = self._foreign_clients(entity)
        facts = self._since_release(who, facts)
        factor = {USER: self._user_factor, LOCAL: _LOCAL_SHARE * self._factor}.get(
            who.kind, self._factor
        )
        names = {USER: ("user",), CLIENT: ("client", "known"), FROM: ("client", "sender")}
        tags = dict(zip(names.get(who.kind, ("sender", "uid")), values, strict=False))
        for weight in self._scales.weigh(measurement, {"messages": 1, **tags, **facts}):
            if weight.threshold > 0 and weight.value >= factor * weight.threshold:
                return self._reason(facts, 100.0 * weight.value / weight.threshold)
        return ""

    def _open_relay(self, who: Subject, now: float) -> str:
        """Return the reason to hold an untrusted relay while many machines relay."""
        record = self._memory.records.get(self._entity(who))
        relays = self._relay_candidate == who or (record is not None and record.hour[VOLUME] > 0)
        if not relays or (record is not None and record.usual(0, int(now) // 604_800)):
            return ""
        if int(now) != self._server[0]:
            self._server = int(now), self._weigh_server(now)
        return self._server[1]

    def _weigh_server(self, now: float) -> str:
        minute = int(now) // 60
        with self._memory.lock:
            record = self._memory.record(f"{SERVER}\nrelays")
            record.advance(minute)
            facts = {
                "relayed": 1,
                "hour_relayed": record.hour[VOLUME],
                "day_relayed": record.day[VOLUME],
                "relaying_clients": record.recipients.count(minute) if record.recipients else 0,
                "usual": record.usual(0, int(now) // 604_800),
                "days": record.days,
            }
        for weight in self._scales.weigh(SERVER, facts):
            if weight.threshold > 0 and weight.value >= self._factor * weight.threshold:
                return _(
                    "open relay: {clients} strange machines sent to {sent} recipients elsewhere "
                    "within the hour",
                    clients=number(facts["relaying_clients"]),
                    sent=number(facts["hour_relayed"]),
                )
        return ""

    def _foreign_clients(self, entity: str) -> int:
        record = self._memory.record(entity)
        return sum(1 for address in record.addresses or () if network(address))

    def _since_release(self, who: Subject, facts: dict[str, int]) -> dict[str, int]:
        """Subtract what was counted before the release: an administrator has seen it."""
        before = self._released.get(who)
        if before is None:
            return facts
        counted = [n for n in facts if n.startswith(("recent_", "hour_", "day_"))]
        return {**facts, **{n: max(0, facts[n] - before.get(n, 0)) for n in counted}}

    def _reason(self, facts: dict[str, int], percent: float) -> str:
        sent = facts.get("hour_recipients", facts.get("hour_relayed", 0))
        return _(
            "{sent} recipients within the hour, at most {usual} on earlier days; {refused} refused; "
            "{addresses} addresses, {strange} in networks that are new; evidence {percent} %",
            sent=number(sent),
            usual=number(facts.get("usual", 0)),
            refused=number(facts.get("hour_refused", 0)),
            addresses=number(facts.get("clients", 0)),
            strange=number(facts.get("new_clients", 0)),
            percent=number(percent),
        )

    def released(self, who: Subject, now: float) -> None:
        """Forget the evidence so far: an administrator released the subject."""
        self._bursts.released(who.name)
        with self._memory.lock:
            entity = self._entity(who)
            if entity in self._memory.records:
                self._released[who] = self._memory.gauges(entity, int(now))
        while len(self._released) > 1000:
            del self._released[next(iter(self._released))]
