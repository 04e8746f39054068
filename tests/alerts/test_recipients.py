"""Nothing is ever sent to an address that nobody named."""

import pytest
from click.testing import CliRunner

from bmtick.alerts import desired, require_recipients
from bmtick.cli.root import cli
from bmtick.errors import BmtickError
from bmtick.settings import parse

ALERT = "[alerts.postfix_queue]\n"


def rendered(text):
    settings = parse(text, file="")
    found = desired(settings)
    require_recipients(settings, found)
    return found[0]


def test_nobody_named():
    with pytest.raises(BmtickError, match="no recipient is named") as refused:
        rendered(ALERT)
    assert "under [notify]" in refused.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        '[notify]\npost = "http://127.0.0.1/x"\n' + ALERT,
        '[notify]\nbluemind = "http://127.0.0.1/x"\n' + ALERT,
        ALERT + 'log = "/var/log/alerts"\n',
    ],
)
def test_others_are_told_and_no_mail_is_sent(text):
    assert "email" not in rendered(text).handlers
    assert "domain.net" not in rendered(text).script


@pytest.mark.parametrize(
    "text", ['[notify]\nrecipients = ["a@b.org"]\n' + ALERT, ALERT + 'recipients = ["a@b.org"]\n']
)
def test_the_named_are_told(text):
    assert "'a@b.org'" in rendered(text).script


@pytest.mark.parametrize(
    "command", ["plan", "apply --yes", "watch --once --no-state", "watch --test-mail"]
)
def test_the_commands_refuse(command, tmp_path):
    path = tmp_path / "bmtick.toml"
    path.write_text(f'[collect]\nlogs = ["{tmp_path}/mail.log"]\n{ALERT}')
    (tmp_path / "mail.log").write_text("")
    result = CliRunner().invoke(cli, [*command.split(), "--config", str(path)])
    assert result.exit_code == 2
    assert "no recipient is named" in result.stderr
    assert str(path) in result.stderr


def test_a_test_mail_refuses_what_the_watch_refuses(tmp_path):
    path = tmp_path / "bmtick.toml"
    path.write_text(
        f'[notify]\nrecipients = ["a@b.org"]\nsnmptrap = {{ trap_oid = "1.1" }}\n{ALERT}'
    )
    answers = [
        CliRunner().invoke(cli, ["watch", *option, "--config", str(path)])
        for option in (["--test-mail"], ["--once", "--no-state"])
    ]
    assert [(a.exit_code, "snmptrap" in a.stderr) for a in answers] == [(2, True)] * 2


def test_the_example_keeps_its_address():
    result = CliRunner().invoke(cli, ["render", "postfix_queue"])
    assert "'admin@domain.net'" in result.stdout
