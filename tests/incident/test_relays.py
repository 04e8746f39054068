"""Machines that relay without a login: the one that went bad, and servers open to strangers."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.incident.networks import parse_networks
from bmtick.incident.openrelay import CLOSED, OPEN, UNSURE, analyse
from bmtick.incident.postconf import PostfixSettings, parse
from bmtick.incident.probe import NO_PROOF, REFUSES, RELAYS, own_addresses, probe
from tests.incident.logwriter import DAY, HOUR, START, Log
from tests.support.postfix import postfix
from tests.support.servers import find_program

EXAMPLE = Path(__file__).parents[2] / "examples" / "outbreak"
TODAY = START + 20 * DAY
TABLE = "check_client_access static:permit"


@pytest.fixture(autouse=True)
def no_postfix(monkeypatch, tmp_path):
    """Without --config-dir the machine's own Postfix must not decide a test."""
    monkeypatch.setenv("MAIL_CONFIG", str(tmp_path))


def run(path, *arguments, status=0):
    result = CliRunner().invoke(cli, ["relays", "--log", str(path), "--format", "json", *arguments])
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


@pytest.fixture
def log():
    """Three machines of the house, mail from outside, and forwarding to outside."""
    log = Log().ordinary(21, users=2)
    for day in range(21):
        for number in range(30):
            at = START + day * DAY + 8 * HOUR + number * 600
            log.mail(at, client="10.0.0.11", name="erp", sender="erp@example.org")
            log.mail(at + 5, client="127.0.0.1", name="localhost", sender="user1@example.org")
            log.mail(
                at + 9,
                client=f"198.51.100.{number}",
                name=f"mx{number}.example.net",
                sender=f"a@mx{number}.example.net",
                domain="example.org",
                agent="lmtp",
            )
    return log


def spam(log, client="10.0.0.12", count=200):
    for number in range(count):
        log.mail(
            TODAY + 2 * HOUR + number * 10,
            client=client,
            name="gateway",
            sender=f"win{number}@lottery{number % 5}.example",
            to=5,
            refused=2,
            blocked=1,
        )


def test_ordinary_relays_are_listed_and_nobody_is_accused(log, tmp_path):
    relays = run(log.write(tmp_path / "mail.log"), "--fail")["relays"]
    assert {r["client"] for r in relays} == {"10.0.0.11", "127.0.0.1"}
    assert {r["verdict"] for r in relays} == {"ordinary"}
    assert {r["client"]: r["known"] for r in relays} == {"10.0.0.11": False, "127.0.0.1": True}


def test_the_machine_that_went_bad_comes_first(log, tmp_path):
    spam(log)
    relays = run(log.write(tmp_path / "mail.log"), "--fail", status=1)["relays"]
    assert relays[0]["client"] == "10.0.0.12"
    assert relays[0]["verdict"] == "culprit"
    assert relays[0]["relayed"] == 600
    assert relays[0]["first_suspicious"].startswith("2026-06-21T02:0")
    assert "My networks" in relays[0]["remedy"]
    assert [r["verdict"] for r in relays[1:]] == ["ordinary", "ordinary"]


@pytest.mark.parametrize(("later", "listed"), [("", True), ("orig_to=<x@example.org>, ", False)])
def test_what_waits_for_elsewhere_is_listed(log, tmp_path, later, listed):
    """An outbreak that other servers put off has passed nothing on yet."""
    for number in range(40):
        qid = log.mail(TODAY + number, client="10.0.0.13", to=0, removed=False)
        for retry in (1, 301):
            log.add(
                TODAY + number + retry,
                f"postfix/smtp[14]: {qid}: to=<u{number}@far.example>, {later}relay=none, delay=1, "
                "delays=0/0/0/1, dsn=4.4.3, status=deferred (Host not found, try again)",
            )
    found = {r["client"]: r for r in run(log.write(tmp_path / "mail.log"))["relays"]}
    assert ("10.0.0.13" in found) is listed
    if listed:
        relay = found["10.0.0.13"]
        assert (relay["waiting"], relay["relayed"]) == (40, 0)
        assert "40 messages for elsewhere in the queue" in str(relay["evidence"])


