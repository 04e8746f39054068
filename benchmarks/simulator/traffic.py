"""Draws what happens, minute by minute: a stream of messages, failures and rejects in time order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from random import Random

from benchmarks.simulator import replies
from benchmarks.simulator.model import Failure, Message, Outbreak, Outcome, Person, Reject
from benchmarks.simulator.population import (
    DOMAIN,
    HOSTILE_SENDERS,
    OUTSIDE,
    RELAY,
    World,
    address,
)

Event = Message | Failure | Reject

# Share of a day's mail in each hour, of people; programs and the world do not sleep.
_DAY = (1, 1, 1, 1, 2, 4, 12, 30, 62, 80, 84, 78, 50, 60, 80, 82, 74, 58, 34, 22, 16, 12, 7, 3)
_WEEK = (1.0, 1.05, 1.05, 1.0, 0.85, 0.12, 0.08)
_MEAN = sum(_DAY) / 24 * sum(_WEEK) / 7
_GUESSES = ("admin", "test", "info", "root", "postmaster", "scan", "user")


def rhythm(time: float, utc_offset: int = 0) -> float:
    """Return how busy people are at a time, 1 on average over a week."""
    local = datetime.fromtimestamp(time, UTC) + timedelta(seconds=utc_offset)
    return _DAY[local.hour] * _WEEK[local.weekday()] / _MEAN


class Traffic:
    """All events of a world; ``per_day`` is the number of messages on an average day."""

    def __init__(self, random: Random, world: World, per_day: float, *, hostile: bool) -> None:
        self.random, self.world, self.hostile = random, world, hostile
        self.per_minute = per_day / 1440
        self.people = [p for p in world.people if not p.night]
        self.programs = [p for p in world.people if p.night]
        self.weights = _cumulative([p.weight for p in self.people])
        self.program_share = sum(p.weight for p in self.programs) / (self.weights[-1] or 1)
        self.relay_weights = _cumulative([w for _, _, w in world.relays])
        self.inbound_weights = _cumulative([1 / (n + 1) for n in range(len(world.inbound))])
        self.phones: dict[str, tuple[float, str]] = {}
        self.planned: list[Event] = []
        self.attackers: list[tuple[str, float, float]] = []  # address, until, per minute

    def minutes(self, start: float) -> Iterator[list[Event]]:
        """Yield each minute's events in order of time, without end."""
        minute = start
        while True:
            events = self._minute(minute)
            if int(minute) % 86400 == int(start) % 86400:
                self._plan_day(minute)
            if self.planned:
                due = [e for e in self.planned if e.time < minute + 60]
                if due:
                    self.planned = [e for e in self.planned if e.time >= minute + 60]
                    events += due
            events.sort(key=attrgetter("time"))
            yield events
            minute += 60

    # -- one minute ---------------------------------------------------------------------------

    def _minute(self, minute: float) -> list[Event]:
        busy = rhythm(minute)
        at = self._moments
        rate = self.per_minute
        events: list[Event] = [self._person_writes(t) for t in at(minute, rate * 0.45 * busy)]
        events += [
            self._writes(self.random.choice(self.programs), t)
            for t in at(minute, rate * 0.45 * self.program_share)
        ]
        events += [self._inbound(t) for t in at(minute, rate * (0.2 + 0.2 * busy))]
        events += [self._relay(t) for t in at(minute, rate * 0.1)]
        events += [self._local(t) for t in at(minute, rate * 0.02)]
        events += [self._reject(t) for t in at(minute, rate * 0.15)]
        events += self._failures(minute)
        for outbreak in self.world.outbreaks:
            if outbreak.start < minute + 60 and outbreak.end > minute:
                events += self._abuse(outbreak, minute)
        return events

    def _moments(self, minute: float, mean: float) -> list[float]:
        count = _poisson(self.random, mean)
        return [minute + 60 * self.random.random() for _ in range(count)]

    def _person_writes(self, time: float) -> Message:
        person = self.random.choices(self.people, cum_weights=self.weights)[0]
        return self._writes(person, time)

    def _writes(self, person: Person, time: float) -> Message:
        random = self.random
        count = 1
        if person.recipients > 1 and random.random() < 0.3:
            count = min(40, 1 + int(random.expovariate(1 / (2 * person.recipients))))
        message = Message(
            time,
            self._place(person, time),
            person.name,
            person.sender,
            self._addresses(count),
            size=min(20_000_000, int(random.lognormvariate(9, 1.5)) + 400),
            aborted=random.random() < 0.01,
        )
        self._fates(message, dead=0.012, slow=0.03)
        return message

    def _place(self, person: Person, time: float) -> str:
        random = self.random
        if person.roams and int(time / 86400 + len(person.name)) % 5 == 0:
            return address(random)  # a train: each message from another address
        if person.phone and random.random() < 0.4:
            until, place = self.phones.get(person.name, (0.0, ""))
            if time > until:
                until, place = time + random.expovariate(1 / 3600), address(random)
                self.phones[person.name] = (until, place)
            return place
        return random.choice(person.homes)

    def _addresses(self, count: int) -> list[str]:
        random = self.random
        return [
            f"{random.choice('abcdefghijklmnop')}.{random.randrange(100000)}@{random.choice(OUTSIDE)}"
            for _ in range(count)
        ]

    def _fates(
        self, message: Message, *, dead: float, slow: float, blocked: float = 0.0005
    ) -> None:
        """Draw what becomes of each recipient that is not simply accepted."""
        random = self.random
        for number in range(len(message.recipients)):
            draw = random.random()
            if draw < dead:
                message.outcomes[number] = Outcome("bounced", random.choice(replies.PLAIN_BOUNCES))
            elif draw < dead + blocked:
                if random.random() < 0.5:
                    text = random.choice(replies.BLOCKED_BOUNCES)
                    message.outcomes[number] = Outcome("bounced", text)
                else:
                    message.outcomes[number] = self._late(replies.BLOCKED_DEFERRALS, 0.6)
            elif draw < dead + blocked + slow:
                message.outcomes[number] = self._late(replies.PLAIN_DEFERRALS, 0.95)

    def _late(self, texts: tuple[int, ...], lucky: float) -> Outcome:
        random = self.random
        final = "sent" if random.random() < lucky else "expired"
        count = 1 if final == "sent" and random.random() < 0.7 else random.randint(2, 5)
        delays = [300.0 * 2**n + random.uniform(0, 60) for n in range(count)]
        return Outcome(final, random.choice(texts), tuple(delays))

    def _inbound(self, time: float) -> Message:
        client, name = self.random.choices(self.world.inbound, cum_weights=self.inbound_weights)[0]
        count = 1 if self.random.random() < 0.9 else 3
        to = [self.random.choice(self.people).sender for _ in range(count)]
        sender = self._addresses(1)[0] if self.random.random() < 0.95 else ""
        size = int(self.random.lognormvariate(9.5, 1.3)) + 600
        return Message(time, client, "", sender, to, size=size, name=name, kind="inbound")

    def _relay(self, time: float) -> Message:
        random = self.random
        client, name, _ = random.choices(self.world.relays, cum_weights=self.relay_weights)[0]
        message = Message(time, client, "", f"app@{DOMAIN}", self._addresses(1), name=name)
        message.kind = "relay"
        self._fates(message, dead=0.01, slow=0.02)
        return message

    def _local(self, time: float) -> Message:
        to = [f"root@{DOMAIN}"]
        return Message(time, "", "", f"root@{DOMAIN}", to, size=900, kind="local", local=True)

    def _reject(self, time: float) -> Reject:
        sender = self._addresses(1)[0]
        if self.hostile and self.random.random() < 0.05:
            sender = self.random.choice(HOSTILE_SENDERS)
        return Reject(time, address(self.random), sender, f"nobody{int(time) % 999}@{DOMAIN}")

    # -- strangers ----------------------------------------------------------------------------

    def _failures(self, minute: float) -> list[Event]:
        """Guessing: always some slow guessers, at times a fast one; and people who mistype."""
        random = self.random
        self.attackers = [a for a in self.attackers if a[1] > minute]
        if random.random() < 1 / 300:
            rate = random.choice((0.2, 0.5, 1, 3, 10))
            until = minute + random.expovariate(1 / 5400)
            self.attackers.append((address(random), until, rate))
        found: list[Event] = []
        for client, _, rate in self.attackers:
            for time in self._moments(minute, rate):
                repeats = random.randint(1, 4) if self.hostile and random.random() < 0.05 else 0
                found.append(Failure(time, client, self._guess(), repeats == 0, repeats))
        for time in self._moments(minute, self.per_minute * 0.01):
            person = random.choice(self.people)
            found.append(Failure(time, random.choice(person.homes), person.name))
        return found

    def _guess(self) -> str:
        random = self.random
        draw = random.random()
        if self.hostile and draw < 0.03:
            return "x, sasl_username=victim@example.org"
        if self.hostile and draw < 0.04:
            return "A" * 100
        if draw < 0.4:
            return random.choice(self.people).name
        return f"{random.choice(_GUESSES)}{random.randrange(40) or ''}"

    def _abuse(self, outbreak: Outbreak, minute: float) -> list[Event]:
        random = self.random
        found: list[Event] = []
        for time in self._moments(minute, outbreak.per_minute):
            if not outbreak.start <= time < outbreak.end:
                continue
            count = random.randint(*outbreak.recipients)
            message = Message(
                time,
                random.choice(outbreak.addresses),
                outbreak.user,
                f"service{random.randrange(9)}@bank.example",
                self._addresses(count),
                size=random.randint(900, 4000),
                name="unknown" if outbreak.user else RELAY[1],
                kind="outbreak",
            )
            noticed = min(1.0, outbreak.recipients_sent / 1000)
            self._fates(message, dead=outbreak.dead, slow=0.05, blocked=outbreak.blocking * noticed)
            outbreak.messages_sent += 1
            outbreak.recipients_sent += count
            outbreak.first = outbreak.first or time
            outbreak.last = time
            found.append(message)
        return found

    # -- planned, once a day ------------------------------------------------------------------

    def _plan_day(self, midnight: float) -> None:
        """Plan the day's newsletters, list mails and invoices, from nine o'clock on."""
        random = self.random
        day = datetime.fromtimestamp(midnight, UTC)
        for number, person in enumerate(self.world.newsletters):
            if day.day == 5 + 13 * number:
                self._single_mails(person, midnight + 36000, 500, random.uniform(1, 4))
        for person in self.world.batches:
            if day.day == 1:
                self._single_mails(person, midnight + 50000, 300, random.uniform(0.5, 3))
        for person in self.world.list_writers:
            if day.weekday() < 5 and random.random() < 0.3:
                time = midnight + random.uniform(8, 18) * 3600
                for _ in range(random.choice((1, 1, 2))):  # an afterthought
                    self._list_mail(person, time)
                    time += random.uniform(60, 600)

    def _single_mails(self, person: Person, time: float, count: int, gap: float) -> None:
        for _ in range(count):
            message = Message(
                time, person.homes[0], person.name, person.sender, self._addresses(1), size=30_000
            )
            message.kind = "newsletter"
            self._fates(message, dead=0.025, slow=0.04, blocked=0.003)
            self.planned.append(message)
            time += self.random.expovariate(1 / gap)

    def _list_mail(self, person: Person, time: float) -> None:
        place = self._place(person, time)
        message = Message(time, place, person.name, person.sender, self._addresses(300))
        message.kind = "list"
        self._fates(message, dead=0.02, slow=0.03)
        self.planned.append(message)


def _poisson(random: Random, mean: float) -> int:
    if mean > 30:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, random.random()
    while product > limit:
        count += 1
        product *= random.random()
    return count


def _cumulative(weights: list[float]) -> list[float]:
    total, found = 0.0, []
    for weight in weights:
        total += weight
        found.append(total)
    return found
