"""Innocent senders that look a little like an outbreak, harder than the simulated weeks hold.

Each returns messages: (second, recipients, address, refused).
"""

from collections import defaultdict
from random import Random

from bmtick.durations import SECOND
from bmtick.points import Point

START = 1_770_000_000

Sent = tuple[float, int, str, int]


def _refused(random: Random, count: int, share: float) -> int:
    return sum(random.random() < share for _ in range(count))


def newsletter(random: Random) -> list[Sent]:
    """500 single mails within 3 to 50 minutes; up to 6 % of the addresses are dead."""
    gap, dead = random.uniform(0.4, 6), random.uniform(0.005, 0.06)
    return [(n * gap, 1, "a", _refused(random, 1, dead)) for n in range(500)]


def list_writer(random: Random) -> list[Sent]:
    """Up to three mails to a list of 300, and some others, from up to eight addresses."""
    dead, places = random.uniform(0, 0.06), random.randint(1, 8)
    sent = [
        (random.uniform(0, 3600), random.choice((1, 1, 2, 5)), f"{random.randrange(places)}", 0)
        for _ in range(random.randint(3, 12))
    ]
    at = 1800.0
    for _ in range(random.randint(1, 3)):
        sent.append((at, 300, f"{random.randrange(places)}", _refused(random, 300, dead)))
        at += random.uniform(30, 600)
    return sent


def roaming_phone(random: Random) -> list[Sent]:
    """Up to 40 mails within the hour, most of them from a new address."""
    return [
        (
            random.uniform(0, 3600),
            random.choice((1, 1, 1, 2, 3)),
            str(n) if random.random() < 0.7 else "home",
            _refused(random, 1, 0.02),
        )
        for n in range(random.randint(10, 40))
    ]


def busy_train(random: Random) -> list[Sent]:
    """15 answers within ten minutes, from up to 15 addresses."""
    places = random.randint(5, 15)
    return [
        (random.uniform(0, 600), random.choice((1, 1, 1, 2, 3)), str(n % places), 0)
        for n in range(15)
    ]


def shared_account(random: Random) -> list[Sent]:
    """An info@ account that up to 14 machines use, up to 120 mails an hour."""
    places = random.randint(5, 14)
    return [
        (
            random.uniform(0, 3600),
            random.choice((1, 1, 1, 2, 4)),
            str(random.randrange(places)),
            _refused(random, 1, 0.02),
        )
        for _ in range(random.randint(30, 120))
    ]


INNOCENTS = (newsletter, list_writer, roaming_phone, busy_train, shared_account)


def points(user: str, sent: list[Sent]) -> list[Point]:
    """Return what the collector would make of the messages."""
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    seen: dict[int, list[str]] = defaultdict(list)
    for second, recipients, address, refused in sorted(sent):
        bucket = START + int(second) // 10 * 10
        for n, value in enumerate((1, recipients, refused)):
            sums[bucket][n] += value
        seen[bucket].append(address)
    found, last = [], {}
    for bucket in sorted(sums):
        last |= dict.fromkeys(seen[bucket], bucket)
        clients = sum(1 for at in last.values() if at > bucket - 3600)
        messages, recipients, refused = sums[bucket]
        fields = {
            "messages": messages,
            "recipients": recipients,
            "bytes": 1000 * messages,
            "clients": clients,
            "refused": refused,
        }
        tags = {"host": "mail", "datalocation": "bm-master", "user": user}
        found.append(Point("postfix_sender", tags, fields, bucket * SECOND))
    return found
