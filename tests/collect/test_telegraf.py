"""A real Telegraf runs the snippet and delivers every point to a real InfluxDB."""

import os
import sys
import time
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from tests.support.servers import find_program, running, wait_for

CASE = Path(__file__).parent / "cases" / "content_filter"
ROOT = Path(__file__).parents[2]


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["telegraf", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("kind", ["exec", "execd"])
def test_the_snippet_is_toml_for_any_name(kind, tmp_path):
    log = tmp_path / 'it\'s a "log" $(x).log'
    text = shown("--log", str(log), *(["--execd"] if kind == "execd" else []))
    (plugin,) = tomllib.loads(text)["inputs"][kind]
    if kind == "execd":
        assert plugin["signal"] == "STDIN"
        # BlueMind's agent waits up to 10 s before it asks and 15 s before it writes; "0s" would be that.
        assert plugin["collection_jitter"] not in ("", "0s")
        assert tomllib.loads(text)["agent"] == {"flush_interval": "1s", "flush_jitter": "0s"}
        assert str(log) in plugin["command"]
    else:
        import shlex

        assert str(log) in shlex.split(plugin["commands"][0])


def test_short_buckets_where_the_settings_leave_it_open(tmp_path):
    settings = tmp_path / "bmtick.toml"
    for text, has in (("", True), ("interval = '10s'", True), ("interval = '30s'", False)):
        settings.write_text(f"[collect]\n{text}\n")
        shows = commands(shown("--execd", "--config", str(settings)))
        assert ('"--interval", "2s"' in shows) is has
        assert "--interval" not in commands(shown("--config", str(settings)))


def test_settings_that_telegraf_would_not_find_are_named(tmp_path, monkeypatch):
    """Telegraf runs the collector in another folder, where no ./bmtick.toml is."""
    monkeypatch.delenv("BMTICK_CONFIG")  # here are the settings
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bmtick.toml").write_text('[collect]\nqueue = "off"\n')
    (plugin,) = tomllib.loads(shown())["inputs"]["exec"]
    assert f"--config {tmp_path}/bmtick.toml" in plugin["commands"][0]


def test_files_that_telegraf_may_not_read_are_told(tmp_path, monkeypatch):
    closed = tmp_path / "home"
    closed.mkdir(0o700)
    (closed / "bmtick.toml").write_text("")
    result = CliRunner().invoke(cli, ["telegraf", "--config", str(closed / "bmtick.toml")])
    assert result.exit_code == 0
    assert f"user telegraf may not read {closed}/bmtick.toml" in result.stderr
    assert tomllib.loads(result.stdout)["inputs"]["exec"]


def test_the_age_has_the_type_that_the_database_knows(influx, tmp_path):
    """inputs.postfix of Telegraf 1.26 wrote it: a float beside it would be dropped."""
    settings = tmp_path / "bmtick.toml"
    settings.write_text(f'[influxdb]\nurl = "{influx.url}"\ndatabase = "ages"\n')
    influx.execute("CREATE DATABASE ages")
    assert "--integer-age" not in commands(shown("--config", str(settings)))
    influx.write(["postfix_queue,queue=active length=1i,size=2i,age=3i"], db="ages")
    assert "--integer-age" in commands(shown("--config", str(settings)))
    assert "--integer-age" in commands(shown("--execd", "--integer-age"))


def commands(text: str) -> str:
    return "".join(line for line in text.splitlines() if not line.startswith("#"))


def test_no_more_rights_than_needed(tmp_path):
    log = tmp_path / "mail.log"
    log.touch(mode=0o644)
    assert "usermod" not in shown("--log", str(log))
    log.chmod(0o640)
    os.chown(log, 0, 4) if os.geteuid() == 0 else pytest.skip("needs root")
    assert "usermod -a -G adm telegraf" in shown("--log", str(log))


@pytest.mark.parametrize("kind", ["exec", "execd"])
def test_a_real_telegraf_delivers_all_points(kind, influx, tmp_path):
    telegraf = find_program("telegraf", "TELEGRAF")
    log, state = tmp_path / "mail.log", tmp_path / "collect.state"
    log.write_bytes(b"")
    database = f"telegraf_{kind}"
    influx.execute(f"CREATE DATABASE {database}")
    snippet = shown(
        "--log", str(log), "--state", str(state), *(["--execd"] if kind == "execd" else [])
    )
    # Another file's settings of the agent hold beside those of the snippet.
    config, folder = tmp_path / "telegraf.conf", tmp_path / "telegraf.d"
    folder.mkdir()
    (folder / "bmtick.conf").write_text(snippet.replace('interval = "10s"', 'interval = "1s"'))
    config.write_text(f"""
[global_tags]
  datalocation = "bm-master"
[agent]
  interval = "10s"
  collection_jitter = "10s"
  flush_interval = "1s"
  hostname = "192.0.2.7"
[[outputs.influxdb]]
  urls = ["{influx.url}"]
  database = "{database}"
  skip_database_creation = true
""")
    env = {
        "PYTHONPATH": str(ROOT),
        "TZ": "UTC",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    command = [telegraf, "--config", str(config), "--config-directory", str(folder)]
    with running(command, tmp_path / "telegraf.log", env):
        time.sleep(2)
        log.write_bytes((CASE / "mail.log").read_bytes())

        def all_there() -> bool:
            found = influx.query("SELECT sum(messages) FROM postfix_sender", database)
            return bool(found) and found[0]["values"][0][1] == 1

        wait_for(all_there, f"points: {(tmp_path / 'telegraf.log').read_text()}")
        wait_for(
            lambda: (
                influx.query("SELECT sum(messages) FROM postfix_client", database)[0]["values"][0][
                    1
                ]
                == 2
            ),
            "clients",
            40,
        )
    (series,) = influx.query("SELECT * FROM postfix_sender", database)
    row = dict(zip(series["columns"], series["values"][0], strict=True))
    assert row["user"] == "anna@example.org"
    assert (row["recipients"], row["bytes"], row["clients"], row["refused"]) == (2, 500, 1, 1)
    assert (row["host"], row["datalocation"]) == ("192.0.2.7", "bm-master")
    (series,) = influx.query("SELECT sum(lines) FROM bmtick_collector", database)
    assert series["values"][0][1] == 16
    said = (tmp_path / "telegraf.log").read_text()
    # This Telegraf calls everything on stderr an error, whatever its level; and as it ends it may
    # close the pipes of the process before its own readers have seen their end.
    errors = [
        line
        for line in said.splitlines()
        if " E! " in line and 'stderr: "W! ' not in line and "file already closed" not in line
    ]
    assert not errors, said
