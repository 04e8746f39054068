"""The collector on the recorded log against what the clients sent and the servers answered."""

import ipaddress
import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from bmtick.collect.batch import points_of_logs
from bmtick.points import parse_lines
from tests.outbreak.scenario import PEOPLE, Scenario
from tests.support.servers import find_program

FOLDER = Path(__file__).parents[2] / "examples" / "outbreak"


@pytest.fixture(scope="module", params=["shipped", "live"])
def folder(request, tmp_path_factory):
    """The shipped recording, and one made now on this machine's Postfix, played 40 times faster."""
    if request.param == "shipped":
        return FOLDER
    if os.getuid() != 0:
        pytest.skip("a real Postfix starts as root only")
    for program in ("postfix", "saslpasswd2", "unshare", "ip"):
        find_program(program)
    if subprocess.run(["unshare", "--net", "--mount", "--uts", "true"], check=False).returncode:
        pytest.skip("this machine allows no name spaces of our own")
    made = tmp_path_factory.mktemp("live")
    command = [sys.executable, "-m", "tests.outbreak.record", str(made), "--speed", "40"]
    subprocess.run(command, check=True, cwd=FOLDER.parents[1])
    return made


@pytest.fixture(scope="module")
def truth(folder):
    return json.loads((folder / "truth.json").read_text())


@pytest.fixture(scope="module")
def sums(folder):
    """Sum of each field of each series."""
    found = defaultdict(Counter)
    for point in points_of_logs([str(folder / "mail.log")]):
        key = (
            point.name,
            point.tags.get("user") or point.tags.get("client") or point.tags.get("status"),
        )
        found[key].update(
            {k: v for k, v in point.fields.items() if k not in ("clients", "lag", "users")}
        )
        for name in ("clients", "users"):
            found[key][name] = max(found[key][name], point.fields.get(name, 0))
    return found


def test_users(truth, sums):
    assert {user for name, user in sums if name == "postfix_sender"} == set(truth["users"])
    for user, count in truth["users"].items():
        got = sums["postfix_sender", user]
        # The recording is shorter than an hour: the last hour's addresses are all of them.
        assert {key: got[key] for key in count} == count


def test_clients_without_login(truth, sums):
    found = {client: got for (name, client), got in sums.items() if name == "postfix_client"}
    assert {
        c: {k: got[k] for k in ("messages", "recipients")} for c, got in found.items()
    } == truth["clients"]


def test_failed_logins(truth, sums):
    found = {
        client: got["failures"] for (name, client), got in sums.items() if name == "postfix_auth"
    }
    assert found == truth["failures"]


def test_deliveries(folder, truth, sums):
    answers = sum((Counter(count) for count in truth["answers"].values()), Counter())
    assert sums["postfix_delivery", "sent"]["count"] == answers["2xx"]
    assert sums["postfix_delivery", "bounced"]["count"] == answers["5xx"]
    # Nobody answers where nothing listens, or when Postfix does not try for the time being.
    silent = len(re.findall(r"relay=none.* status=deferred", (folder / "mail.log").read_text()))
    assert sums["postfix_delivery", "deferred"]["count"] == answers["4xx"] + silent


def test_the_queue_was_recorded_beside():
    totals = Counter()
    for point in parse_lines((FOLDER / "queue.lp").read_text().splitlines()):
        totals[point.time] += point.fields["length"]
    assert max(totals.values()) > 200


def test_only_names_and_addresses_for_documentation():
    text = (FOLDER / "mail.log").read_text()
    networks = [
        ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
    ]
    for address in set(
        re.findall(
            r"\d+\.\d+\.\d+\.\d+", re.sub(r"(version|dsn=|: \d{3}|\b4\.7\.28) ?[\d.]*", "", text)
        )
    ):
        assert any(ipaddress.ip_address(address) in network for network in networks), address
    assert set(re.findall(r"@[\w.-]*\.(\w+)", text)) <= {"org", "example"}


def test_the_scenario_is_the_same_each_time():
    assert Scenario(1).sessions() == Scenario(1).sessions()
    assert len({s.user for s in Scenario(1).sessions() if s.user in PEOPLE}) == len(PEOPLE)
