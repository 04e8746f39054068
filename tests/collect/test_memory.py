"""What is remembered of accounts and machines: usual days, silence, break-ins, shared addresses, the store."""

import json
import sqlite3

import pytest

from bmtick.collect.bucket import Bucket, Origin
from bmtick.collect.emit import Emitter
from bmtick.collect.memory import LOUD_VOLUME, RECORD, Memory, Record
from bmtick.collect.records import RecordStore
from bmtick.names import FIELDS, TAGS

DAY, HOUR = 86_400, 3600
START = 20_454 * DAY + 9 * HOUR  # nine o'clock
ANNA = "postfix_sender\nanna"


@pytest.fixture(params=[Record, RECORD], ids=["python", "compiled"])
def memory(request) -> Memory:
    return Memory(kind=request.param)


def sent(
    memory: Memory, time: int, number: int, *, who: str = ANNA, blocked: int = 0, **more
) -> None:
    memory.add(who, time, (1, number, 0, blocked, blocked, 0, 0), **more)


def test_the_usual_peak_is_of_days_that_ended(memory):
    for day, number in enumerate((20, 50, 30)):
        sent(memory, START + day * DAY, number)
    found = memory.gauges(ANNA, START + 2 * DAY)
    assert (found["usual"], found["days"], found["hour_recipients"]) == (50, 2, 30)


def test_a_day_that_looks_like_an_attack_is_no_baseline(memory):
    sent(memory, START, 20)
    sent(memory, START + DAY, 900, blocked=90)
    sent(memory, START + 2 * DAY, 1)
    found = memory.gauges(ANNA, START + 2 * DAY)
    assert (found["usual"], found["days"]) == (20, 1)


def test_a_peak_is_forgotten_after_five_weeks(memory):
    sent(memory, START, 70)
    sent(memory, START + DAY, 5)
    assert memory.gauges(ANNA, START + 20 * DAY)["usual"] == 70
    assert memory.gauges(ANNA, START + 43 * DAY)["usual"] == 0


def test_a_network_of_a_usual_day_is_not_new(memory):
    sent(memory, START, 5, addresses=["198.51.100.7"])
    sent(memory, START + DAY, 5, addresses=["198.51.7.7", "203.0.113.1"])
    found = memory.gauges(ANNA, START + DAY)
    assert (found["new_clients"], found["hour_strange"]) == (1, 2)


def test_how_many_new_addresses_an_hour_has_is_learned(memory):
    sent(memory, START, 5, addresses=["198.51.100.7"])
    sent(memory, START + DAY, 5, addresses=["203.0.113.1", "192.0.2.1"])
    sent(memory, START + 2 * DAY, 5, addresses=["198.51.100.7"])
    assert memory.gauges(ANNA, START + 2 * DAY)["usual_clients"] == 2


@pytest.mark.parametrize(("blocked", "usual"), [(0, 6), (40, 1)], ids=["traveller", "thief"])
def test_how_many_places_is_learned_even_of_a_day_that_looks_odd_for_them(memory, blocked, usual):
    """Who writes to many from new places day after day is held to that, where nobody refuses it."""
    sent(memory, START, 50, addresses=["198.51.100.7"])
    sent(memory, START + DAY, 1, addresses=["198.18.0.1"])
    places = [f"203.{number}.113.1" for number in range(6)]
    sent(memory, START + 2 * DAY, 90, addresses=places, blocked=blocked)
    again = Memory(kind=memory.kind)
    again.restore(json.loads(json.dumps(memory.dump())))
    sent(again, START + 3 * DAY, 1, addresses=places)
    found = again.gauges(ANNA, START + 3 * DAY)
    assert (found["usual_clients"], found["usual"], found["new_clients"]) == (usual, 50, 6)


OFFICE, ELSEWHERE = "203.0.113.1", "192.0.2.1"


@pytest.mark.parametrize(
    ("accounts", "address", "days", "new"),
    [
        (3, OFFICE, 1, 0),
        (3, ELSEWHERE, 1, 1),
        (2, OFFICE, 1, 1),  # a friend's house
        (3, OFFICE, 0, 1),  # a thief's machine is everybody's on its first day
    ],
)
def test_nobody_is_a_stranger_in_the_house(memory, accounts, address, days, new):
    sent(memory, START, 5, addresses=["198.51.100.7"])
    for number in range(accounts):
        sent(memory, START + DAY, 5, who=f"postfix_sender\nu{number}", addresses=[OFFICE])
    later = START + (1 + days) * DAY
    sent(memory, later, 5, addresses=[address])
    assert memory.gauges(ANNA, later)["new_clients"] == new


def test_accounts_that_are_all_strangers_make_no_house(memory):
    names = [f"postfix_sender\nu{number}" for number in range(5)]
    for name in (ANNA, *names):
        sent(memory, START, 5, who=name, addresses=["198.51.100.7"])
    for name in names:
        sent(memory, START + DAY, 5, who=name, addresses=[OFFICE])
    sent(memory, START + 2 * DAY, 5, addresses=[OFFICE])
    assert memory.gauges(ANNA, START + 2 * DAY)["new_clients"] == 1


def test_the_house_outlives_a_restart(memory):
    sent(memory, START, 5, addresses=["198.51.100.7"])
    for number in range(3):
        sent(memory, START + DAY, 5, who=f"postfix_sender\nu{number}", addresses=[OFFICE])
    again = Memory(kind=memory.kind)
    again.restore(json.loads(json.dumps(memory.dump())))
    sent(again, START + 2 * DAY, 5, addresses=[OFFICE])
    assert again.gauges(ANNA, START + 2 * DAY)["new_clients"] == 0


