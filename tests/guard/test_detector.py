"""The memory is told by Postfix's question first and by the log afterwards; each message counts once."""

import pytest

from bmtick.alerts.weighing import Weight
from bmtick.collect.memory import MESSAGES, REFUSED, VOLUME, WIDTH
from bmtick.guard.detector import MemoryDetector
from bmtick.guard.memory import GuardMemory, subject_of
from bmtick.guard.message import read_message
from bmtick.guard.milter import LocalMessage
from bmtick.guard.subject import Subject

NOW = 1_700_000_000.0
BOB = "postfix_sender\nbob@x.org"


def counts(messages=0, volume=0, refused=0, blocked=0):
    found = [0] * WIDTH
    found[MESSAGES], found[VOLUME], found[REFUSED] = messages, volume, refused
    return found


def gauges(memory, entity=BOB, now=NOW):
    return memory.gauges(entity, int(now))


def test_what_the_log_says_later_is_not_added_again():
    memory = GuardMemory()
    for _ in range(3):
        memory.add_request(BOB, NOW, 2, ["1.2.3.4"], [])
    assert gauges(memory)["hour_recipients"] == 6
    memory.add(BOB, int(NOW), counts(2, 4), addresses=["1.2.3.4"])
    memory.add(BOB, int(NOW) + 1, counts(1, 2, refused=1), addresses=["1.2.3.4"])
    assert gauges(memory)["hour_recipients"] == 6
    assert gauges(memory)["hour_messages"] == 3
    assert gauges(memory)["hour_refused"] == 1
    memory.add(BOB, int(NOW) + 2, counts(1, 5))  # Postfix did not ask about this one
    assert gauges(memory)["hour_recipients"] == 11
    assert not memory._requested


def test_what_the_log_never_tells_is_forgotten_as_a_credit():
    memory = GuardMemory()
    memory.add_request(BOB, NOW, 2, [], [])
    memory.add_request("postfix_sender\neve", NOW + 1000, 1, [], [])
    memory.add(BOB, int(NOW) + 1000, counts(1, 2))
    assert gauges(memory, now=NOW + 1000)["hour_recipients"] == 4


@pytest.mark.parametrize(
    ("entity", "who"),
    [
        (BOB, Subject("user", "bob@x.org")),
        ("postfix_client\n10.0.0.5\ntrue", Subject("client", "10.0.0.5")),
        ("postfix_from\n10.0.0.5\na@b", Subject("from", "10.0.0.5", "a@b")),
        ("postfix_local\nwww@x\n33", Subject("local", "www@x")),
        ("postfix_local\n*\n33", Subject("local", "uid=33")),
        ("postfix_forward\ninfo@x", Subject("forward", "info@x")),
        ("postfix_server\nrelays", None),
        ("postfix_auth\n1.2.3.4", None),
    ],
)
def test_whom_an_entity_is(entity, who):
    assert subject_of(entity) == who


class Scales:
    """Takes recipients for percent of evidence."""

    def weigh(self, measurement, facts):
        if measurement == "postfix_server":
            return [Weight("relay_open", float(facts["relaying_clients"]), 10.0, critical=True)]
        value = float(facts.get("hour_recipients", facts.get("hour_relayed", 0)))
        return [Weight("a", value, 100.0, critical=value >= 100)]


OURS = {"x.org"}


@pytest.fixture
def judge():
    memory = GuardMemory()
    found = MemoryDetector(
        memory,
        Scales(),
        (1.5, 2.0),
        is_trusted=lambda client: client.startswith(("10.", "127.")),
        is_ours=lambda domain: domain in OURS,
    )
    found.memory = memory
    return found


def say(
    judge, user="", client="1.2.3.4", recipients=1, recipient="a@elsewhere.org", now=NOW, name=""
):
    message = read_message(
        {
            "sasl_username": user,
            "client_address": client,
            "client_name": name,
            "sender": "s@x.org",
            "recipient": recipient if recipients == 1 else "",
            "recipient_count": str(recipients),
        }
    )
    judge.message(message, now)
    return next(
        filter(None, (judge.verdict(w, now) for w in (message.who, message.client_sender) if w)), ""
    )


def test_a_burst_through_a_tunnels_loopback_addresses_is_one_but_not_through_the_usual_one(judge):
    assert not any(say(judge, "bob@x.org", "127.0.0.1") for _ in range(100))
    held = [bool(say(judge, "eve@x.org", f"127.0.0.{2 + n}")) for n in range(40)]
    assert held.index(True) == 15


def test_volume_alone_holds_nobody_but_with_refusals(judge):
    for _ in range(300):
        assert not say(judge, "bob@x.org")
    judge.memory.add(BOB, int(NOW), counts(refused=52))
    assert "52" in say(judge, "bob@x.org")


def flood(judge, client):
    return any(say(judge, "bob@x.org", client, now=NOW + n / 10) for n in range(100))


