"""Verdicts at their limits, and when an attack began."""

import pytest

from bmtick.alerts.weighing import Weight
from bmtick.incident.assessment import Assessment, Assessor, Evidence
from bmtick.incident.relays import _is_forger

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
