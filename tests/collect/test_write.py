"""Without Telegraf: straight into a real InfluxDB; what it does not take is written by the next run."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bmtick.history import Connection, Span, read_points
from tests.support.faults import faulty

CASE = Path(__file__).parent / "cases" / "hostile" / "mail.log"
ROOT = Path(__file__).parents[2]


def collect(
    tmp_path, url: str, *, database: str = "direct", token: str = ""
) -> subprocess.CompletedProcess:
    settings = tmp_path / "bmtick.toml"
    settings.write_text(f"""
[collect]
logs = ["{CASE}"]
state = "{tmp_path}/state"
queue = "off"
[influxdb]
url = "{url}"
database = "{database}"
org = "bm"
timeout = "2s"
[watch]
host = "mx1"
datalocation = "bm-master"
""")
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "bmtick",
            "collect",
            "--config",
            str(settings),
            "--write",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TZ": "UTC", **({"BMTICK_INFLUXDB_TOKEN": token} if token else {})},
        check=False,
    )


def test_points_arrive_once_even_where_influxdb_was_away(influx, tmp_path):
    influx.execute("CREATE DATABASE direct")
    failed = collect(tmp_path, "http://127.0.0.1:1")
    assert failed.returncode == 2, failed.stderr
    assert "Traceback" not in failed.stderr
    for _ in range(2):
        done = collect(tmp_path, influx.url)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    query = 'SELECT sum(recipients) FROM postfix_sender GROUP BY "user", host, datalocation'
    found = influx.query(query, "direct")
    sums = {series["tags"]["user"]: series["values"][0][1] for series in found}
    assert sums == {"x, sasl_username=victim@example.org": 3, "a,b c=d/": 1}
    assert all(series["tags"]["host"] == "mx1" for series in found)
    assert all(series["tags"]["datalocation"] == "bm-master" for series in found)


@pytest.mark.parametrize("fault", ["drop", "lose", "500", "act500", "hang"])
def test_influxdb_2_gets_each_point_once_whatever_happens_to_a_request(influx2, tmp_path, fault):
    """The first three tries fail, before or after the server acted; hostile names are kept."""
    bucket = influx2.create(f"{fault}/autogen", mapped=False)
    there = Connection(influx2.url, fault, "autogen", token=influx2.token_for(bucket), org="bm")
    with faulty(influx2.url) as faults:
        missing = collect(tmp_path, faults.url, database="none", token=there.token)
        assert missing.returncode == 2
        assert 'bucket "none/autogen" not found' in missing.stderr
        faults.plan(fault, 1, last=3)
        for _ in range(2):
            done = collect(tmp_path, faults.url, database=fault, token=there.token)
            assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert len(faults.requests) >= 4
    points = list(read_points(there, ["postfix_sender"], Span(0, 2**62)))
    sums = Counter()
    for point in points:
        sums[point.tags["user"]] += point.fields["recipients"]
    assert sums == {"x, sasl_username=victim@example.org": 3, "a,b c=d/": 1}
    assert {(p.tags["host"], p.tags["datalocation"]) for p in points} == {("mx1", "bm-master")}