@pytest.mark.parametrize(("follows", "listed"), [("SECOND0001", False), ("ELSEWHERE1", True)])
def test_a_next_hop_on_this_machine_is_elsewhere_but_no_filter_is(log, tmp_path, follows, listed):
    qid = log.mail(TODAY, client="10.0.0.13", to=0, removed=False)
    log.add(TODAY + 1, "postfix/smtpd[11]: SECOND0001: client=localhost[127.0.0.1]")
    log.add(
        TODAY + 1,
        f"postfix/smtp[14]: {qid}: to=<a@far.example>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, "
        f"delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {follows})",
    )
    relays = run(log.write(tmp_path / "mail.log"))["relays"]
    assert ("10.0.0.13" in {r["client"] for r in relays}) is listed


def test_settings_name_known_clients(log, tmp_path):
    spam(log, client="10.0.0.11")
    config = tmp_path / "bmtick.toml"
    config.write_text('[collect]\nknown_clients = ["127.0.0.1", "10.0.0.0/24"]\n')
    relay = run(log.write(tmp_path / "mail.log"), "--config", str(config))["relays"][0]
    assert relay["client"] == "10.0.0.11"
    assert relay["known"]
    assert relay["trusted_by"] == "known_clients: 10.0.0.0/24"
    assert "part of 10.0.0.0/24" in relay["remedy"]


def test_forwarding_is_not_relaying(log, tmp_path):
    qid = log.mail(TODAY, client="198.51.100.77", sender="x@far.example", agent="lmtp", to=0)
    log.add(
        TODAY + 1,
        f"postfix/smtp[14]: {qid}: to=<me@bigmail.example>, orig_to=<me@example.org>, "
        "relay=mx[198.51.100.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 Ok)",
    )
    relays = run(log.write(tmp_path / "mail.log"))["relays"]
    assert "198.51.100.77" not in {r["client"] for r in relays}


def test_real_postfix_names_the_rogue_relay(tmp_path):
    truth = json.loads((EXAMPLE / "truth.json").read_text())
    config = tmp_path / "bmtick.toml"
    config.write_text(f"[collect]\nknown_clients = {json.dumps(truth['mynetworks'])}\n")
    relays = run(EXAMPLE / "mail.log", "--config", str(config))["relays"]
    assert relays[0]["client"] == truth["rogue_relay"]
    assert [r["client"] for r in relays if r["verdict"] != "ordinary"] == [truth["rogue_relay"]]
    assert relays[0]["messages"] == truth["clients"][truth["rogue_relay"]]["messages"]


def settings(**values):
    """The decisive parameters, as postconf -x prints them."""
    defaults = {
        "mynetworks": "127.0.0.0/8 10.0.0.0/24",
        "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, "
        "defer_unauth_destination",
        "smtpd_recipient_restrictions": "",
        "smtpd_client_restrictions": "",
        "smtpd_restriction_classes": "",
    }
    return PostfixSettings({**defaults, **values})


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, CLOSED),
        # Postfix does not serve SMTP with these: "specify at least one working instance of ..."
        ({"smtpd_relay_restrictions": ""}, CLOSED),
        ({"smtpd_relay_restrictions": "permit, reject_unauth_destination"}, CLOSED),
        ({"smtpd_relay_restrictions": "warn_if_reject reject_unauth_destination"}, CLOSED),
        ({"smtpd_relay_restrictions": "permit_mynetworks, defer_if_permit"}, CLOSED),
        (
            {
                "smtpd_relay_restrictions": "",
                "smtpd_recipient_restrictions": "permit_mynetworks,reject_unauth_destination",
            },
            CLOSED,
        ),
        ({"smtpd_relay_restrictions": "reject_rbl_client zen.spamhaus.org, reject"}, CLOSED),
        ({"smtpd_relay_restrictions": "check_client_access hash:/etc/postfix/x, reject"}, UNSURE),
        ({"smtpd_relay_restrictions": "reject, check_client_access hash:/etc/x"}, CLOSED),
        ({"smtpd_relay_restrictions": "check_client_access { hash:/etc/x }"}, UNSURE),
        (
            {
                "smtpd_restriction_classes": "strict",
                "strict": "reject_unauth_destination",
                "smtpd_relay_restrictions": "permit_mynetworks, strict",
            },
            CLOSED,
        ),
        ({"mynetworks": "0.0.0.0/0"}, OPEN),
        ({"mynetworks": "127.0.0.1 [::]/0"}, OPEN),
        (
            {
                "smtpd_relay_restrictions": "",
                "smtpd_client_restrictions": "permit_mynetworks,reject",
            },
            CLOSED,
        ),
    ],
)
def test_restrictions_are_walked_for_a_stranger(values, state):
    assert analyse(settings(**values))[0].state == state


