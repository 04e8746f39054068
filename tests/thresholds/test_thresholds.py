"""The judge: its table holds every kind, its figures follow from the alarms, and can go wrong."""

import pytest

from benchmarks.thresholds import baselines, judge, table, verdicts
from benchmarks.thresholds.__main__ import main
from benchmarks.thresholds.incidents import KINDS, Truth
from benchmarks.thresholds.judge import Case
from benchmarks.thresholds.server import FEATURES
from bmtick.durations import SECOND
from bmtick.names import FIELDS
from bmtick.points import Point


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(judge, "_CACHE", tmp_path)


def test_the_issue_s_kinds_and_backgrounds_are_all_there():
    assert len(KINDS) == 27
    assert {"filter_gateway", "backup_mx", "list_servers", "school", "university", "nat"} <= set(
        FEATURES
    )


def test_table_of_few_runs(capsys):
    main(
        [
            "--runs",
            "1",
            "--kinds",
            "relay_many",
            "--quiet-runs",
            "1",
            "--days",
            "2",
            "--backgrounds",
            "printers",
            "--processes",
            "1",
        ]
    )
    incidents, quiet = capsys.readouterr().out.strip().split("\n\n")
    (row, everything) = (line.split("|") for line in incidents.splitlines()[2:])
    assert row[1].strip() == "relay many"
    assert row[3].strip() == "100 % (21-100)"
    assert everything[1].strip() == "all"
    assert "printers" in quiet


def points(*rows):
    """Points of a stranger who relays: second, recipients."""
    fields = dict.fromkeys(FIELDS["postfix_client"], 0)
    return [
        Point(
            "postfix_client",
            {"host": "edge1", "datalocation": "bm", "client": "203.0.113.9", "known": "false"},
            {**fields, "messages": n, "recipients": n, "hour_relayed": n, "day_relayed": n},
            second * SECOND,
        )
        for second, n in rows
    ]


def outcome(*rows, start=1000.0):
    truth = Truth("relay_one", [{"203.0.113.9"}], [(start, 5), (start + 50, 90)], start, start + 60)
    data = points(*rows)
    simple = {name: rule(data) for name, rule in baselines.RULES.items()}
    return judge.run(Case("relay_one", 0, data, truth, 1.0, simple))


def test_an_alarm_about_the_guilty_one_counts_with_what_was_sent_before():
    found = outcome((1000, 4), (1030, 90))
    assert (found.seen, found.named, found.guilty, found.before, found.delay) == (True, 1, 1, 5, 40)


def test_an_alarm_before_the_incident_does_not_count():
    assert not outcome((100, 90)).seen
    assert not outcome((1000, 4)).seen


def test_every_alarm_of_a_quiet_week_is_false():
    data = points((1000, 90))
    simple = {name: rule(data) for name, rule in baselines.RULES.items()}
    found = judge.run(Case("nat", 0, data, None, 7.0, simple))
    assert "| 4.00 | 0.00 | relay_client 1 |" in table.backgrounds([found])


def test_simple_rules():
    rows = points((0, 100), (590, 99), (600, 101), (5000, 199))
    assert baselines.RULES["200 recipients"](rows) == [(610, "203.0.113.9")]
    assert baselines.RULES["100 messages"](rows)[0] == (10, "203.0.113.9")


def test_interval_of_a_share():
    low, high = table.wilson(8, 8)
    assert (round(low), round(high)) == (68, 100)
    assert table.share(0, 10) == "0 % (0-28)"


def relaying(name, *, guilty):
    """Ask about a server that one stranger uses as an open relay, told that somebody is guilty."""
    built, truth, _, _ = judge.simulated("relay_one", 4)
    truth.guilty = [{name}] if guilty else []
    return verdicts.ask("relay_one", 4, built, truth if guilty else None)


def test_an_answer_is_compared_with_the_truth():
    """The same log, asked about with the right truth, without one, and with a wrong one."""
    _, truth, _, _ = judge.simulated("relay_one", 4)
    [[client]] = truth.guilty
    right = relaying(client, guilty=True)
    assert (right.first, right.named, right.innocents) == (True, 1, ())
    quiet = relaying(client, guilty=False)
    assert (quiet.incident, quiet.innocents) == (False, (client,))
    wrong = relaying("192.0.2.1", guilty=True)
    assert (wrong.first, wrong.named, wrong.innocents) == (False, 0, (client,))
    table_of = verdicts.shown([right, wrong]).splitlines()
    assert table_of[-1] == "| all | 2 | 50 % (9-91) | 50 % (9-91) | 1 |"
