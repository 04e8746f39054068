"""Without Telegraf: straight into a real InfluxDB; what it does not take is written by the next run."""

import os
import subprocess
import sys
from pathlib import Path

CASE = Path(__file__).parent / "cases" / "hostile" / "mail.log"
ROOT = Path(__file__).parents[2]


def collect(tmp_path, url: str, *arguments: str) -> subprocess.CompletedProcess:
    settings = tmp_path / "bmtick.toml"
    settings.write_text(f"""
[collect]
logs = ["{CASE}"]
state = "{tmp_path}/state"
queue = "off"
[influxdb]
url = "{url}"
database = "direct"
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
            *arguments,
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TZ": "UTC"},
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
