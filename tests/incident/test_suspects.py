"""Who is accused, who is not, and why: innocent mail of every kind beside real abuse."""

import gzip
import itertools
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.incident.assessment import SUSPECT
from tests.incident.logwriter import DAY, HOUR, MINUTE, START, Log

EXAMPLE = Path(__file__).parents[2] / "examples" / "outbreak"
TODAY = START + 20 * DAY


def run(path, *arguments, status=0):
    result = CliRunner().invoke(
        cli, ["suspects", "--log", str(path), "--no-queue", "--format", "json", *arguments]
    )
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def names(document, kind="suspects"):
    return [s["user"] for s in document[kind]]


@pytest.fixture
def log():
    return Log().ordinary(21)


def test_quiet_day_accuses_nobody(log, tmp_path):
    path = log.write(tmp_path / "mail.log")
    document = run(path, "--fail")
    assert document["suspects"] == []
    assert document["users"] == 8
    result = CliRunner().invoke(cli, ["suspects", "--log", str(path), "--no-queue"])
    assert "Nobody behaves suspiciously." in result.output


def botnet(log, user="user3@example.org", at=TODAY + 3 * HOUR, count=120):
    for number in range(count):
        log.mail(
            at + number * 30,
            user=user,
            client=f"203.0.{number}.{number % 7 + 1}",
            sender=f"x{number}@forged{number % 9}.example",
            to=10,
            refused=4,
            blocked=2,
            removed=number % 2 == 0,
        )


def test_stolen_password_is_named_with_evidence(log, tmp_path):
    botnet(log)
    document = run(log.write(tmp_path / "mail.log"), "--fail", status=1)
    assert names(document) == ["user3@example.org"]
    suspect = document["suspects"][0]
    kinds = {e["kind"] for e in suspect["evidence"]}
    assert {"volume", "spread", "novelty", "refusals", "forging"} <= kinds
    assert suspect["first_suspicious"].startswith("2026-06-21T03:0")
    assert len(suspect["queue_ids"]) == 60
    assert suspect["recipients"] >= 1200
    assert suspect["past"]["days"] == 20


def test_same_outbreak_without_any_past(tmp_path):
    log = Log().ordinary(1)
    botnet(log, at=START + 15 * HOUR)
    assert names(run(log.write(tmp_path / "mail.log"))) == ["user3@example.org"]


def test_slow_abuse_below_any_volume(log, tmp_path):
    for number in range(40):
        log.mail(
            TODAY + 2 * HOUR + number * 80,
            user="user5@example.org",
            client=f"203.0.{number}.9",
            to=1,
            sender=f"a@forged{number % 12}.example",
        )
    document = run(log.write(tmp_path / "mail.log"))
    assert names(document) == ["user5@example.org"]
    assert {"novelty", "spread"} <= {e["kind"] for e in document["suspects"][0]["evidence"]}


def test_one_strange_address_is_enough_when_the_mail_is_refused(log, tmp_path):
    for number in range(100):
        log.mail(
            TODAY + 4 * HOUR + number * 20,
            user="user2@example.org",
            client="46.48.93.60",
            to=5,
            refused=2,
            blocked=1,
        )
    assert names(run(log.write(tmp_path / "mail.log"))) == ["user2@example.org"]


def test_guessed_password(log, tmp_path):
    for number in range(60):
        log.failure(TODAY + HOUR + number, "203.0.113.66", "user1@example.org")
    for number in range(50):
        log.mail(
            TODAY + 2 * HOUR + number * 30, user="user1@example.org", client="203.0.113.66", to=4
        )
    document = run(log.write(tmp_path / "mail.log"))
    assert names(document) == ["user1@example.org"]
    guessing = next(e for e in document["suspects"][0]["evidence"] if e["kind"] == "guessing")
    assert guessing["failures"] == 60
    assert document["suspects"][0]["failed_logins"] == 60


def newsletter(log):
    """A mailing each week: 2,000 single mails from the usual address, with an old list's bounces."""
    for week, number in itertools.product(range(3), range(2000)):
        log.mail(
            TODAY - week * 7 * DAY + 10 * HOUR + number,
            user="newsletter@example.org",
            client="10.1.8.8",
            refused=number % 9 == 0,
        )


