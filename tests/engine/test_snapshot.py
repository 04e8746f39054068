"""A task that is put away and taken up again at any moment goes on as if nothing had happened."""

import json
from random import Random

import pytest

from bmtick.alerts import catalogue, render
from bmtick.engine import load_task
from bmtick.names import FIELDS, TAGS
from bmtick.points import Point

SECOND = 10**9
HOSTS = ("a", "b")

_REMEMBERED = ("postfix_sender", "postfix_client", "postfix_from", "postfix_local", "postfix_forward",
               "postfix_account", "postfix_server", "bmtick_listed")  # fmt: skip
_TAGS = {"postfix_client": {"client": "192.0.2.1", "known": "true"}}


def points(random, count):
    """Points of all that the catalogue reads, at uneven times."""
    found = []
    time = 1_767_600_000 * SECOND
    for number in range(count):
        time += random.choice((0, 1, 2, 5, 10, 10, 10, 30, 600)) * SECOND
        tags = {"host": random.choice(HOSTS), "datalocation": "bm"}
        pick = random.choice

        def add(name, own, fields, tags=tags, time=time):
            found.append(Point(name, {**tags, **own}, fields, time))

        add(
            "postfix_queue",
            {"queue": pick(("active", "deferred"))},
            {"length": pick((1, 100, 900))},
        )
        for name in _REMEMBERED:
            own = {tag: pick("xy") for tag in TAGS[name]} | _TAGS.get(name, {})
            add(name, own, {field: pick((0, 1, 60, 900)) for field in FIELDS[name]})
        guesses = {"failures": pick((1, 10, 40)), "users": 1}
        add("postfix_auth", {"client": "192.0.2.1"}, guesses)
        add("bluemind_auth", {"client": "192.0.2.1", "origin": "dav"}, guesses)
        add(
            "postfix_delivery",
            {"status": pick(("sent", "bounced"))},
            {"count": pick((1, 50)), "blocked": pick((0, 30))},
        )
        add(
            "bm-ysnp.authCount",
            {"status": "failed", "service": "s"},
            {"count": number * pick((1, 3))},
        )
        add("bmtick_collector", {}, {"lines": 1})
        add("postfix_guard", {"who": pick("xy")}, {"held": pick((0, 1)), "messages": pick((0, 9))})
    return found


def run(script, given, restarts):
    def load():
        return load_task(script, file="-", name="t", now=None)

    task = load()
    out = []
    for number, point in enumerate(given):
        if number in restarts:
            kept = json.loads(json.dumps(task.snapshot()))
            task = load()
            task.restore(kept)
        task.advance(point.time)
        task.feed(point, "", "")
        out += [event.to_json() for event in task.take_events()]
        out += [written.point.to_line() for written in task.take_written()]
    task.advance(given[-1].time + 3600 * SECOND)
    task.close()
    return out + [event.to_json() for event in task.take_events()]


def variants():
    for name, alert in catalogue().items():
        if alert.batch:
            continue  # points tell it nothing
        yield pytest.param(alert, {}, id=name)
        if "sigma" in alert.parameters:
            yield pytest.param(alert, {"sigma": 3.0}, id=f"{name}-sigma")


@pytest.mark.parametrize(("alert", "values"), list(variants()))
def test_a_restart_at_any_moment_changes_nothing(alert, values):
    random = Random(alert.name)
    given = points(random, 40)
    script = render(alert, values).script
    whole = run(script, given, ())
    assert whole, "the points should make the alert speak"
    assert run(script, given, set(random.sample(range(len(given)), 40))) == whole
