"""A run that ends cannot tell that points stay away, and an old log's quiet night is no silence."""

import itertools

from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.collect.options import Options
from bmtick.watch.source import Collector


def log_with_a_pause(folder):
    log = folder / "mail.log"
    log.write_text(
        "".join(
            f"2026-01-05T{hour}:00:00+00:00 mx postfix/smtpd[1]: connect from a[192.0.2.1]\n"
            for hour in ("01", "02", "05")
        )
    )
    return log


def test_once_leaves_out_alerts_on_silence(tmp_path):
    log = log_with_a_pause(tmp_path)
    settings = tmp_path / "bmtick.toml"
    settings.write_text(
        '[notify]\nrecipients = ["a@example.org"]\n'
        f'[collect]\nlogs = ["{log}"]\nqueue = "off"\n'
        "[alerts.collector_silent]\n[alerts.sender_outbreak]\n"
    )
    result = CliRunner().invoke(
        cli,
        ["--config", str(settings), "watch", "--once", "--no-state", f"--mail-dir={tmp_path}/m"],
    )
    assert result.exit_code == 0, result.output
    assert "collector_silent left out" in result.stderr
    assert "no data" not in result.stderr


def test_the_pauses_of_a_backlog_have_heartbeats(tmp_path):
    warnings = []
    log = log_with_a_pause(tmp_path)
    source = Collector([str(log)], Options(), spool="", tags={}, warn=warnings.append, ended=True)
    source.begin(from_start=True, now=1_767_600_000.0)
    points, more = [], True
    while more:
        found, more = source.read(1_767_600_000.0)
        points += found
    beats = sorted(p.time for p in points if p.name == "bmtick_collector")
    inside = [t for t in beats if t <= 1_767_589_200 * 10**9]
    pauses = [b - a for a, b in itertools.pairwise(inside)]
    assert max(pauses) <= 60 * 10**9
