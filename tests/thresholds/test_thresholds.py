"""The table of thresholds on a small server: every alert is in it, and the figures can go wrong."""

from benchmarks.thresholds.__main__ import main
from benchmarks.thresholds.signals import SIGNALS, episodes
from bmtick.alerts import catalogue


def test_table_of_a_small_server(capsys):
    main(["--worlds", "1", "--attacks", "1", "--per-day", "250", "--users", "60"])
    rows = [line.split("|") for line in capsys.readouterr().out.splitlines()[2:]]
    assert {row[1].strip() for row in rows} == {signal.alert for signal in SIGNALS}
    chosen = next(r for r in rows if r[1].strip() == "sender_outbreak" and "**100**" in r[2])
    assert chosen[3].strip() == "0.00"
    simple = next(r for r in rows if r[1].strip() == "sender_recipients" and "**200**" in r[2])
    assert float(simple[3]) > 0  # lists of 300


def test_defaults_in_the_table_are_those_of_the_catalogue():
    for signal in SIGNALS:
        assert signal.default in signal.thresholds
        assert catalogue()[signal.alert].parameters["crit"].default == signal.default, signal.alert


def test_episodes_begin_at_the_threshold_and_end_below_it_or_in_silence():
    rows = [(0, 5), (10, 9), (20, 10), (30, 11), (40, 9), (50, 10), (2000, 10)]
    assert list(episodes(rows, 10)) == [20, 50, 2000]
