"""Who lives on the simulated server: people, programs, relays, strangers, attackers."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from benchmarks.simulator.model import Outbreak, Person

DOMAIN = "example.org"
# Names that a careless parser or writer breaks on; all of them can log in to a real Postfix.
HOSTILE_NAMES = (
    "john doe",
    "a,b",
    "x=y",
    "back\\slash",
    'quo"te',
    "tail\\",
    "x, sasl_username=victim@example.org",
    "jos\u00e9@example.org",
    "{{ .ID }}@example.org",
    "it's@example.org",
    "<b>bold</b>@example.org",
)
HOSTILE_SENDERS = (
    '"a b"@example.org',
    '"x>, size=1, nrcpt=99 (queue active)"@example.org',
    '"status=sent"@example.org',
)
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
]
OUTSIDE = tuple(
    f"{name}.example"
    for name in [
        "bigmail",
        "webpost",
        "partner",
        "customer",
        "university",
        "bank",
        "press",
        "museum",
        "library",
        "city",
        "club",
        "studio",
        "garden",
        "travel",
        "radio",
        "school",
        "clinic",
        "bakery",
        "garage",
        "theatre",
    ]
)


@dataclass
class World:
    """Everybody, drawn once from the seed."""

    people: list[Person]
    newsletters: list[Person]
    list_writers: list[Person]
    batches: list[Person]  # invoices: many single mails at the start of a month
    relays: list[tuple[str, str, float]]  # address, name, share
    inbound: list[tuple[str, str]]
    outbreaks: list[Outbreak]


def address(random: Random, network: int = 0) -> str:
    """Return a client address: of the world, or of one of the networks 1.. of our own."""
    if network:
        return f"10.{network}.{random.randrange(256)}.{random.randrange(1, 255)}"
    first = random.choice((31, 46, 62, 77, 85, 91, 109, 151, 176, 188, 203, 212))
    return f"{first}.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}"


def build(random: Random, users: int, *, hostile: bool) -> World:
    """Draw the population: weights are heavy-tailed, a tenth have telephones that roam."""
    people = [_person(random, number) for number in range(users)]
    if hostile:
        for person, name in zip(people[5:], HOSTILE_NAMES, strict=False):
            person.name = person.sender = name
            person.sender = random.choice((*HOSTILE_SENDERS, f"plain@{DOMAIN}"))
    shared = [
        Person(f"{name}@{DOMAIN}", 3.0, [address(random, n) for n in range(1, 8)])
        for name in ("info", "office")
    ]
    program = Person(f"noreply@{DOMAIN}", 25.0, [address(random, 9)], 1.0, night=True)
    writers = people[20:24]
    newsletters = [Person(f"{n}@{DOMAIN}", 0.05, [address(random, 8)]) for n in ("news", "events")]
    batches = [Person(f"invoices@{DOMAIN}", 0.3, [address(random, 8)])]
    everybody = [*people, *shared, program, *newsletters, *batches]
    for person in everybody:
        person.sender = person.sender or person.name
    relays = [
        ("127.0.0.1", "localhost", 10.0),
        ("10.0.0.10", "monitoring.example.org", 2.0),
        ("10.0.0.11", "erp.example.org", 3.0),
        (*RELAY, 1.0),
    ]
    inbound = [(f"198.51.100.{n + 10}", f"mx{n}.{domain}") for n, domain in enumerate(OUTSIDE)]
    return World(everybody, newsletters, writers, batches, relays, inbound, [])


def _person(random: Random, number: int) -> Person:
    name = f"{_FIRST[number % 26]}.{_LAST[number // 26 % 25]}{number // 650 or ''}@{DOMAIN}"
    person = Person(
        name,
        weight=random.paretovariate(1.2),
        homes=[address(random, 1 + number % 7), address(random)],
        recipients=1 + random.expovariate(2.0),
        phone=random.random() < 0.5,
    )
    person.weight = min(person.weight, 40.0)
    person.roams = person.phone and random.random() < 0.2
    return person


RELAY = ("10.0.0.12", "scanner.example.org")  # the trusted machine that style "relay" takes over

STYLES = {
    # messages a minute, recipients of a message, addresses
    "botnet": ((5, 60), (1, 30), (60, 400)),
    "single": ((15, 60), (1, 3), (1, 1)),
    "bulk": ((0.5, 4), (30, 80), (1, 3)),
    "slow": ((0.5, 2), (3, 12), (15, 60)),
    "few": ((3, 20), (1, 20), (3, 6)),
    "relay": ((5, 60), (1, 30), (1, 1)),
}


def outbreak(random: Random, style: str, user: str, start: float) -> Outbreak:
    """Draw one outbreak of a style, 20 minutes to 6 hours long."""
    rate, recipients, addresses = STYLES[style]
    top = random.randint(recipients[0], recipients[1])
    places = [address(random) for _ in range(random.randint(*addresses))]
    return Outbreak(
        user=user if style != "relay" else "",
        style=style,
        start=start,
        end=start + 60 * min(360.0, 20 + random.expovariate(1 / 60)),
        per_minute=random.uniform(*rate),
        recipients=(max(1, top // 2), top),
        addresses=places if style != "relay" else [RELAY[0]],
        dead=random.uniform(0.05, 0.25),
        blocking=random.uniform(0.1, 0.6),
    )
