"""``bmtick demo``: a user's view; everything it says must follow from the recorded log."""

import json
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick.cli.demo import command
from bmtick.cli.root import main_context
from bmtick.watch import demo
from tests.support import program

ROOT = Path(__file__).parents[2]


def run(*words):
    result = CliRunner().invoke(command, words, obj=main_context(), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return json.loads(run("-o", str(folder), "--format", "json"))


@pytest.fixture(scope="module")
def truth():
    return demo.shipped_example().truth


def by_alert(document, name):
    return [e for e in document["events"] if e["alert"] == name]


def test_the_outbreak_is_named_within_two_intervals_of_its_start(document, truth):
    points = demo.points_of(demo.shipped_example())
    begin = min(
        p.time
        for p in points
        if p.name == "postfix_sender" and p.tags["user"] == truth["stolen_account"]
    )
    (event,) = by_alert(document, "sender_outbreak")
    assert event["tags"]["user"] == truth["stolen_account"]
    assert datetime.fromisoformat(event["time"]).timestamp() - begin / 1e9 <= 20


def test_every_kind_of_trouble_is_seen(document, truth):
    assert {e["tags"]["client"] for e in by_alert(document, "auth_failures")} == set(
        truth["brute_force"]
    )
    assert [e["tags"]["client"] for e in by_alert(document, "relay_client")] == [
        truth["rogue_relay"]
    ]
    assert by_alert(document, "postfix_queue")
    assert by_alert(document, "delivery_blocked")
    assert [s["user"] for s in document["suspects"]] == [truth["stolen_account"]]
    assert [r["client"] for r in document["relays"]] == [truth["rogue_relay"]]


def test_no_innocent_is_called_an_outbreak_or_a_suspect(document, truth):
    innocent = set(truth["innocent"].values())
    named = {e["tags"]["user"] for e in by_alert(document, "sender_outbreak")}
    assert not named & innocent
    assert not {s["user"] for s in document["suspects"]} & innocent


def test_each_event_is_a_readable_mail(document):
    folder = Path(document["folder"])
    assert document["events"]
    for event in document["events"]:
        mail = message_from_bytes((folder / event["mail"]).read_bytes(), policy=policy.default)
        assert mail["Subject"] == event["message"]
        assert mail["To"] == "admin@domain.net"
        assert "<ol>" in mail.get_body(("html",)).get_content()


def test_the_language_is_chosen(tmp_path):
    text = run("--language", "de", "-o", str(tmp_path))
    assert "Empfänger in einer Stunde" in text


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    done = program.run_text("demo", "-o", str(tmp_path / "file" / "x"))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "-o" in done.stderr


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/Los_Angeles"])
def test_the_time_zone_does_not_matter(tmp_path, zone):
    done = program.run_text("demo", "-o", str(tmp_path), "--format", "json", env={"TZ": zone})
    assert done.returncode == 0, done.stderr
    alerts = [event["alert"] for event in json.loads(done.stdout)["events"]]
    assert "postfix_queue" in alerts
    assert "sender_outbreak" in alerts
    assert alerts.index("sender_outbreak") < alerts.index("postfix_queue")
