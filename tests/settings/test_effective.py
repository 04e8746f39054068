import json
import tomllib

import jsonschema
import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.errors import BmtickError
from bmtick.settings import load, parse
from bmtick.settings.effective import effective, json_schema

TEXT = """language = "de"
[kapacitor]
timeout = "5s"
[alerts.postfix_queue]
crit = 300
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "bmtick.toml"
    path.write_text(TEXT)
    return path


def test_each_value_names_its_origin(file):
    result = CliRunner().invoke(cli, ["settings", "--config", str(file), "--format", "json"])
    rows = {row["key"]: row for row in json.loads(result.stdout)}
    assert rows["language"] == {"key": "language", "value": "de", "origin": f"{file}:1:1"}
    assert rows["kapacitor.timeout"]["origin"] == f"{file}:3:1"
    assert rows["kapacitor.url"]["origin"] == "default"
    assert rows["alerts.postfix_queue.crit"]["value"] == 300


def test_the_same_key_of_two_alerts_has_two_origins(tmp_path):
    path = tmp_path / "bmtick.toml"
    path.write_text(
        '[alerts.postfix_queue]\ncrit = 300\n\n[alerts."edge"]\nuse = "postfix_queue"\ncrit = 9\n'
    )
    rows = {row.key: row.origin for row in effective(load(str(path)))}
    assert rows["alerts.postfix_queue.crit"] == f"{path}:2:1"
    assert rows["alerts.edge.crit"] == f"{path}:6:1"


def test_the_table_is_for_people(file):
    result = CliRunner().invoke(cli, ["settings", "--config", str(file)])
    assert "kapacitor.timeout" in result.stdout
    assert '"5s"' in result.stdout


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        '[kapacitor.a]\nurl = "http://a:9092"\n[kapacitor.b]\nurl = "http://b:9092"',
        '[notify]\nrecipients = ["a@b.example"]\nslack = { channel = "#x" }',
        'langage = "de"',
        'language = "es"',
        '[kapacitor]\ntimeout = "5 s"',
        "[collect]\nmax_series = 0",
        '[kapacitor]\nurl = "nope"',
    ],
)
def test_schema_and_reader_agree(text):
    """An editor that follows the schema accepts what bmtick accepts, and nothing else."""
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    accepted = jsonschema.Draft202012Validator(schema).is_valid(tomllib.loads(text))
    try:
        parse(text, file="f")
    except BmtickError:
        assert not accepted
    else:
        assert accepted


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_program(shell):
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert "_BMTICK_COMPLETE" in result.stdout