def mailing_list(log):
    for number in range(5):
        log.mail(TODAY + 12 * HOUR + number * MINUTE, user="user6@example.org", to=300)


def roaming(log):
    """A telephone on a train: a new address for nearly every mail, all day long."""
    for day in range(18, 21):
        for number in range(60):
            log.mail(
                START + day * DAY + 8 * HOUR + number * 9 * MINUTE,
                user="phone@example.org",
                client=f"80.{number}.{day}.7",
            )


def stale_password(log):
    """A program with the old password tries for hours, then somebody types the new one."""
    for number in range(400):
        log.failure(TODAY + 6 * HOUR + number * 20, "10.1.4.5", "user4@example.org")
    log.mail(TODAY + 9 * HOUR, user="user4@example.org", client="10.1.4.5", to=40)


def brute_force_without_success(log):
    for number in range(900):
        log.failure(TODAY + number * 60, f"203.0.113.{number % 200}", "user7@example.org")


@pytest.mark.parametrize(
    "decoy",
    [newsletter, mailing_list, roaming, stale_password, brute_force_without_success],
)
def test_innocent_mail_is_not_accused(log, tmp_path, decoy):
    decoy(log)
    assert run(log.write(tmp_path / "mail.log"), "--fail")["suspects"] == []


def test_all_decoys_beside_the_real_one(log, tmp_path):
    for decoy in (newsletter, mailing_list, roaming, stale_password, brute_force_without_success):
        decoy(log)
    botnet(log)
    document = run(log.write(tmp_path / "mail.log"))
    assert names(document) == ["user3@example.org"]


def test_rotated_logs_are_the_past(log, tmp_path):
    botnet(log)
    lines = log.text().splitlines(keepends=True)
    third = len(lines) // 3
    with gzip.open(tmp_path / "mail.log.2.gz", "wt") as old:
        old.writelines(lines[:third])
    (tmp_path / "mail.log.1").write_text("".join(lines[third : 2 * third]))
    (tmp_path / "mail.log").write_text("".join(lines[2 * third :]))
    document = run(tmp_path / "mail.log")
    assert document["suspects"][0]["past"]["days"] == 20
    assert [Path(p).name for p in document["logs"]] == ["mail.log.2.gz", "mail.log.1", "mail.log"]


def test_time_counts_from_the_newest_line(log, tmp_path):
    botnet(log, at=START + 10 * DAY)
    path = log.write(tmp_path / "mail.log")
    assert run(path)["suspects"] == []
    assert names(run(path, "--since", "11d")) == ["user3@example.org"]


@pytest.mark.parametrize(
    "user",
    [
        "x, sasl_username=victim@example.org",
        "a b'\"c@example.org",
        "-rf@example.org",
        "\x1b[31mred",
        "x=y,z",
        "jos\u00e9@example.org",
        "[bold]x[/bold]@example.org",
    ],
)
def test_hostile_names_are_shown_whole_and_harmless(log, tmp_path, user):
    botnet(log, user=user)
    path = log.write(tmp_path / "mail.log")
    assert names(run(path)) == [user]
    result = CliRunner().invoke(cli, ["suspects", "--log", str(path), "--no-queue"])
    assert result.exit_code == 0
    assert "\x1b" not in result.output


def test_content_filter_keeps_the_login(log, tmp_path):
    first = log.mail(TODAY + HOUR, user="user1@example.org", removed=False)
    log.add(
        TODAY + HOUR + 1,
        f"postfix/smtpd[11]: SECOND0001: client=localhost[127.0.0.1], orig_queue_id={first}, "
        "orig_client=unknown[10.1.0.5]",
    )
    log.add(
        TODAY + HOUR + 1,
        "postfix/qmgr[13]: SECOND0001: from=<user1@example.org>, size=1, nrcpt=1 (queue active)",
    )
    from bmtick.incident.analysis import analyse

    traffic = analyse([str(log.write(tmp_path / "mail.log"))], since=DAY).traffic
    assert set(traffic.queue_ids("user1@example.org")) == {first, "SECOND0001"}
    assert not traffic.domains_of("127.0.0.1")


