"""Every kind of incident, drawn widely, written onto a server's log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from benchmarks.thresholds.log import BLOCKED, SENT, THROTTLED, UNKNOWN
from benchmarks.thresholds.server import (
    DAY,
    FEATURES,
    Person,
    Recipients,
    Server,
    outside,
    stranger,
)

_MOST = 1500  # recipients of one wave: what comes later changes no figure


@dataclass
class Truth:
    """What happened: who is guilty, and when how many recipients were written to."""

    kind: str
    guilty: list[set[str]] = field(default_factory=list)  # each with all the names it goes by
    writes: list[tuple[float, int]] = field(default_factory=list)  # time, recipients
    start: float = 0.0
    end: float = 0.0
    slow: bool = False
    hosts: int = 1
    named: bool = True  # whether there is somebody to name


class Spam:
    """Recipients of one wave with their fates."""

    def __init__(self, random: Random, dead: float, blocked: float, *, later: int = 0) -> None:
        self.random, self.dead, self.blocked = random, dead, blocked
        self.left = later  # so many before the world takes notice

    def to(self, count: int) -> Recipients:
        """Draw recipients."""
        found = []
        for _ in range(count):
            self.left -= 1
            x = self.random.random()
            fate = SENT
            if x < self.dead:
                fate = UNKNOWN
            elif x < self.dead + (self.blocked if self.left < 0 else 0):
                fate = BLOCKED if self.random.random() < 0.7 else THROTTLED
            found.append((stranger(self.random), fate))
        return found


def _spam(server: Server) -> Spam:
    random = server.random
    return Spam(
        random,
        random.choice((random.uniform(0.01, 0.08), random.uniform(0.08, 0.4))),
        random.choice((0.0, random.uniform(0.02, 0.2), random.uniform(0.2, 0.6))),
        later=random.choice((0, 30, 150)),
    )


def _victim(server: Server) -> Person:
    people = [p for p in server.people if p not in server.writers and not p.roams and p.rate > 0.5]
    people = people or server.people
    return server.random.choice(people)


def _pool(server: Server, count: int) -> list[str]:
    """Addresses of a botnet; some speak IPv6."""
    random = server.random
    if random.random() < 0.12:
        return [
            f"2a0{random.randrange(10)}:{random.randrange(65536):x}:{random.randrange(65536):x}:{random.randrange(65536):x}::{random.randrange(1, 65536):x}"
            for _ in range(count)
        ]
    return [outside(random) for _ in range(count)]


def _wave(  # noqa: PLR0913 -- what differs between the kinds
    server: Server,
    truth: Truth,
    login: Callable[[], str],
    sender: str,
    places: Sequence[str],
    *,
    per_minute: float,
    seconds: float,
    count: tuple[int, int],
    spam: Spam,
) -> None:
    """Write one wave of an account: messages of some recipients, from some places."""
    random = server.random
    time, left = truth.start, _MOST
    while time < min(truth.start + seconds, server.end) and left > 0:
        to = spam.to(random.randint(*count))
        left -= len(to)
        truth.writes.append((time, len(to)))
        server.log.mail(time, random.choice(places), sender, to, user=login(), method="LOGIN")
        time += random.expovariate(per_minute / 60)
    truth.end = max(truth.end, time)


def _burst(server: Server, truth: Truth, person: Person) -> None:
    """One of the ways in which a stolen login is used fast."""
    random = server.random
    style = random.choice(("many", "few", "single"))
    count = {"many": random.randint(30, 300), "few": random.randint(2, 8), "single": 1}[style]
    top = random.choice((1, 1, 3, 10, 25))
    _wave(
        server,
        truth,
        lambda: person.login,
        _from(server, person),
        _pool(server, count),
        per_minute=random.uniform(5, 80),
        seconds=60 * random.uniform(15, 180),
        count=(1, top),
        spam=_spam(server),
    )
    truth.guilty = [{person.login.lower(), person.address.lower()}]


def _from(server: Server, person: Person) -> str:
    """The sender that a spammer writes: the account's own, or another."""
    return person.address if server.random.random() < 0.7 else stranger(server.random)


def _at(server: Server, first: float, last: float) -> float:
    """A moment of the last day between two hours."""
    midnight = server.end - DAY
    return midnight + server.random.uniform(first, last) * 3600


