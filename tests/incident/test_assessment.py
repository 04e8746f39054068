"""Verdicts at their limits, and when an attack began."""

import sys
from random import Random
from types import SimpleNamespace

import pytest

from bmtick import names as n
from bmtick.alerts.weighing import Scales as AlertScales
from bmtick.alerts.weighing import Weight
from bmtick.incident import assessment
from bmtick.incident.assessment import Assessment, Assessor, Evidence, scales_of
from bmtick.incident.relays import _is_forger
from bmtick.settings import Settings

NOW, DAY = 1_700_000_000, 24 * 3600


class Scales:
    """Weighs by one field, ``value``, against 10."""

    def weigh(self, _measurement, facts):
        return [Weight("one", facts["messages"], 10, facts["messages"] >= 10)]


def row(messages, time, user="u"):
    from bmtick.names import FIELDS, SENDER

    values = [messages if name == "messages" else 0 for name in FIELDS[SENDER]]
    return SENDER, (user,), values, time * 10**9


def assessed(*rows):
    one = Assessor(Scales(), 0)
    one.take(rows)
    return one.close()["postfix_sender"]


@pytest.mark.parametrize(
    ("value", "verdict"), [(4.9, ""), (5, "unusual"), (9.9, "unusual"), (10, "suspect")]
)
def test_from_half_of_the_threshold_on_it_is_unusual(value, verdict):
    weight = Weight("one", value, 10, value >= 10)
    assert Assessment("postfix_sender", "u", {}, weight).verdict == verdict


def test_an_attack_that_pauses_for_a_day_is_another_one():
    for pause, began in ((3600, NOW), (DAY, NOW + DAY)):
        rows = row(10, NOW), row(0, NOW + pause), row(20, NOW + pause + 2)
        assert assessed(*rows)["u"].since == began


@pytest.mark.parametrize(
    ("foreign", "domains", "relayed", "forger"),
    [(90, 50, 1000, True), (10, 50, 1000, False), (90, 1, 1000, False), (90, 50, 1, False)],
)
def test_strange_senders_convict_where_most_mail_bears_them(foreign, domains, relayed, forger):
    evidence = Evidence("forging", 2.0, "", {"foreign_messages": foreign, "domains": domains})
    assert _is_forger(evidence, 100, relayed) is forger


def rows_of_days(random):
    """Return rows of all kinds, with storms, in order of time."""
    found, now = [], NOW
    storms = random.sample(range(200), 12)
    for number in range(200):
        now += random.choice((10, 10, 20, 60, 900, 5000))
        for name in ENTITIES:
            for _ in range(random.randint(0, 4)):
                tags = tuple(random.choice(VALUES[tag]) for tag in n.TAGS[name])
                most = 900 if number in storms else 6
                fields = [random.randint(0, most) for _ in n.FIELDS[name]]
                found.append((name, tags, fields, now * 10**9))
    return found


ENTITIES = (n.SENDER, n.CLIENT, n.FROM, n.LOCAL, n.FORWARD, n.ACCOUNT, n.SERVER)
NAMES = [f"{letter}@corp.example" for letter in "abcdef"] + [n.OTHER, "o'neil"]
VALUES = {"known": ("true", "false"), "uid": ("0", "33"), "client": ("10.0.0.1", "192.0.2.7")}
VALUES |= dict.fromkeys(("user", "sender", "forwarder"), NAMES)


@pytest.mark.parametrize("seed", range(6))
def test_many_rows_are_weighed_by_columns_as_one_by_one(seed, monkeypatch):
    pytest.importorskip("numpy")
    rows = rows_of_days(Random(seed))
    scales = scales_of(Settings())
    for name in ENTITIES[:5]:
        assert assessment._by_columns(scales, [row for row in rows if row[0] == name])
    found = []
    for together in (97, 1 << 30):
        monkeypatch.setattr(assessment, "_TOGETHER", together)
        one = Assessor(scales, NOW + 50_000)
        for place in range(0, len(rows), 10):
            one.take(rows[place : place + 10])
        found.append((one.close(), one.open_since))
    assert found[0] == found[1]
    assert any(one.since for one in found[0][0][n.SENDER].values())


def test_without_numpy_each_row_is_weighed(monkeypatch):
    monkeypatch.setitem(sys.modules, "bmtick.alerts.weights", None)
    monkeypatch.setattr(assessment, "_TOGETHER", 2)
    one = Assessor(scales_of(Settings()), 0)
    one.take([row(5000, NOW), row(1, NOW + 60)])
    assert one.close()[n.SENDER]["u"].counts == {"messages": 5001}


@pytest.mark.parametrize("first", [0, 1])
def test_of_several_alerts_a_critical_one_is_the_heaviest(first):
    pytest.importorskip("numpy")
    from bmtick.alerts.weights import weigh_rows

    def alert(name, field, threshold, decisive):  # critical apart from its share
        script = (
            f"stream|from().measurement('{n.SENDER}')"
            f"|eval(lambda: float(\"{field}\"), lambda: {threshold}).as('value', 'crit').keep()"
            f'|alert().crit(lambda: "{decisive}" > 5)'
        )
        return SimpleNamespace(name=name, task_id=name, script=script)

    pair = [
        alert("light", "messages", "100.0", "refused"),
        alert("heavy", "messages", "1.0", "blocked"),
    ]
    scales = AlertScales(Settings(), [pair[first], pair[1 - first]])
    random, rows = Random(7), []
    for number in range(60):
        facts = dict.fromkeys(n.FIELDS[n.SENDER], 0)
        facts |= {"messages": 7, "refused": random.choice((0, 9)), "blocked": random.choice((0, 9))}
        rows.append((n.SENDER, ("u",), [facts[f] for f in n.FIELDS[n.SENDER]], number * 10**9))
    found = weigh_rows(scales, rows)
    assert found
    for place, (_, _, values, _) in enumerate(rows):
        weights = scales.weigh(n.SENDER, dict(zip(n.FIELDS[n.SENDER], values, strict=True)))
        assert found[1].of(place) == max(weights, key=lambda w: (w.critical, w.value / w.threshold))
    assert {found[1].of(place).alert for place in range(60)} == {"light", "heavy"}