def test_each_horizon_that_ran_empty_is_told_once(memory):
    sent(memory, START, LOUD_VOLUME)
    begin = START // 60
    told = [
        (due - begin, record.recent[1], record.hour[1], record.day[1])
        for minute in range(begin, begin + 3000, 7)
        for due, _, record in memory.silent(minute)
    ]
    assert told == [(10, 0, 10, 10), (60, 0, 0, 10), (1455, 0, 0, 0)]


def test_little_mail_leaves_no_trailing_point(memory):
    sent(memory, START, LOUD_VOLUME - 1)
    assert not list(memory.silent(START // 60 + 3000))


def test_an_address_that_three_users_got_new_is_shared(memory):
    for user in ("anna", "ben", "carla"):
        who = f"postfix_sender\n{user}"
        sent(memory, START, 1, who=who, addresses=["192.0.2.1"])
        sent(memory, START + DAY, 1, who=who, addresses=["203.0.113.9"])
        shared = memory.gauges(who, START + DAY)["shared_clients"]
        assert shared == (user == "carla")
    assert memory.gauges(ANNA, START + DAY)["shared_clients"] == 1


@pytest.mark.parametrize(
    ("failures", "client", "broken"),
    [(5, "203.0.113.9", 1), (4, "203.0.113.9", 0), (5, "198.51.100.7", 0)],
)
def test_a_login_from_elsewhere_after_failures_is_a_break_in(memory, failures, client, broken):
    sent(memory, START, 1, addresses=["198.51.1.1"])
    sent(memory, START + DAY, 1, addresses=["198.51.1.1"])
    bucket = Bucket()
    bucket.failures = {f"192.0.2.{n}": {"anna": 1} for n in range(failures)}
    origin = Origin("anna", client)
    bucket.origins = {origin}
    bucket.sums(origin.entity)[0] = 1
    emitter = Emitter(10, 1000, memory)
    assert account(emitter.rows(START + DAY, bucket, 0.0)) == broken
    if broken:  # for an hour, and then a point says that it is over
        rows = emitter.silent(START + DAY + HOUR)
        assert account(rows) == 0


def account(rows: list) -> int:
    (found,) = [
        dict(zip(FIELDS[name], fields, strict=False))
        for name, tags, fields, _ in rows
        if name == "postfix_account"
        and dict(zip(TAGS[name], tags, strict=True)) == {"user": "anna"}
    ]
    return found["broken_in"]


# The store


def kept(path, warned: list[str]) -> Memory:
    return Memory(RecordStore(str(path), warned.append))


def fill(path) -> None:
    memory = kept(path, [])
    sent(memory, START, 40)
    sent(memory, START + DAY, 7)
    memory.store.apply(1, memory.changes())
    memory.store.close()


def test_a_record_is_found_in_the_store(tmp_path):
    fill(tmp_path / "state")
    memory = kept(tmp_path / "state", [])
    found = memory.gauges(ANNA, START + DAY)
    assert (found["usual"], found["hour_recipients"]) == (40, 7)


def test_a_damaged_store_is_put_aside(tmp_path):
    fill(tmp_path / "state")
    store = tmp_path / "state.memory"
    store.write_bytes(b"no database" * 1000)
    warned: list[str] = []
    memory = kept(tmp_path / "state", warned)
    assert memory.gauges(ANNA, START + DAY)["usual"] == 0
    assert "is kept as" in warned[0]
    assert (tmp_path / "state.memory.damaged").read_bytes().startswith(b"no database")
    sent(memory, START, 3)
    memory.store.apply(2, memory.changes())
    assert memory.store.number() == 2


def test_one_damaged_record_begins_anew_alone(tmp_path):
    fill(tmp_path / "state")
    with sqlite3.connect(tmp_path / "state.memory") as database:
        database.execute("UPDATE record SET body = '[1,2'")
    memory = kept(tmp_path / "state", [])
    assert memory.gauges(ANNA, START + DAY)["usual"] == 0


def test_a_record_of_before_senders_had_a_peak(memory):
    old = (
        "[0,[[29455740,1,40,0,0,0,0,0]],[],[20455,0,40,40,0],[20454,30,20,0,[],[]],"
        "[[2921,25,10,0]],3,0,0,0,0,0,0,0,0,[0,0,29455740]]"
    )  # fmt: skip
    memory.restore(
        {"began": 20_400, "epoch": 0, "shared": {}, "guessed": {}, "records": {ANNA: old}}
    )
    sent(memory, START + DAY, 1)
    found = memory.gauges(ANNA, START + DAY)
    assert (found["usual"], found["days"]) == (30, 4)


def test_records_are_loaded_together(tmp_path):
    """As one by one, and each once; names that no database takes, too."""
    from bmtick.collect.records import RecordStore

    path, names = str(tmp_path / "state"), [f"postfix_sender\nu{n}" for n in range(1200)]
    names.append("postfix_sender\n\udce9")
    first = Memory(RecordStore(path, print))
    for name in names:
        first.add(name, 600, (3, 4, 0, 0, 0, 0, 0))
    first.store.apply(1, first.changes())
    again = Memory(RecordStore(path, print))
    again.load([*names, "postfix_sender\nnew"])
    again.store.load = None  # asked for no more
    assert {again.gauges(name, 660)["hour_recipients"] for name in names} == {4}
    assert again.gauges("postfix_sender\nnew", 660)["hour_recipients"] == 0
