"""One simulated mail server over some days: who uses it, from where, and how.

All of it is drawn from a seed, widely: a size, habits, and which *features* the server has (a filter
gateway before it, newsletters, an ERP, ...). A background is a server with one feature for certain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from benchmarks.thresholds.log import BLOCKED, SENT, SLOW, THROTTLED, UNKNOWN, Log, Sort

DAY = 86400
MONDAY = 1_767_571_200  # 2026-01-05 00:00 UTC
Recipients = list[tuple[str, str]]

_FIRST = [
    "anna",
    "ben",
    "carla",
    "dario",
    "elif",
    "fatma",
    "georg",
    "hanna",
    "ivan",
    "jana",
    "karl",
    "lea",
    "marc",
    "nora",
    "otto",
    "paula",
    "quentin",
    "rosa",
    "sven",
    "tina",
    "uwe",
    "vera",
    "willi",
    "xenia",
    "yann",
    "zoe",
    "oyvind",
    "agnieszka",
    "nguyen",
    "mohamed",
    "jean-luc",
    "li",
]
_LAST = [
    "weber",
    "leroy",
    "moreau",
    "schmidt",
    "rossi",
    "keller",
    "dubois",
    "braun",
    "novak",
    "lambert",
    "fischer",
    "petit",
    "garcia",
    "roux",
    "wagner",
    "henry",
    "becker",
    "vidal",
    "simon",
    "koch",
    "blanc",
    "meyer",
    "faure",
    "klein",
    "perrin",
    "o'neil",
    "van_den_berg",
    "kowalczyk",
    "al-hassan",
    "wu",
    "lindstrom",
]
_BIG = (
    "gmail.example",
    "outlook.example",
    "gmx.example",
    "orange.example",
    "free.example",
    "web.example",
    "yahoo.example",
)
_HOURS = (1, 1, 1, 1, 1, 2, 5, 15, 40, 60, 60, 50, 30, 40, 55, 55, 45, 30, 15, 10, 8, 6, 3, 2)


@dataclass
class Person:
    """One account and its habits."""

    login: str
    address: str
    homes: list[str]
    mobile: tuple[int, int] | None  # the carrier's network, where a telephone is used
    rate: float  # messages on a working day
    contacts: list[str]
    many: float  # share of messages that go to many
    most: int  # recipients of these
    webmail: bool
    dead: float
    roams: bool = False  # often writes from a network where it never was


@dataclass
class Server:
    """The server, its log so far, and what incidents need to know."""

    random: Random
    log: Log
    start: float
    days: float
    domains: tuple[str, ...]
    people: list[Person] = field(default_factory=list)
    writers: list[Person] = field(default_factory=list)  # of newsletters
    webmail: str = "127.0.0.1"
    trusted: list[str] = field(default_factory=lambda: ["127.0.0.0/8", "::1"])
    machines: dict[str, tuple[str, str]] = field(default_factory=dict)  # kind -> address, sender
    forwards: list[tuple[Person, str]] = field(default_factory=list)
    features: set[str] = field(default_factory=set)

    @property
    def end(self) -> float:
        """The last second."""
        return self.start + self.days * DAY


def outside(random: Random) -> str:
    """Return an address of somewhere in the internet."""
    first = random.choice((31, 37, 46, 62, 77, 85, 91, 109, 151, 176, 178, 185, 188, 203, 212, 217))
    return f"{first}.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}"


def lan(random: Random, network: int) -> str:
    """Return an address of one of the house's networks."""
    return f"10.{network}.{random.randrange(4)}.{random.randrange(2, 255)}"


def stranger(random: Random) -> str:
    """Return a mail address elsewhere."""
    domain = (
        random.choice(_BIG) if random.random() < 0.6 else f"firm{random.randrange(5000)}.example"
    )
    return f"{random.choice(_FIRST)}.{random.choice(_LAST)}{random.randrange(1000)}@{domain}"