def test_a_service_of_its_own_is_judged_on_its_own():
    both = PostfixSettings(
        settings().values,
        {"smtp/inet": {"syslog_name": "x"}, "2525/inet": {"mynetworks": "0.0.0.0/0"}},
    )
    assert [(v.service, v.state) for v in analyse(both)] == [("", CLOSED), ("2525/inet", OPEN)]


def test_postconf_lines():
    text = "a = 1\nmynetworks = 127.0.0.0/8\n    [::1]/128\nempty =\n"
    assert parse(text) == {"a": "1", "mynetworks": "127.0.0.0/8 [::1]/128", "empty": ""}


def test_networks():
    trusted = parse_networks("127.0.0.0/8 [::ffff:10.0.0.0]/104 !10.0.0.66 [fd00::]/8 hash:/etc/x")
    assert "127.9.9.9" in trusted
    assert "10.1.2.3" in trusted
    assert "10.0.0.66" not in trusted
    assert "fd12::1" in trusted
    assert "::ffff:127.0.0.1" in trusted
    assert "unknown" not in trusted
    assert trusted.tables == ("hash:/etc/x",)


@pytest.mark.parametrize(
    ("networks", "settings", "state"),
    [
        ("127.0.0.0/8", {}, REFUSES),  # by XCLIENT
        ("127.0.0.1/32", {}, REFUSES),  # from another loopback address
        ("127.0.0.0/8", {"smtpd_authorized_xclient_hosts": ""}, NO_PROOF),
        ("0.0.0.0/0", {}, RELAYS),
        ("127.0.0.1", {"smtpd_relay_restrictions": f"{TABLE}, reject_unauth_destination"}, RELAYS),
    ],
)
def test_probe_asks_a_real_postfix_and_sends_nothing(networks, settings, state):
    with postfix(networks=networks, settings=settings) as server:
        found = probe(
            server.host,
            server.smtp_port,
            parse_networks(networks),
            own_addresses(server.host, server.smtp_port),
        )
        assert found.state == state, found
        assert not server.queue()
        assert not any(": client=" in line and "data=" in line for line in server.lines())


def test_command_reads_a_real_postfix(log, tmp_path):
    spam(log, client="192.168.122.111")
    path = log.write(tmp_path / "mail.log")
    with postfix(networks="127.0.0.0/8 192.168.122.0/24 10.0.0.11") as server:
        config = str(server.config_directory)
        at = f"{server.host}:{server.smtp_port}"
        document = run(path, "--config-dir", config, "--probe", "--server", at)
        assert [(v["service"], v["state"]) for v in document["restrictions"]] == [("", "closed")]
        assert document["probe"]["state"] == "refuses"
        first = document["relays"][0]
        assert first["trusted_by"] == "mynetworks: 192.168.122.0/24"
        assert first["verdict"] == "culprit"
        shown = CliRunner().invoke(cli, ["relays", "--log", str(path), "--config-dir", config])
        assert "open relay by its settings: no" in shown.output
    lists = {"smtpd_relay_restrictions": f"{TABLE}, reject_unauth_destination"}
    with postfix(networks="127.0.0.0/8", settings=lists) as server:
        document = run(path, "--config-dir", str(server.config_directory), "--fail", status=1)
        assert document["restrictions"][0]["state"] == "unsure"
        assert document["relays"][0]["verdict"] == "intruder"


def test_probe_and_settings_need_no_log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bmtick.toml").write_text('[collect]\nlogs = ["nowhere.log"]\n')
    with postfix() as server:
        words = ["relays", "--config-dir", str(server.config_directory), "--probe", "--server"]
        result = CliRunner().invoke(cli, [*words, f"{server.host}:{server.smtp_port}"])
        assert result.exit_code == 0, result.output
        assert "a stranger is refused" in result.output
        assert "without a log" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config-dir", "/nowhere"], "cannot read Postfix's settings"),
        (["--probe", "--server", "nonsense"], "is not HOST:PORT"),
        (["--probe", "--server", "127.0.0.1:1"], "does not answer"),
    ],
)
def test_wrong_use_is_one_clear_line(arguments, message):
    if "--config-dir" in arguments:
        find_program("postconf")
    result = CliRunner().invoke(cli, ["relays", "--log", str(EXAMPLE / "mail.log"), *arguments])
    assert result.exit_code == 2
    assert message in result.stderr