def test_a_flood_of_single_mails_is_held_by_the_webmail_and_not_from_a_desk_in_a_trusted_network(
    judge,
):
    judge.memory.record(BOB).days = 3
    assert not flood(judge, "10.0.0.7")
    for n in range(4):
        say(judge, f"user{n}@x.org", "10.0.0.7")
    assert judge.memory.is_shared("10.0.0.7")
    kept = GuardMemory()
    kept.restore(judge.memory.dump())
    assert kept.is_shared("10.0.0.7")
    assert flood(judge, "10.0.0.7")


def test_who_logs_in_from_where_is_bounded_and_forgets_the_longest_silent():
    memory = GuardMemory()
    for n in range(6000):
        memory.add_request(
            f"postfix_sender\nuser{n}@x.org", NOW, 1, [f"10.0.{n // 250}.{n % 250}"], []
        )
        memory.add_request(f"postfix_sender\nuser{n % 9}@x.org", NOW, 1, ["10.9.9.9"], [])
    assert memory.is_shared("10.9.9.9")
    assert len(memory._logins) == 5000


def test_an_alerts_threshold_is_not_enough(judge):
    judge.memory.add(BOB, int(NOW), counts(refused=50))
    held = [bool(say(judge, "bob@x.org")) for _ in range(210)]
    assert held.index(True) == 199


def test_a_trusted_machine_and_each_of_its_senders_are_weighed(judge):
    entities = ["postfix_client\n10.0.0.5\ntrue", "postfix_from\n10.0.0.5\ns@x.org"]
    for entity in entities:
        judge.memory.add(entity, int(NOW), counts(refused=50))
    held = [bool(say(judge, client="10.0.0.5")) for _ in range(160)]
    assert held.index(True) == 149
    assert {gauges(judge.memory, e)["hour_relayed"] for e in entities} == {160}


def test_mail_for_ourselves_and_of_loopback_is_no_relaying(judge):
    for _ in range(300):
        assert not say(judge, client="10.0.0.5", recipient="a@x.org")
        assert not say(judge, client="127.0.0.1")
        assert not say(judge, client="1.2.3.4")
    assert set(judge.memory.records) <= {"postfix_server\nrelays"}


def test_strangers_are_held_while_the_server_is_an_open_relay(judge):
    relays = "postfix_server\nrelays"
    judge.memory.add(relays, int(NOW), counts(volume=60), recipients=range(20))
    assert "open relay" in say(judge)
    assert not say(judge, recipient="a@x.org")  # inbound mail goes on
    assert not say(judge, client="10.0.0.5")
    later = NOW + 2 * 3600
    assert not say(judge, now=later)


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("unknown", True),
        ("84-119-3-7.dsl.provider.example", True),
        ("mail-eopbgr80094.outbound.provider.example", False),
    ],
)
def test_of_mail_to_several_only_nameless_strangers_are_held_at_an_open_relay(judge, name, held):
    """Whether it is for us is not said: where there is one recipient, Postfix names it."""
    assert not say(judge, recipients=3, name=name)
    judge.memory.add("postfix_server\nrelays", int(NOW), counts(volume=60), recipients=range(20))
    assert bool(say(judge, recipients=3, name=name, now=NOW + 1)) == held
    known = judge.memory.record("postfix_client\n1.2.3.4\nfalse")
    known.days = 3
    assert not say(judge, recipients=3, name=name, now=NOW + 2)


LOCAL = "postfix_local\nwww@x.org\n33"


def sendmail(judge, recipient):
    judge.local(LocalMessage("", "www@x.org", (recipient,)), NOW)


def test_mail_by_sendmail_is_held_for_volume_alone_unless_it_goes_to_the_same_few(judge):
    judge.memory.add(LOCAL, int(NOW), counts(119, 119))
    assert not judge.verdict(Subject("local", "www@x.org"), NOW)
    judge.memory.add(LOCAL, int(NOW), counts(2, 2))
    assert "121 recipients" in judge.verdict(Subject("local", "www@x.org"), NOW)
    for n in range(19):
        sendmail(judge, f"admin{n}@elsewhere.org")
        sendmail(judge, "admin0@elsewhere.org")
    assert not judge.verdict(Subject("local", "www@x.org"), NOW)
    sendmail(judge, "another@elsewhere.org")
    assert judge.verdict(Subject("local", "www@x.org"), NOW)


def test_a_system_user_who_never_sent_is_known_to_send_nothing_after_days_of_log(judge):
    seen = []
    judge._scales = type("Seen", (), {"weigh": lambda self, m, facts: seen.append(facts) or []})()
    judge.memory.add(LOCAL, int(NOW), counts(1, 1))
    judge.verdict(Subject("local", "www@x.org"), NOW)
    judge.memory.began -= 2
    judge.verdict(Subject("local", "www@x.org"), NOW)
    assert [facts["days"] for facts in seen] == [0, 1]


def test_released_is_weighed_on_what_comes_afterwards(judge):
    judge.memory.add(BOB, int(NOW), counts(refused=50))
    for _ in range(210):
        reason = say(judge, "bob@x.org")
    assert reason
    judge.released(Subject("user", "bob@x.org"), NOW)
    assert not say(judge, "bob@x.org")