def build(
    seed: int, days: float, *, feature: str = "", size: float = 1.0, weekday: int | None = None
) -> Server:
    """Draw a server and write its ordinary life of some days.

    Args:
        seed: of everything.
        days: how many.
        feature: one that it has for certain.
        size: factor of the number of people.
        weekday: of the first day; None draws it.
    """
    random = Random(seed)
    start = MONDAY + DAY * (random.randrange(7) if weekday is None else weekday)
    domains = tuple(
        f"{name}.example"
        for name in random.sample(
            ("acme", "stadt", "mairie", "lycee", "klinik", "museum"), random.choice((1, 1, 2, 3))
        )
    )
    sort = Sort(
        host=random.choice(("bm", "mail", "edge1", "mx01")),
        domains=domains,
        iso=random.random() < 0.5,
        long_ids=random.random() < 0.6,
        full=random.random() < 0.4,
        submission=random.choice(
            (
                "postfix/submission/smtpd",
                "postfix/smtps/smtpd",
                "postfix/submissions/smtpd",
                "postfix/smtpd",
                "postfix-out/submission/smtpd",
            )
        ),
        sending=random.choice(("postfix/smtp", "postfix/smtp", "postfix-out/smtp")),
        offset=random.choice((0, 0, 60, 120, -300, 330)),
        filtered=random.random() < 0.15,
        traced=random.random() < 0.5,
        relayhost="" if random.random() < 0.92 else "smtp.provider.example[203.0.113.25]",
        store=random.choice(
            ("127.0.0.1[127.0.0.1]:2400", "bm-master.lan[10.0.0.2]:2400", "imap.lan[10.0.0.3]:24")
        ),
    )
    server = Server(random, Log(random, sort), start, days, domains)
    server.webmail = random.choice(("127.0.0.1", "10.0.0.2", "192.0.2.25"))
    share = {feature: 1.0}
    chosen = [name for name in FEATURES if random.random() < share.get(name, 0.22)]
    server.features = set(chosen)
    _populate(server, size, feature)
    for name in chosen:
        FEATURES[name](server)
    _ordinary(server)
    _inbound(server)
    _guessers(server)
    return server