def botnet(server: Server) -> Truth:
    """A stolen login used from everywhere."""
    random, person = server.random, _victim(server)
    truth = Truth("botnet", start=_at(server, 6, 20))
    top = random.choice((1, 3, 10, 30))
    _wave(
        server,
        truth,
        lambda: person.login,
        _from(server, person),
        _pool(server, random.randint(20, 400)),
        per_minute=random.uniform(3, 60),
        seconds=60 * random.uniform(20, 200),
        count=(1, top),
        spam=_spam(server),
    )
    truth.guilty = [{person.login.lower()}]
    return truth


def webmail_fast(server: Server) -> Truth:
    """A stolen login in the webmail, five a second."""
    random, person = server.random, _victim(server)
    truth = Truth("webmail 5/s", start=_at(server, 6, 22))
    _wave(
        server,
        truth,
        lambda: person.login,
        person.address,
        [server.webmail],
        per_minute=random.uniform(180, 400),
        seconds=60 * random.uniform(2, 20),
        count=(1, 1),
        spam=_spam(server),
    )
    truth.guilty = [{person.login.lower()}]
    return truth


def many_bcc(server: Server) -> Truth:
    """Few messages with many recipients each."""
    random, person = server.random, _victim(server)
    truth = Truth("many Bcc", start=_at(server, 6, 22))
    top = random.choice((30, 50, 90))
    places = [server.webmail] if random.random() < 0.2 else _pool(server, random.randint(1, 6))
    _wave(
        server,
        truth,
        lambda: person.login,
        _from(server, person),
        places,
        per_minute=random.uniform(0.3, 4),
        seconds=60 * random.uniform(20, 180),
        count=(top // 2, top),
        spam=_spam(server),
    )
    truth.guilty = [{person.login.lower()}]
    return truth


def at_night(server: Server) -> Truth:
    """A burst between midnight and five."""
    truth = Truth("at night", start=_at(server, 0, 4.5))
    _burst(server, truth, _victim(server))
    return truth


def busiest_hour(server: Server) -> Truth:
    """A burst in the morning's rush."""
    truth = Truth("busiest hour", start=_at(server, 9, 11))
    _burst(server, truth, _victim(server))
    return truth


def newsletter_writer(server: Server) -> Truth:
    """A burst from an account that writes to hundreds anyway."""
    if not server.writers:
        FEATURES["newsletters"](server)
    truth = Truth("newsletter writer", start=_at(server, 6, 20))
    _burst(server, truth, server.random.choice(server.writers))
    return truth


def thirty(server: Server) -> Truth:
    """Thirty in ten minutes, from changing addresses, for hours."""
    random, person = server.random, _victim(server)
    truth = Truth("30 in ten minutes", start=_at(server, 0, 16), slow=True)
    top = random.choice((1, 1, 2, 4))
    _wave(
        server,
        truth,
        lambda: person.login,
        _from(server, person),
        _pool(server, random.choice((10, 60, 300))),
        per_minute=random.uniform(2, 4) / ((1 + top) / 2),
        seconds=3600 * random.uniform(3, 8),
        count=(1, top),
        spam=_spam(server),
    )
    truth.guilty = [{person.login.lower()}]
    return truth


def five(server: Server) -> Truth:
    """Five in ten minutes for a day, most to addresses that do not exist."""
    random, person = server.random, _victim(server)
    truth = Truth("5 in ten minutes", start=_at(server, 0, 2), slow=True)
    spam = Spam(random, random.uniform(0.45, 0.7), random.choice((0.0, 0.1)))
    places = (
        [server.webmail] if random.random() < 0.25 else _pool(server, random.choice((1, 4, 40)))
    )
    _wave(
        server,
        truth,
        lambda: person.login,
        person.address,
        places,
        per_minute=random.uniform(0.4, 0.65),
        seconds=3600 * random.uniform(16, 22),
        count=(1, 1),
        spam=spam,
    )
    truth.guilty = [{person.login.lower()}]
    return truth


def dozen(server: Server) -> Truth:
    """A dozen stolen accounts at once, each low, from addresses that they share."""
    random = server.random
    truth = Truth("a dozen accounts", start=_at(server, 6, 14), slow=True)
    people = [p for p in server.people if p not in server.writers]
    pool = _pool(server, random.choice((5, 30, 120)))
    for person in random.sample(people, min(random.randint(8, 14), len(people))):
        spam = _spam(server)
        time = truth.start + random.uniform(0, 1800)
        until = time + 3600 * random.uniform(2, 6)
        rate = random.uniform(3, 20) / 600
        while time < min(until, server.end):
            to = spam.to(1 if random.random() < 0.8 else random.randint(2, 4))
            truth.writes.append((time, len(to)))
            server.log.mail(time, random.choice(pool), person.address, to, user=person.login)
            time += random.expovariate(rate)
        truth.end = max(truth.end, time)
        truth.guilty.append({person.login.lower()})
    truth.writes.sort()
    return truth


def validated(server: Server) -> Truth:
    """A list without dead addresses, from one address, for an hour."""
    random, person = server.random, _victim(server)
    truth = Truth("validated list", start=_at(server, 6, 22))
    top = random.choice((1, 1, 3, 8))
    _wave(
        server,
        truth,
        lambda: person.login,
        _from(server, person),
        _pool(server, 1),
        per_minute=random.uniform(20, 80) / ((1 + top) / 2),
        seconds=60 * random.uniform(45, 75),
        count=(1, top),
        spam=Spam(random, 0.0, 0.0),
    )
    truth.guilty = [{person.login.lower()}]
    return truth


def phishing(server: Server) -> Truth:
    """To our own mailboxes only."""
    random, person = server.random, _victim(server)
    truth = Truth("phishing to own", start=_at(server, 6, 20))
    places = [server.webmail] if random.random() < 0.3 else _pool(server, random.randint(1, 4))
    top = random.choice((1, 1, 5, 25))
    everybody = [p.address for p in server.people] + [
        f"team{n}@{server.domains[0]}" for n in range(200)
    ]
    random.shuffle(everybody)
    everybody = everybody[: random.randint(80, 300)]
    pause = random.choice((0.5, 3, 10)) * (1 + top) / 2
    time = truth.start
    while everybody and time < server.end:
        count = random.randint(1, top)
        to = [(a, SENT if random.random() < 0.95 else UNKNOWN) for a in everybody[:count]]
        del everybody[:count]
        truth.writes.append((time, len(to)))
        server.log.mail(time, random.choice(places), person.address, to, user=person.login)
        time += random.expovariate(1 / pause)
    truth.end = time
    truth.guilty = [{person.login.lower()}]
    return truth


def webmail_without_login(server: Server) -> Truth:
    """A webmail that hands over without a login: only the sender says who."""
    random = server.random
    if "webmail" not in server.machines:
        FEATURES["webmail_without_login"](server)
    address, _ = server.machines["webmail"]
    person = _victim(server)
    truth = Truth("webmail, no login", start=_at(server, 6, 22))
    _machine_wave(
        server,
        truth,
        address,
        [person.address],
        per_minute=random.uniform(4, 100),
        top=random.choice((1, 1, 5, 30)),
    )
    truth.guilty = [{person.address.lower(), address}]
    return truth


def _machine_wave(
    server: Server,
    truth: Truth,
    address: str,
    senders: Sequence[str],
    *,
    per_minute: float,
    top: int = 1,
    uid: int = -1,
    minutes: float = 0.0,
) -> None:
    random, spam = server.random, _spam(server)
    time = truth.start
    until = min(server.end, time + 60 * (minutes or random.uniform(20, 180)))
    rate, left = per_minute / 60 / ((1 + top) / 2), _MOST
    while time < until and left > 0:
        to = spam.to(random.randint(1, top))
        left -= len(to)
        truth.writes.append((time, len(to)))
        server.log.mail(time, address, random.choice(senders), to, uid=uid)
        time += random.expovariate(rate)
    truth.end = time


def _senders(server: Server, own: str) -> list[str]:
    """The machine's own sender, or one that the spammer writes, or many."""
    random = server.random
    style = random.choice(("own", "one", "many"))
    if style == "own":
        return [own]
    return [stranger(random) for _ in range(1 if style == "one" else random.randint(20, 200))]


def pickup(server: Server) -> Truth:
    """A hacked web page that mails as www-data."""
    random = server.random
    truth = Truth("www-data by pickup", start=_at(server, 0, 22))
    uid = random.choice((33, 33, 33, 48, 1001))
    own = f"{'www-data' if uid == 33 else 'apache' if uid == 48 else 'web1'}@{server.log.sort.host}.{server.domains[0]}"
    senders = _senders(server, own)
    _machine_wave(server, truth, "", senders, per_minute=random.uniform(4, 60), uid=uid)
    truth.guilty = [{str(uid), *senders}]
    return truth


def contact_form(server: Server) -> Truth:
    """A contact form on a trusted machine, 60 to 400 in ten minutes."""
    random = server.random
    if "web" not in server.machines:
        FEATURES["webserver"](server)
    address, own = server.machines["web"]
    truth = Truth("contact form", start=_at(server, 0, 22))
    senders = _senders(server, own)
    _machine_wave(server, truth, address, senders, per_minute=random.uniform(6, 40))
    truth.guilty = [{address, *(senders if len(senders) == 1 else [])}]
    return truth


def relay_many(server: Server) -> Truth:
    """An open relay, used from 120 addresses."""
    random, spam = server.random, _spam(server)
    truth = Truth("open relay, many", start=_at(server, 0, 20))
    pool = [outside(random) for _ in range(random.randint(80, 160))]
    rate = random.uniform(6, 60) / 60
    time = truth.start
    while time < min(server.end, truth.start + 3600 * random.uniform(1, 4)):
        to = spam.to(random.choice((1, 1, 2, 5)))
        truth.writes.append((time, len(to)))
        server.log.mail(time, random.choice(pool), stranger(random), to)
        time += random.expovariate(rate)
    truth.end = time
    truth.guilty = [{address} for address in pool]
    return truth


def relay_one(server: Server) -> Truth:
    """An open relay, used from one address."""
    random = server.random
    truth = Truth("open relay, one", start=_at(server, 0, 22))
    address = outside(random)
    _machine_wave(
        server,
        truth,
        address,
        [stranger(random) for _ in range(random.choice((1, 50)))],
        per_minute=random.uniform(5, 60),
        top=random.choice((1, 10)),
    )
    truth.guilty = [{address}]
    return truth


def forward(server: Server) -> Truth:
    """A forward or a redirect rule that passes spam on."""
    random = server.random
    person = (
        random.choice(server.forwards)[0]
        if server.forwards and random.random() < 0.3
        else _victim(server)
    )
    truth = Truth("forward of spam", start=_at(server, 0, 20))
    target = stranger(random)
    blocked = random.choice((0.02, 0.2, 0.6))
    rate = random.uniform(20, 300) / 600
    many = (
        [target]
        if random.random() < 0.7
        else [stranger(random) for _ in range(random.randint(2, 30))]
    )
    sources = _pool(server, random.choice((1, 60)))
    time = truth.start
    while time < min(server.end, truth.start + 3600 * random.uniform(1, 4)):
        fate = BLOCKED if random.random() < blocked else SENT
        to = [(a, fate) for a in many]
        truth.writes.append((time, len(to)))
        server.log.mail(time, random.choice(sources), stranger(random), to, alias=person.address)
        time += random.expovariate(rate / len(many))
    truth.end = time
    truth.guilty = [{person.address.lower()}]
    return truth


def guessing(server: Server) -> Truth:
    """A botnet that guesses, one try for each address."""
    random = server.random
    truth = Truth("guessing", start=_at(server, 0, 20), named=False)
    one = random.choice(server.people).login.lower()
    names = (
        [one]
        if random.random() < 0.4
        else [*(p.login for p in server.people), "admin", "info", "test"]
    )
    time = truth.start
    for _ in range(random.randint(400, 3000)):
        server.log.failure(time, outside(random), random.choice(names))
        truth.writes.append((time, 1))
        time += random.expovariate(random.choice((0.1, 0.3, 1.0)))
        if time > server.end:
            break
    truth.end = time
    truth.named = len(names) == 1
    truth.guilty = [set(names)] if truth.named else []
    return truth


def erp_taken_over(server: Server) -> Truth:
    """The machine with the invoices sends spam."""
    return _machine(server, "erp", "ERP taken over", server.random.uniform(6, 60))


def printer_taken_over(server: Server) -> Truth:
    """A printer sends spam."""
    return _machine(server, "printers", "printer taken over", server.random.uniform(3, 40))


def _machine(server: Server, feature: str, kind: str, per_minute: float) -> Truth:
    random = server.random
    key = "printer" if feature == "printers" else feature
    if key not in server.machines:
        FEATURES[feature](server)
    address, own = server.machines[key]
    truth = Truth(kind, start=_at(server, 0, 20))
    senders = (
        [own]
        if random.random() < 0.25
        else [stranger(random) for _ in range(random.choice((1, 20, 200)))]
    )
    _machine_wave(
        server, truth, address, senders, per_minute=per_minute, top=random.choice((1, 1, 5))
    )
    truth.guilty = [{address}]
    return truth


def spellings(server: Server) -> Truth:
    """One login, spelled in many ways."""
    random, person = server.random, _victim(server)
    truth = Truth("many spellings", start=_at(server, 6, 22))

    def login() -> str:
        return "".join(c.upper() if random.random() < 0.4 else c for c in person.login)

    _wave(
        server,
        truth,
        login,
        person.address,
        _pool(server, random.choice((1, 5, 100))),
        per_minute=random.uniform(5, 60),
        seconds=60 * random.uniform(20, 120),
        count=(1, random.choice((1, 3, 10))),
        spam=_spam(server),
    )
    truth.guilty = [{person.login.lower()}]
    return truth


def hosts(server: Server) -> Truth:
    """A wave that is spread over four MTAs."""
    random, person = server.random, _victim(server)
    truth = Truth("four MTAs", start=_at(server, 6, 22), hosts=4)
    _wave(
        server,
        truth,
        lambda: person.login,
        _from(server, person),
        _pool(server, random.choice((1, 5, 100))),
        per_minute=random.uniform(5, 60),
        seconds=60 * random.uniform(20, 120),
        count=(1, random.choice((1, 3, 10))),
        spam=_spam(server),
    )
    truth.guilty = [{person.login.lower()}]
    return truth


def two_accounts(server: Server) -> Truth:
    """Two stolen accounts that send in turn, each half of the wave."""
    random = server.random
    truth = Truth("two accounts in turn", start=_at(server, 6, 20))
    pair = random.sample([p for p in server.people if p not in server.writers], 2)
    spam, time, until = _spam(server), truth.start, truth.start + 60 * random.uniform(30, 180)
    pool, rate = _pool(server, random.choice((2, 20, 100))), random.uniform(60, 400) / 600
    number, left = 0, _MOST
    while time < min(until, server.end) and left > 0:
        person = pair[number % 2]
        to = spam.to(random.choice((1, 1, 3)))
        left -= len(to)
        truth.writes.append((time, len(to)))
        server.log.mail(time, random.choice(pool), person.address, to, user=person.login)
        time += random.expovariate(rate)
        number += 1
    truth.end = time
    truth.guilty = [{p.login.lower()} for p in pair]
    return truth


def insider(server: Server) -> Truth:
    """A thief on a computer of the house: the account's own office address."""
    random, person = server.random, _victim(server)
    truth = Truth("from the own network", start=_at(server, 6, 20))
    _wave(
        server,
        truth,
        lambda: person.login,
        _from(server, person),
        [person.homes[0]],
        per_minute=random.uniform(5, 80),
        seconds=60 * random.uniform(20, 180),
        count=(1, random.choice((1, 3, 10, 30))),
        spam=_spam(server),
    )
    truth.guilty = [{person.login.lower()}]
    return truth


def at_start(server: Server) -> Truth:
    """A burst in the first hours of the log: nobody has a history."""
    truth = Truth("at the log's start", start=server.start + server.random.uniform(0.1, 3) * 3600)
    _burst(server, truth, _victim(server))
    return truth


def at_end(server: Server) -> Truth:
    """A burst that still runs where the log ends."""
    truth = Truth("at the log's end", start=server.end - server.random.uniform(10, 40) * 60)
    _burst(server, truth, _victim(server))
    return truth


def for_days(server: Server) -> Truth:
    """10 to 25 an hour for up to five days, from changing addresses."""
    random, person = server.random, _victim(server)
    days = min(server.days - 1, random.uniform(2, 5))
    truth = Truth("slow, for days", start=server.end - days * DAY, slow=True)
    _wave(
        server,
        truth,
        lambda: person.login,
        person.address,
        _pool(server, random.choice((5, 60, 300))),
        per_minute=random.uniform(10, 25) / 60,
        seconds=days * DAY,
        count=(1, 1),
        spam=Spam(random, random.uniform(0.1, 0.5), random.choice((0.0, 0.1))),
    )
    truth.guilty = [{person.login.lower()}]
    return truth


DAYS = {"at_start": (1.0,), "for_days": (4.0, 8.0, 10.0)}  # of the server's life, where it matters

KINDS: dict[str, Callable[[Server], Truth]] = {
    f.__name__: f
    for f in (
        botnet, webmail_fast, many_bcc, at_night, busiest_hour, newsletter_writer, thirty, five, dozen,
        validated, phishing, webmail_without_login, pickup, contact_form, relay_many, relay_one, forward,
        guessing, erp_taken_over, printer_taken_over, spellings, hosts, two_accounts, insider, at_start,
        at_end, for_days,
    )
}  # fmt: skip
