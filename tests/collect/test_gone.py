"""Removed messages in a state: they lie there packed until somebody asks for one."""

from bmtick.collect.blocked import Blocked
from bmtick.collect.bucket import Message, Origin
from bmtick.collect.counter import _MAX_PACKS, MAX_GONE, Counter

BLOCKED = Blocked()


def gone(counter: Counter) -> dict[bytes, tuple]:
    """Return what is known of each, in their order."""
    found = {}
    for queue_id in counter.gone:
        message = counter.gone_message(queue_id)
        assert message is not None
        found[queue_id] = (
            message.origin.dump(),
            message.sender,
            message.size,
            message.waiting,
            message.outward,
        )
    return found


def again(counter: Counter) -> Counter:
    """Return the counter of the next run."""
    import json

    restored = Counter(BLOCKED)
    restored.restore(json.loads(json.dumps(counter.dump())))
    return restored


def removed(counter: Counter, number: int, origin: Origin, sender: bytes = b"a@x.example") -> bytes:
    queue_id = b"4dkvYs1Tr%05d:" % number
    counter.counted[queue_id] = Message(origin, sender, number)
    counter.removed(queue_id)
    return queue_id


def origins() -> list[Origin]:
    return [
        Origin("anna", "192.0.2.1"),
        Origin("", "10.0.0.1", trusted=True),
        Origin("", "2001:db8::/64"),
        Origin.local("root|;~@x", 0),
        Origin.local("", 33),
        Origin("b|e;n~ \t\u2028", "unknown"),
    ]


def test_all_that_is_known_comes_back_over_many_runs():
    counter, number = Counter(BLOCKED), 0
    for run in range(2 * _MAX_PACKS):
        before = gone(again(counter))
        for origin in origins()[: run % 7]:
            number += 1
            key = removed(counter, number, origin, b'"a > b|;~\xff"@%d.example' % number)
            if number % 5 == 0:
                message = counter.gone[key]
                assert message is not None
                message.waiting, message.outward = {7: 3}, {"postfix_client\n10.0.0.1\ntrue"}
        restored = again(counter)
        assert list(restored.gone)[: len(before)] == list(before)
        expected = gone(again(counter))
        assert len(expected) == number
        assert gone(again(restored)) == expected
        counter = restored  # which looked at nothing
    assert None in counter.gone.values()


def test_an_id_that_is_used_again_is_gone_no_more():
    counter = Counter(BLOCKED)
    keys = [removed(counter, number, origin) for number, origin in enumerate(origins())]
    counter = again(counter)
    counter.client(keys[1], b"a[192.0.2.9]")
    assert list(again(counter).gone) == [keys[0], *keys[2:]]
    assert set(gone(again(counter))) == {keys[0], *keys[2:]}


def test_the_oldest_are_forgotten():
    counter, origin = Counter(BLOCKED), origins()[0]
    keys = [removed(counter, number, origin) for number in range(2 * MAX_GONE)]
    counter = again(counter)
    keys.append(removed(counter, 2 * MAX_GONE, origin))
    counter.forget_gone()
    assert list(gone(again(counter))) == keys[-MAX_GONE:]


def test_a_filter_gives_back_what_an_earlier_run_saw_removed():
    counter = Counter(BLOCKED)
    second = removed(counter, 1, Origin("", "127.0.0.1"))
    counter = again(counter)
    first = b"4dkvYs1Tr9999:"
    counter.counted[first] = Message(Origin("anna", "192.0.2.1"))
    reply = b"250 2.0.0 from MTA: 250 2.0.0 Ok: queued as " + second[:-1]
    counter.attempt(first, b"r@x.example", b"", b"smtp", b"127.0.0.1[127.0.0.1]:10024", b"sent", b"2.0.0", reply)  # fmt: skip
    message = counter.gone_message(second)
    assert message is not None
    assert message.origin.user == "anna"