def moments(
    server: Server, per_day: float, *, weekend: float = 0.2, flat: bool = False
) -> list[float]:
    """Draw times: so many on a working day, as people's days go."""
    random = server.random
    found = []
    for day in range(int(server.days + 0.999)):
        midnight = server.start + day * DAY
        weekday = int((midnight - MONDAY) // DAY) % 7
        mean = per_day * (1.0 if weekday < 5 or flat else weekend)
        count = (
            max(0, round(random.gauss(mean, mean**0.5))) if mean > 12 else _poisson(random, mean)
        )
        for _ in range(count):
            hour = random.randrange(24) if flat else random.choices(range(24), _HOURS)[0]
            found.append(midnight + hour * 3600 + random.random() * 3600)
    return sorted(time for time in found if time < server.end)


def _poisson(random: Random, mean: float) -> int:
    count, total = 0, random.expovariate(1.0)
    while total < mean:
        count += 1
        total += random.expovariate(1.0)
    return count


def fate(
    random: Random,
    dead: float,
    blocked: float = 0.002,
    throttled: float = 0.004,
    slow: float = 0.02,
) -> str:
    """Draw what becomes of a delivery to the outside."""
    x = random.random()
    for share, outcome in (
        (dead, UNKNOWN),
        (blocked, BLOCKED),
        (throttled, THROTTLED),
        (slow, SLOW),
    ):
        if x < share:
            return outcome
        x -= share
    return SENT


# -- people ---------------------------------------------------------------------------------------


def _populate(server: Server, size: float, feature: str) -> None:
    random = server.random
    count = max(5, int(size * 10 ** random.uniform(0.9, 2.3)))  # 8 to 200
    if feature in ("university", "school"):
        count = int(count * 2)
    nat = [outside(random) for _ in range(random.choice((1, 1, 2)))]
    webmail = random.choice((0.1, 0.3, 0.6, 0.9))
    names: set[str] = set()
    for number in range(count):
        name = f"{random.choice(_FIRST)}.{random.choice(_LAST)}{number if random.random() < 0.5 else ''}"
        if name in names:
            continue
        names.add(name)
        domain = random.choice(server.domains)
        address = f"{name}@{domain}"
        office = (
            random.choice(nat)
            if "nat" in server.features or random.random() < 0.3
            else lan(random, 1 + number % 6)
        )
        provider = (random.choice((77, 85, 91, 109, 176)), random.randrange(256))
        homes = [
            office,
            f"{provider[0]}.{provider[1]}.{random.randrange(256)}.{random.randrange(1, 255)}"
            if random.random() < 0.85
            else f"2a0{random.randrange(10)}:{provider[1]:x}:{random.randrange(65536):x}:{random.randrange(65536):x}::{random.randrange(1, 65536):x}",
        ]
        mobile = (
            (random.choice((80, 92, 37)), random.randrange(8)) if random.random() < 0.5 else None
        )
        contacts = [stranger(random) for _ in range(random.randrange(6, 40))]
        contacts += [
            f"{random.choice(_FIRST)}.{random.choice(_LAST)}@{random.choice(server.domains)}"
            for _ in range(random.randrange(3, 25))
        ]
        random.shuffle(contacts)
        server.people.append(
            Person(
                login=name if random.random() < 0.1 else address,
                address=address,
                homes=homes,
                mobile=mobile,
                rate=min(40.0, 2.0 * random.paretovariate(1.3)),
                contacts=contacts,
                many=random.choice((0.0, 0.0, 0.01, 0.03)),
                most=random.choice((10, 20, 40, 60)),
                webmail=random.random() < webmail,
                dead=random.choice((0.005, 0.01, 0.03, 0.05)),
            )
        )


def place_of(server: Server, person: Person, time: float) -> str:
    """Return the address that a person sends from."""
    random = server.random
    if person.webmail and random.random() < 0.8:
        return server.webmail
    x = random.random()
    if person.mobile and x < 0.25:
        return f"{person.mobile[0]}.{person.mobile[1] + 8}.{random.randrange(256)}.{random.randrange(1, 255)}"
    if x > 0.98 or (person.roams and x > 0.6):  # an hotel, a train, a friend's house
        return outside(random)
    office = 7 <= time % DAY / 3600 < 18 and int((time - MONDAY) // DAY) % 7 < 5
    if office and random.random() < 0.9:
        return person.homes[0]
    home, dot, _ = person.homes[1].rpartition(".")
    return (
        f"{home}.{1 + int(time // (3 * DAY)) % 250}"
        if dot and random.random() < 0.3
        else person.homes[1]
    )


def addressees(server: Server, person: Person, count: int) -> Recipients:
    """Draw recipients from a person's contacts, strangers where these do not suffice."""
    random = server.random
    known = person.contacts
    chosen = dict.fromkeys(  # in order: a set's would differ from run to run
        known[min(len(known) - 1, int(random.expovariate(4.0 / len(known))))] for _ in range(count)
    )
    while len(chosen) < count:
        other = (
            stranger(random)
            if random.random() < 0.5
            else random.choice(known)
            if count < len(known)
            else stranger(random)
        )
        chosen[other] = None
    return [(a, fate(random, person.dead)) for a in chosen]


def _ordinary(server: Server) -> None:
    random = server.random
    for person in server.people:
        for time in moments(server, person.rate):
            x = random.random()
            count = 1 if x < 0.75 else random.randint(2, 5)
            if random.random() < person.many:
                count = random.randint(6, person.most)
            server.log.mail(
                time,
                place_of(server, person, time),
                person.address,
                addressees(server, person, count),
                user=person.login,
                method="PLAIN" if person.webmail else "LOGIN",
            )
            if random.random() < 0.01:
                server.log.failure(time - 5, place_of(server, person, time), person.login)


def _inbound(server: Server) -> None:
    random = server.random
    if "filter_gateway" in server.features:
        return
    sources = [outside(random) for _ in range(80)]
    for time in moments(server, len(server.people) * random.uniform(1, 4), weekend=0.5):
        person = random.choice(server.people)
        server.log.mail(
            time,
            random.choice(sources) if random.random() < 0.8 else outside(random),
            stranger(random),
            [(person.address, SENT)],
        )
    for time in moments(server, random.choice((5, 60, 300)), flat=True):
        domain = random.choice(server.domains)
        server.log.reject(
            time,
            outside(random),
            stranger(random),
            f"{random.choice(_FIRST)}@{domain}",
            f"550 5.1.1 <x@{domain}>: Recipient address rejected: User unknown in virtual mailbox table",
        )
    for time in moments(server, random.choice((0, 3, 20)), flat=True):
        to = stranger(random)
        server.log.reject(
            time, outside(random), stranger(random), to, f"554 5.7.1 <{to}>: Relay access denied"
        )


def _guessers(server: Server) -> None:
    """The noise of the internet: somebody always guesses, at a rate of the server's own."""
    random = server.random
    names = [
        "admin",
        "info",
        "test",
        "postmaster",
        *(p.login for p in random.sample(server.people, min(6, len(server.people)))),
    ]
    for time in moments(server, random.choice((5, 40, 200, 700)), flat=True):
        server.log.failure(time, outside(random), random.choice(names))
    for _ in range(_poisson(random, server.days * random.choice((0.1, 0.5, 1.5)))):
        client, time = outside(random), server.start + random.random() * server.days * DAY
        for number in range(random.randint(10, 150)):  # one address, one dictionary
            server.log.failure(time + number * random.uniform(1, 20), client, random.choice(names))


# -- features -------------------------------------------------------------------------------------


def _filter_gateway(server: Server) -> None:
    """All inbound mail comes from one or two addresses, without a login."""
    random = server.random
    gateways = [
        random.choice((lan(random, 0), outside(random))) for _ in range(random.choice((1, 2, 3)))
    ]
    if random.random() < 0.4:
        server.trusted.append("10.0.0.0/8")
    for time in moments(server, len(server.people) * random.uniform(4, 15), weekend=0.6):
        to = [
            (p.address, SENT if random.random() < 0.95 else UNKNOWN)
            for p in random.sample(
                server.people, 1 if random.random() < 0.95 else min(8, len(server.people))
            )
        ]
        server.log.mail(time, random.choice(gateways), stranger(random), to)
    for _ in range(random.randrange(4)):  # the gateway was down, and comes back
        time = server.start + random.random() * server.days * DAY
        for _ in range(random.randint(200, 900)):
            time += random.expovariate(3.0)
            server.log.mail(
                time, gateways[0], stranger(random), [(random.choice(server.people).address, SENT)]
            )


def _backup_mx(server: Server) -> None:
    random = server.random
    backup = outside(random)
    if random.random() < 0.3:
        server.trusted.append(backup + "/32")
    for time in moments(server, random.choice((20, 150, 600)), flat=True):
        server.log.mail(
            time, backup, stranger(random), [(random.choice(server.people).address, SENT)]
        )
    for _ in range(random.randint(1, 3)):
        time = server.start + random.random() * server.days * DAY
        for _ in range(random.randint(150, 1500)):
            time += random.expovariate(random.choice((0.5, 2.0, 5.0)))
            server.log.mail(
                time, backup, stranger(random), [(random.choice(server.people).address, SENT)]
            )


def _list_servers(server: Server) -> None:
    """Lists elsewhere that write to many of us, and perhaps one of ours that writes to many."""
    random = server.random
    for _ in range(random.randint(1, 3)):
        source = outside(random)
        for time in moments(server, random.uniform(3, 40)):
            people = random.sample(server.people, random.randint(1, min(80, len(server.people))))
            server.log.mail(
                time,
                source,
                f"list-bounces@lists{random.randrange(9)}.example",
                [(p.address, SENT) for p in people],
            )
    if random.random() < 0.6:
        own, domain = "10.0.0.20", server.domains[0]
        server.trusted.append("10.0.0.0/8")
        dead, throttled = random.uniform(0.0, 0.04), random.uniform(0.0, 0.03)
        lists = {
            form.format(name=f"{name}{domain}"): [
                (stranger(random), fate(random, dead, 0.002, throttled))
                for _ in range(int(10 ** random.uniform(1.4, 2.9)))
            ]
            for form, name in zip(
                random.choices(("{name}", "owner-{name}", "lists.{name}"), k=8),
                (
                    "verein-bounces@",
                    "presse-owner@",
                    "info-request@",
                    "chor-bounces@",
                    *(f"l{n}-return@" for n in range(4)),
                ),
                strict=True,
            )
            if random.random() < 0.5
        } or {f"verein-bounces@{domain}": [(stranger(random), SENT) for _ in range(200)]}
        for time in moments(server, random.uniform(1, 12)):
            sender = random.choice(list(lists))
            members = lists[sender]
            for first in range(0, len(members), 50):
                server.log.mail(time + first / 50, own, sender, members[first : first + 50])


def _newsletters(server: Server, *, throttled: float = 0.02) -> None:
    random = server.random
    for number in range(random.randint(1, 3)):
        name = random.choice(("news", "newsletter", "events", "verein", "presse"))
        writer = Person(
            f"{name}{number}@{server.domains[0]}",
            f"{name}{number}@{server.domains[0]}",
            [lan(random, 8), outside(random)],
            None,
            0.4,
            [stranger(random) for _ in range(20)],
            0.0,
            10,
            random.random() < 0.3,
            0.01,
        )
        everyday = random.random() < 0.5  # an ordinary person who also writes a newsletter
        writer.rate = random.uniform(3, 10) if everyday else 0.4
        server.people.append(writer)
        server.writers.append(writer)
        size = int(10 ** random.uniform(2.2, 3.3))
        dead = random.uniform(0.0, 0.04) if number else random.uniform(0.08, 0.10)
        addresses = [(stranger(random), fate(random, dead, 0.004, throttled)) for _ in range(size)]
        batch = random.choice((1, 1, 1, 20, 50))
        pause = random.choice((0.3, 1.0, 4.0))
        period = random.choice((1, 7, 7, 14)) * DAY
        time = server.start + random.random() * period
        while time < server.end:
            at = time - time % DAY + random.uniform(8, 17) * 3600
            place = server.webmail if writer.webmail else writer.homes[0]
            for first in range(0, size, batch):
                server.log.mail(
                    at, place, writer.address, addresses[first : first + batch], user=writer.login
                )
                at += pause * random.uniform(0.5, 1.5) * (1 if batch == 1 else 5)
            time += period


def _throttling(server: Server) -> None:
    _newsletters(server, throttled=server.random.uniform(0.3, 0.7))


def _erp(server: Server) -> None:
    """Invoices from a trusted machine: some each day, the month's at once."""
    random = server.random
    address, sender = lan(random, 0), f"invoices@{server.domains[0]}"
    server.trusted.append("10.0.0.0/8")
    server.machines["erp"] = (address, sender)
    customers = [stranger(random) for _ in range(2500)]
    dead = random.uniform(0.0, 0.04)
    for time in moments(server, random.uniform(10, 150), weekend=0.0):
        server.log.mail(time, address, sender, [(random.choice(customers), fate(random, dead))])
    size = random.choice((500, 1000, 2000, 2000))
    period = random.choice((7, 14, 28)) * DAY
    time = server.start + random.random() * min(period, server.days * DAY)
    while time < server.end:
        at = time - time % DAY + random.uniform(5, 20) * 3600
        pause = random.choice((0.3, 1.0, 3.0))
        for customer in customers[:size]:
            server.log.mail(at, address, sender, [(customer, fate(random, dead, 0.003, 0.03))])
            at += random.expovariate(1 / pause)
        time += period


def _printers(server: Server) -> None:
    random = server.random
    server.trusted.append("10.0.0.0/8")
    for number in range(random.randint(1, 5)):
        address = lan(random, 0)
        sender = f"scan{number}@{server.domains[0]}"
        server.machines.setdefault("printer", (address, sender))
        for time in moments(server, random.uniform(2, 30), weekend=0.0):
            person = random.choice(server.people)
            to = (person.address, SENT) if random.random() < 0.8 else (stranger(random), SENT)
            server.log.mail(time, address, sender, [to])


def _monitoring(server: Server) -> None:
    """The same few recipients, in storms."""
    random = server.random
    address, sender = lan(random, 0), f"nagios@{server.domains[0]}"
    server.trusted.append("10.0.0.0/8")
    to = [
        (server.people[0].address, SENT),
        *((stranger(random), SENT) for _ in range(random.choice((0, 1, 2)))),
    ]
    for time in moments(server, random.uniform(5, 60), flat=True):
        server.log.mail(time, address, sender, to)
    for _ in range(int(server.days / 4) + 1):
        time = server.start + random.random() * server.days * DAY
        for _ in range(random.randint(30, 250)):
            time += random.expovariate(0.3)
            server.log.mail(time, address, sender, to)


def _webserver(server: Server) -> None:
    """A contact form or a shop on a trusted machine."""
    random = server.random
    address, sender = lan(random, 0), f"wordpress@{server.domains[0]}"
    server.trusted.append("10.0.0.0/8")
    server.machines["web"] = (address, sender)
    for time in moments(server, random.uniform(2, 60), weekend=0.8):
        to = stranger(random) if random.random() < 0.6 else random.choice(server.people).address
        server.log.mail(time, address, sender, [(to, fate(random, 0.03))])


def _cron(server: Server) -> None:
    """Mail of this machine itself, by pickup."""
    random = server.random
    host = server.log.sort.host
    admin = stranger(random) if random.random() < 0.4 else server.people[0].address
    for day in range(int(server.days)):
        for number in range(random.randint(1, 12)):
            server.log.mail(
                server.start + day * DAY + 3600 * 6 + number * 5,
                "",
                f"root@{host}.{server.domains[0]}",
                [(admin, SENT)],
                uid=0,
            )
    for time in moments(server, random.choice((0, 5, 40)), weekend=0.7):
        server.log.mail(
            time,
            "",
            f"www-data@{host}.{server.domains[0]}",
            [(stranger(random), fate(random, 0.03))],
            uid=33,
        )


def _forwarders(server: Server) -> None:
    """People whose mail goes on to a mailbox elsewhere, spam and all."""
    random = server.random
    people = random.sample(server.people, min(len(server.people), random.randint(2, 8)))
    for person in people:
        target = stranger(random)
        server.forwards.append((person, target))
        spam = random.uniform(0.0, 0.12)
        for time in moments(server, random.choice((4, 15, 60)), weekend=0.6):
            outcome = fate(random, 0.0, spam, 0.02)
            server.log.mail(
                time, outside(random), stranger(random), [(target, outcome)], alias=person.address
            )


def _school(server: Server) -> None:
    random = server.random
    for person in server.people:
        if random.random() < 0.5:
            person.many = random.uniform(0.05, 0.3)
            person.most = random.choice((30, 60, 120))
            person.dead = random.choice((0.01, 0.05, 0.08))
            person.contacts += [stranger(random) for _ in range(120)]


def _university(server: Server) -> None:
    random = server.random
    for person in server.people:
        person.mobile = person.mobile or (random.choice((80, 92, 37)), random.randrange(8))
        if random.random() < 0.1:
            person.many, person.most = random.uniform(0.03, 0.15), random.choice((60, 150, 300))
            person.contacts += [stranger(random) for _ in range(200)]
        if random.random() < 0.15:  # abroad: another network each day
            person.homes[1] = outside(random)
    # A congress: many people, one new address, one afternoon.
    venue, time = outside(random), server.start + random.uniform(0.3, 1) * server.days * DAY
    for person in random.sample(server.people, min(30, len(server.people))):
        for _ in range(random.randint(1, 8)):
            at = time + random.random() * 8 * 3600
            if at < server.end:
                server.log.mail(
                    at,
                    venue,
                    person.address,
                    addressees(server, person, random.choice((1, 1, 2, 5))),
                    user=person.login,
                )


def _functions(server: Server) -> None:
    """Accounts that many people use, each from a telephone of their own."""
    random = server.random
    for name in random.sample(
        ("info", "support", "service", "praxis", "vertrieb", "pflege"), random.randint(1, 4)
    ):
        domain = server.domains[0]
        networks = [
            (random.choice((37, 80, 92, 109, 176)), random.randrange(30))
            for _ in range(random.randint(4, 15))
        ]
        address = f"{name}@{domain}"
        contacts = [stranger(random) for _ in range(300)]
        dead = random.choice((0.01, 0.04))
        for time in moments(server, random.uniform(20, 250), weekend=random.choice((0.2, 0.8))):
            net = random.choice(networks)
            place = f"{net[0]}.{net[1]}.{random.randrange(256)}.{random.randrange(1, 255)}"
            server.log.mail(
                time,
                place,
                address,
                [
                    (random.choice(contacts), fate(random, dead))
                    for _ in range(1 if random.random() < 0.9 else random.randint(2, 6))
                ],
                user=address,
            )


def _webmail_one_address(server: Server) -> None:
    for person in server.people:
        person.webmail = True


def _webmail_without_login(server: Server) -> None:
    """A webmail of another make on a trusted machine: only the envelope sender says who writes."""
    random = server.random
    address = lan(random, 0)
    server.trusted.append("10.0.0.0/8")
    server.machines["webmail"] = (address, "")
    for person in random.sample(server.people, max(3, len(server.people) // 2)):
        for time in moments(server, person.rate * 0.6):
            count = 1 if random.random() < 0.8 else random.randint(2, 8)
            server.log.mail(time, address, person.address, addressees(server, person, count))


def _mailing_program(server: Server) -> None:
    """A program with a login of its own: orders and reminders, day and night."""
    random = server.random
    address = f"noreply@{server.domains[0]}"
    place, dead = lan(random, 9), random.uniform(0.0, 0.05)
    for time in moments(server, random.choice((50, 200, 600)), flat=random.random() < 0.5):
        server.log.mail(
            time, place, address, [(stranger(random), fate(random, dead))], user=address
        )


def _travellers(server: Server) -> None:
    """Some write from a new network day after day: sales people, a private network that changes exits."""
    for person in server.random.sample(server.people, max(1, len(server.people) // 6)):
        person.roams = True
        person.webmail = False


def _nothing(server: Server) -> None:
    del server


FEATURES: dict[str, Callable[[Server], None]] = {
    "nat": _nothing,  # one address for the whole office; _populate reads it
    "school": _school,
    "university": _university,
    "webmail_one_address": _webmail_one_address,
    "webmail_without_login": _webmail_without_login,
    "newsletters": _newsletters,
    "throttling": _throttling,
    "function_accounts": _functions,
    "mailing_program": _mailing_program,
    "filter_gateway": _filter_gateway,
    "backup_mx": _backup_mx,
    "list_servers": _list_servers,
    "erp": _erp,
    "printers": _printers,
    "monitoring": _monitoring,
    "webserver": _webserver,
    "cron": _cron,
    "forwarders": _forwarders,
    "travellers": _travellers,
}