def test_filter_without_xforward_is_followed_by_queued_as(log, tmp_path):
    first = log.mail(TODAY + HOUR, user="user1@example.org", removed=False)
    log.add(TODAY + HOUR + 1, "postfix/smtpd[11]: SECOND0001: client=localhost[127.0.0.1]")
    log.add(
        TODAY + HOUR + 1,
        f"postfix/smtp[14]: {first}: to=<a@b.example>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, "
        "delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): "
        "250 2.0.0 Ok: queued as SECOND0001)",
    )
    from bmtick.incident.analysis import analyse

    traffic = analyse([str(log.write(tmp_path / "mail.log"))], since=DAY).traffic
    assert "SECOND0001" in traffic.queue_ids("user1@example.org")


def test_real_postfix_names_the_stolen_account_and_no_decoy():
    truth = json.loads((EXAMPLE / "truth.json").read_text())
    document = run(EXAMPLE / "mail.log", "--fail", status=1)
    assert names(document) == [truth["stolen_account"]]
    suspect = document["suspects"][0]
    counted = truth["users"][truth["stolen_account"]]
    assert suspect["messages"] == counted["messages"]
    assert suspect["recipients"] == counted["recipients"]
    assert suspect["addresses"] == counted["clients"]
    assert SUSPECT == "suspect"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--log", "nowhere.log"], "there is no log 'nowhere.log'"),
        (["--log", "__file__"], "begins with a time"),
        (["--log", "__file__", "--since", "soon"], "is not a duration"),
        (["--log", "__file__", "--since", "0s"], "is no stretch of time"),
    ],
)
def test_wrong_use_is_one_clear_line(arguments, message):
    arguments = [__file__ if a == "__file__" else a for a in arguments]
    result = CliRunner().invoke(cli, ["suspects", "--no-queue", *arguments])
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("old", "asked"), [(2 * HOUR, False), (0, True)])
def test_the_queue_of_now_is_no_matter_of_an_old_log(tmp_path, monkeypatch, old, asked):
    import time

    calls = []
    monkeypatch.setattr("bmtick.cli.suspects._queued", lambda config: calls.append(config) or set())
    log = Log()
    log.mail(int(time.time()) - old, user="user1@example.org")
    path = log.write(tmp_path / "mail.log")
    result = CliRunner().invoke(cli, ["suspects", "--log", str(path)])
    assert result.exit_code == 0, result.output
    assert bool(calls) is asked


def test_a_weekend_of_spam_is_no_past_of_its_own(log, tmp_path):
    """Monday morning: thirty hours of spam lie before and in the window; the account is named."""
    for number in range(30 * 60):
        log.mail(
            TODAY - 12 * HOUR + number * MINUTE,
            user="user3@example.org",
            client=f"203.0.{number % 200}.7",
            to=5,
            refused=1,
        )
    document = run(log.write(tmp_path / "mail.log"))
    assert names(document) == ["user3@example.org"]
    assert document["suspects"][0]["first_suspicious"].startswith("2026-06-20T12:")


def test_one_login_in_many_spellings_is_one_account(log, tmp_path):
    for number in range(120):
        name = "".join(
            letter.upper() if number >> place & 1 else letter
            for place, letter in enumerate("user3@example.org")
        )
        log.mail(
            TODAY + 3 * HOUR + number * 20, user=name, client=f"203.0.{number}.7", to=3, refused=1
        )
    document = run(log.write(tmp_path / "mail.log"))
    assert names(document) == ["user3@example.org"]
    assert document["suspects"][0]["recipients"] >= 360


