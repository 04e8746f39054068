"""The same story with silences, on a real Kapacitor and in ``bmtick watch``: the same mails."""

import random
import time

import pytest

from bmtick.points import Point
from bmtick.watch.recorder import Recorder
from bmtick.watch.silences import ALL, Silence, SilenceFile, Silences, groups_of, new_id
from tests.deploy.alerts import alert
from tests.watch.support import Box, watch

STORIES = {
    "muted from the start": ["mute a", "x 50", "x 1", "unmute", "x 50"],
    "recovers while muted": ["x 50", "mute a", "x 1", "unmute", "x 1", "x 50"],
    "rises while muted": ["x 1", "mute a", "x 50", "unmute", "x 50", "x 1"],
    "one user": ["mute a user=x", "x 50", "y 50", "x 1", "y 1", "unmute", "x 50"],
    "all alerts of one user": ["mute * user=y", "x 50", "y 50", "unmute", "y 1", "x 1"],
    "another alert": ["mute b", "x 50", "unmute", "x 1"],
    "reminders while muted": [
        "x 50",
        "mute a",
        "later",
        "x 50",
        "later",
        "x 50",
        "unmute",
        "x 50",
        "later",
        "x 50",
    ],
    "a reminder that is due": ["mute a", "x 50", "unmute", "x 50", "later", "x 50"],
    "two silences": ["mute a", "mute a user=x", "x 50", "unmute", "x 1", "y 50"],
}
for seed in range(4):
    rolls = random.Random(seed)
    STORIES[f"random {seed}"] = [
        rolls.choice(
            ["mute a", "mute *", "mute a user=x", "unmute", "x 50", "x 1", "y 50", "later", "x 50"]
        )
        for _ in range(12)
    ]


class Feed:
    """A source to which a test gives points."""

    def __init__(self):
        self.points = []

    def begin(self, *, from_start, now):
        pass

    def read(self, now):
        points, self.points = self.points, []
        return points, False

    def time(self, now):
        return now

    def committed(self):
        pass

    def close(self):
        pass

    def dump(self):
        return None

    def restore(self, kept):
        pass


def in_watch(story, alerts, state):
    """Return the subjects of the mails."""
    file, box, feed, clock = SilenceFile(str(state)), Box(), Feed(), time.time_ns()
    recorder = Recorder(Silences(file, groups_of(alerts), pytest.fail))
    # Kapacitor tells each event; incidents that grow are the watch's own.
    one = watch(feed, box, state, alerts=alerts, recorder=recorder, warnings=[], gather=False)
    one.start(from_start=True, now=clock / 1e9)
    ahead = 0  # of the points' clock, which reminders go by
    for step in story:
        clock += 10**9
        word, *rest = step.split()
        with file.change(clock) as known:
            if word == "unmute":
                known.clear()
            elif word == "later":
                ahead += 2 * 3600 * 10**9
            elif word == "mute":
                where = dict(pair.split("=") for pair in rest[1:])
                name = ALL if rest[0] == "*" else rest[0]
                until = clock + 3600 * 10**9
                known.append(
                    Silence(
                        id=new_id(), alert=name, where=where, begin=clock, until=until,
                        reason="r", author="me",
                    )
                )  # fmt: skip
            else:
                feed.points.append(
                    Point("probe", {"user": word}, {"value": float(rest[0])}, clock + ahead)
                )
        one.tick(clock / 1e9)
    one.stop()
    return box.subjects


def on_kapacitor(story, bmtick, server):
    for step in story:
        word, *rest = step.split()
        if word == "unmute":
            bmtick.run("unsilence", "--all")
        elif word == "later":
            server.clock = max(server.clock, time.time_ns()) + 2 * 3600 * 10**9
        elif word == "mute":
            name = [] if rest[0] == "*" else ["--alert", rest[0]]
            where = [option for pair in rest[1:] for option in ("--where", pair)]
            bmtick.run("silence", *name, *where, "--for", "1h", "--reason", "r")
        else:
            server.point(float(rest[0]), word)
            time.sleep(0.15)
    return sorted(server.mails("a") + server.mails("b"))


@pytest.mark.parametrize("name", STORIES)
def test_the_same_mails(name, bmtick_on_server, server, tmp_path):
    alerts = [alert("a", 10.0), alert("b", 40.0)]
    bmtick_on_server.want(*alerts)
    bmtick_on_server.apply()
    here = in_watch(STORIES[name], alerts, tmp_path / "state-of-watch")
    there = on_kapacitor(STORIES[name], bmtick_on_server, server)
    assert sorted(here) == there
    assert there or name.startswith("random")
