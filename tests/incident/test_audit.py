"""Finding is judged on settings given as data, and on a real Postfix."""

import json

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.incident.audit.rules import BAD, GOOD, UNKNOWN, WEAK, Machine, audit
from bmtick.incident.postconf import PostfixSettings
from tests.support.postfix import postfix
from tests.support.servers import find_program

STRICT = {
    "mynetworks": "127.0.0.0/8 192.0.2.7",
    "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, reject",
    "smtpd_recipient_restrictions": "",
    "smtpd_sender_restrictions": "reject_authenticated_sender_login_mismatch",
    "smtpd_sender_login_maps": "hash:/etc/postfix/logins",
    "smtpd_sasl_auth_enable": "no",
    "smtpd_sasl_security_options": "noanonymous",
    "smtpd_tls_auth_only": "yes",
    "smtpd_client_auth_rate_limit": "20",
    "smtpd_client_message_rate_limit": "100",
    "smtpd_client_recipient_rate_limit": "500",
    "smtpd_recipient_limit": "200",
}


def states(machine):
    return {a.subject: a.state for a in audit(machine)}


def machine(
    packages=("bm-plugin-core-password-bruteforce", "bm-plugin-password-sizestrength"), **changes
):
    return Machine(
        postfix=PostfixSettings({**STRICT, **changes}),
        packages=dict.fromkeys(packages, "1"),
        bluemind=True,
        jails=(),
    )


def test_a_strict_server_is_in_order():
    assert set(states(machine()).values()) == {GOOD}


@pytest.mark.parametrize(
    ("changes", "subject", "state"),
    [
        ({"mynetworks": "0.0.0.0/0"}, "open relay", BAD),
        ({"mynetworks": "10.0.0.0/8"}, "trusted networks", WEAK),
        ({"smtpd_sender_login_maps": ""}, "forged senders", WEAK),
        ({"smtpd_sender_restrictions": ""}, "forged senders", WEAK),
        ({"smtpd_client_auth_rate_limit": "0"}, "guessing passwords", WEAK),
        ({"smtpd_client_message_rate_limit": "0"}, "messages from one client", WEAK),
        ({"smtpd_client_recipient_rate_limit": "0"}, "recipients from one client", WEAK),
        ({"smtpd_sasl_auth_enable": "yes"}, "logins on port 25", WEAK),
        (
            {"smtpd_sasl_auth_enable": "yes", "smtpd_tls_auth_only": "no"},
            "passwords in the clear",
            BAD,
        ),
        (
            {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_security_options": ""},
            "anonymous logins",
            BAD,
        ),
        ({"packages": ("bm-core",)}, "brute-force protection", BAD),
        ({"packages": ("bm-core",)}, "password policy", WEAK),
    ],
)
def test_each_weakness_is_found_with_reason_and_remedy(changes, subject, state):
    found = audit(machine(**changes))
    finding = next(a for a in found if a.subject == subject)
    assert finding.state == state
    assert finding.reason
    assert finding.remedy
    assert found.index(finding) == 0 or found[0].state in (BAD, state)


def test_fail2ban_protects_a_plain_postfix():
    found = states(Machine(packages={"postfix": "3"}, bluemind=False, jails=("postfix-sasl",)))
    assert found == {"brute-force protection": GOOD}


def test_what_is_unknown_is_said_to_be():
    assert states(Machine()) == {
        "brute-force protection": UNKNOWN,
        "password policy": UNKNOWN,
    }


def test_command_on_a_real_postfix():
    with postfix() as server:
        words = ["audit", "--config-dir", str(server.config_directory)]
        result = CliRunner().invoke(cli, [*words, "--format", "json", "--fail"])
        assert result.exit_code == 1
        found = {a["subject"]: a for a in json.loads(result.stdout)["findings"]}
        assert found["open relay"]["state"] == GOOD
        assert found["passwords in the clear"]["state"] == BAD
        assert found["messages from one client"]["state"] == WEAK
        assert "do: " in CliRunner().invoke(cli, words).output


def test_wrong_folder_is_one_clear_line():
    find_program("postconf")
    result = CliRunner().invoke(cli, ["audit", "--config-dir", "/nowhere"])
    assert result.exit_code == 2
    assert "cannot read Postfix's settings" in result.stderr