def test_a_hacked_web_form_is_named_by_its_sender_and_uid(log, tmp_path):
    for number in range(300):
        qid = log.queue_id()
        at = TODAY + 4 * HOUR + number * 5
        log.add(at, f"postfix/pickup[10]: {qid}: uid=33 from=<www-data>")
        log.add(
            at,
            f"postfix/qmgr[13]: {qid}: from=<www-data@mail.example.org>, size=900, nrcpt=1 "
            "(queue active)",
        )
        log.add(
            at + 1,
            f"postfix/smtp[14]: {qid}: to=<v{number}@far.example>, relay=mx[198.51.100.9]:25, "
            "delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 Ok)",
        )
        log.add(at + 2, f"postfix/qmgr[13]: {qid}: removed")
    suspect = run(log.write(tmp_path / "mail.log"))["suspects"][0]
    assert suspect["kind"] == "local"
    assert "www-data" in suspect["user"]
    assert suspect["client"] == "33"
    shown = (
        CliRunner()
        .invoke(cli, ["suspects", "--no-queue", "--log", str(tmp_path / "mail.log")])
        .output
    )
    assert "a program of uid 33 on this machine sends it" in shown


def test_a_web_form_that_writes_as_many_senders_is_named_by_its_uid(log, tmp_path):
    for number in range(200):
        qid, sender = log.queue_id(), f"nobody{number}@far.example"
        at = TODAY + 4 * HOUR + number * 9
        log.add(at, f"postfix/pickup[10]: {qid}: uid=33 from=<{sender}>")
        log.add(at, f"postfix/qmgr[13]: {qid}: from=<{sender}>, size=900, nrcpt=1 (queue active)")
        log.add(
            at + 1,
            f"postfix/smtp[14]: {qid}: to=<v{number}@far.example>, relay=mx[198.51.100.9]:25, "
            "delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 Ok)",
        )
        log.add(at + 2, f"postfix/qmgr[13]: {qid}: removed")
    assert names(run(log.write(tmp_path / "mail.log"))) == ["uid=33"]
    shown = CliRunner().invoke(cli, ["suspects", "--no-queue", "--log", str(tmp_path / "mail.log")])
    assert shown.output.rstrip().endswith("stop it, then: bmtick queue")


def test_a_burst_within_the_last_minute_of_the_log_is_seen(log, tmp_path):
    """The first point of that minute says nothing yet, and no other minute follows."""
    for number in range(40):
        log.mail(
            TODAY + 20 * HOUR + 60 + number,
            user="user3@example.org",
            client=f"203.0.{number}.7",
            to=6,
            refused=2,
        )
    assert names(run(log.write(tmp_path / "mail.log"))) == ["user3@example.org"]


def form_spam(log, sender, at=TODAY + 3 * HOUR):
    for number in range(300):
        log.mail(at + number * 5, client="10.1.0.99", sender=sender, to=1, refused=number % 4 == 0)


TRUST = '[collect]\nknown_clients = ["10.1.0.0/16"]\n'


def test_the_only_sender_of_a_machine_leaves_the_blame_to_the_machine(log, tmp_path):
    form_spam(log, "kontakt@example.org")
    path = log.write(tmp_path / "mail.log")
    (tmp_path / "bmtick.toml").write_text(TRUST)
    document = run(path, "--config", str(tmp_path / "bmtick.toml"))
    assert document["machines"] == ["10.1.0.99"]
    assert (names(document), names(document, "unusual")) == ([], ["kontakt@example.org"])
    shown = CliRunner().invoke(
        cli,
        ["suspects", "--log", str(path), "--no-queue", "--config", str(tmp_path / "bmtick.toml")],
    )
    assert "1 machine without a login sends spam: 10.1.0.99; see 'bmtick relays'" in shown.output
    assert "nobody else sends through 10.1.0.99" in shown.output
    assert "Nobody behaves suspiciously" not in shown.output


def test_one_of_many_senders_of_a_webmail_is_accused(log, tmp_path):
    form_spam(log, "user3@example.org")
    for number in range(20):  # last week: on a Sunday the thief writes alone
        at = TODAY - 7 * DAY + number * MINUTE
        log.mail(at, client="10.1.0.99", sender=f"user{number}@example.org")
    path = log.write(tmp_path / "mail.log")
    (tmp_path / "bmtick.toml").write_text(TRUST)
    document = run(path, "--config", str(tmp_path / "bmtick.toml"))
    assert names(document) == ["user3@example.org"]
