"""The staged outbreak, as data: who sends what, from where, when. Pure and seeded.

Seven minutes in the life of ``mail.example.org``. All names and addresses are reserved for
documentation (RFC 2606, RFC 5737).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

DOMAIN = "example.org"
SERVER = "192.0.2.25"
MAILBOXES = "192.0.2.26"
WEBMAIL = "192.0.2.30"  # trusted, harmless
GATEWAY = "192.0.2.111"  # trusted, taken over
BRUTE = ("203.0.113.66", "203.0.113.67")
BULLETIN = "192.0.2.40"
STOLEN = f"p.martin@{DOMAIN}"
NEWSLETTER = f"newsletter@{DOMAIN}"
NETWORKS = f"127.0.0.0/8 {WEBMAIL} {GATEWAY}"

DURATION = 420.0  # seconds

PEOPLE = tuple(
    f"{name}@{DOMAIN}"
    for name in [
        "a.weber",
        "b.leroy",
        "c.moreau",
        "d.schmidt",
        "e.rossi",
        "f.keller",
        "g.dubois",
        "h.braun",
        "i.novak",
        "j.lambert",
        "k.fischer",
        "l.petit",
        "m.garcia",
        "n.roux",
        "o.wagner",
        "q.henry",
        "r.becker",
        "s.vidal",
        "t.simon",
        "u.koch",
        "v.blanc",
        "w.meyer",
        "x.faure",
        "y.klein",
        "z.perrin",
    ]
)
ROAMING = PEOPLE[2]
LIST_WRITER = PEOPLE[7]
USERS = (*PEOPLE, STOLEN, NEWSLETTER)

# domain -> (mail server, its address)
REMOTE = {
    "partner.example": ("mx.partner.example", "198.51.100.10"),
    "customer.example": ("mx.customer.example", "198.51.100.20"),
    "bigmail.example": ("mx1.bigmail.example", "198.51.100.30"),
    "webpost.example": ("in.webpost.example", "198.51.100.40"),
    "university.example": ("relay.university.example", "198.51.100.50"),
}
# Domains whose addresses the attackers forge: bounces go there. Nothing listens at the second.
FORGED = {
    "bank.example": ("mx.bank.example", "198.51.100.60"),
    "lottery.example": ("mx.lottery.example", "198.51.100.70"),
}
INBOUND = ("198.51.100.10", "198.51.100.20", "198.51.100.50")


@dataclass(frozen=True)
class Session:
    """One SMTP session: at second ``at``, from address ``client``.

    ``wrong`` passwords are tried first, each in a session of its own; then, unless
    ``recipients`` is empty, one message is sent, logged in if ``user`` is given. ``abort`` leaves
    the session after the recipients, before the message.
    """

    at: float
    client: str
    user: str = ""
    sender: str = ""
    recipients: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    size: int = 400
    abort: bool = False
    role: str = "ordinary"


class Scenario:
    """Builds the sessions; ``sessions()`` gives them in order of time."""

    def __init__(self, seed: int = 1) -> None:
        self.random = random.Random(seed)

    def sessions(self) -> list[Session]:
        parts = (
            self.ordinary(),
            self.inbound(),
            self.local_programs(),
            self.mailing_list(),
            self.newsletter(),
            self.brute_force(),
            self.outbreak(),
            self.gateway(),
            self.nuisances(),
        )
        return sorted((s for part in parts for s in part), key=lambda s: s.at)

    def times(self, count: int, start: float, end: float) -> list[float]:
        return sorted(self.random.uniform(start, end) for _ in range(count))

    def outside(self, count: int, *, bad: float = 0.0) -> tuple[str, ...]:
        """Return distinct addresses outside; ``bad`` is the share of those that do not exist."""
        found: list[str] = []
        while len(found) < count:
            domain = self.random.choice(list(REMOTE))
            kind = "unknown" if self.random.random() < bad else self.random.choice("abcdefghijk")
            found.append(f"{kind}.{self.random.randrange(10000)}@{domain}")
        return tuple(dict.fromkeys(found))

    def ordinary(self) -> list[Session]:
        weights = [1 / (rank + 1) for rank in range(len(PEOPLE))]
        found = []
        for at in self.times(230, 0, DURATION):
            user = self.random.choices(PEOPLE, weights)[0]
            home = f"192.0.2.{100 + PEOPLE.index(user)}" if user != PEOPLE[11] else "192.0.2.98"
            if user == ROAMING:  # a telephone between office, train and home
                home = self.random.choice(("192.0.2.102", "198.51.100.202", "198.51.100.203"))
            count = self.random.choices((1, 2, 5), (8, 3, 1))[0]
            to = self.outside(count, bad=0.03)
            if self.random.random() < 0.3:
                to = tuple(self.random.sample([p for p in PEOPLE if p != user], count))
            if self.random.random() < 0.02:
                to = (*to, f"full.{self.random.randrange(99)}@university.example")
            size = int(self.random.lognormvariate(7.5, 1.2))
            found.append(Session(at, home, user, user, to, size=min(size, 200_000)))
        return found

    def inbound(self) -> list[Session]:
        found = []
        for at in self.times(36, 0, DURATION):
            client = self.random.choice(INBOUND)
            domain = next(d for d, (_, address) in REMOTE.items() if address == client)
            to = (self.random.choice(PEOPLE),)
            found.append(Session(at, client, "", f"a.{int(at)}@{domain}", to, size=3000))
        return found

    def local_programs(self) -> list[Session]:
        return [
            Session(at, WEBMAIL, "", self.random.choice(PEOPLE), self.outside(1), size=900)
            for at in self.times(12, 0, DURATION)
        ]

    def mailing_list(self) -> list[Session]:
        return [
            Session(95, "192.0.2.107", LIST_WRITER, LIST_WRITER, self.outside(60), role="list"),
            Session(305, "192.0.2.107", LIST_WRITER, LIST_WRITER, self.outside(60), role="list"),
        ]

    def newsletter(self) -> list[Session]:
        return [
            Session(
                60 + 1.2 * n, BULLETIN, NEWSLETTER, NEWSLETTER, to, size=6000, role="newsletter"
            )
            for n, to in enumerate(self.outside(1, bad=0.01) for _ in range(150))
        ]

    def brute_force(self) -> list[Session]:
        names = [*self.random.sample(PEOPLE, 6), STOLEN, f"admin@{DOMAIN}", f"test@{DOMAIN}"]
        found = [
            Session(at, BRUTE[n % 2], self.random.choice(names), wrong=(f"guess{n}",), role="brute")
            for n, at in enumerate(self.times(70, 30, 130))
        ]
        hostile = "x, sasl_username=victim@example.org"
        found.append(Session(75, BRUTE[0], hostile, wrong=("guess",), role="brute"))
        return [*found, Session(131, BRUTE[0], STOLEN, role="probe")]

    def outbreak(self) -> list[Session]:
        addresses = self.random.sample([f"203.0.113.{n}" for n in range(100, 255)], 90)
        found = []
        for at in self.times(230, 150, 350):
            # Every spammed list holds dead addresses, and big providers that fight back.
            to = self.outside(self.random.randrange(3, 7), bad=0.12)
            to = (*to, f"v.{self.random.randrange(10000)}@bigmail.example")
            forged = f"{self.random.choice(('service', 'konto', 'billing'))}@bank.example"
            client = self.random.choice(addresses)
            found.append(Session(at, client, STOLEN, forged, to, size=1500, role="outbreak"))
        return found

    def gateway(self) -> list[Session]:
        quiet = [
            Session(at, GATEWAY, "", f"scanner@{DOMAIN}", (self.random.choice(PEOPLE),))
            for at in self.times(5, 0, 200)
        ]
        bad = [
            Session(
                at, GATEWAY, "", f"prize{n}@lottery.example", self.outside(2, bad=0.1), role="relay"
            )
            for n, at in enumerate(self.times(90, 240, 400))
        ]
        return [*quiet, *bad]

    def nuisances(self) -> list[Session]:
        stranger = "203.0.113.77"
        found = [
            Session(at, stranger, "", f"x{n}@spam.example", self.outside(1), role="refused")
            for n, at in enumerate(self.times(8, 0, DURATION))
        ]
        found += [
            Session(
                at, INBOUND[0], "", "a@partner.example", (f"nobody{n}@{DOMAIN}",), role="refused"
            )
            for n, at in enumerate(self.times(6, 0, DURATION))
        ]
        found += [
            Session(at, f"192.0.2.{100 + n}", PEOPLE[n], PEOPLE[n], self.outside(2), abort=True)
            for n, at in enumerate(self.times(5, 0, DURATION))
        ]
        forgetful = PEOPLE[4]
        found.append(Session(200, "192.0.2.104", forgetful, wrong=("a", "b"), role="forgetful"))
        return found
