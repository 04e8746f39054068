"""Sums over a window against a model: at once, per user, and over by themselves in silence."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bmtick.alerts import find, render
from bmtick.durations import SECOND
from bmtick.engine import load_task
from bmtick.points import Point
from tests.alerts.firing import START

WINDOW, CRIT = 600, 200
SCRIPT = render(find("sender_recipients"), {}).script
SENT = st.lists(
    st.tuples(
        st.integers(0, 40).map(lambda n: n * 30),  # seconds after the one before
        st.sampled_from(["anna", "ben", "c_d"]),
        st.integers(0, 150),
    ),
    min_size=1,
    max_size=40,
)


def expected(sent: list[tuple[int, str, int]], end: int) -> list[tuple[int, str, str, int]]:
    """(time, user, level, value) of each change, silence included."""
    found = []
    for user in {name for _, name, _ in sent}:
        mine = [(time, count) for time, name, count in sent if name == user]
        standing = False
        for n, (now, _) in enumerate(mine):
            value = sum(count for time, count in mine[: n + 1] if time > now - WINDOW)
            if (value >= CRIT) != standing:
                standing = not standing
                found.append((now, user, "CRITICAL" if standing else "OK", value))
            following = mine[n + 1][0] if n + 1 < len(mine) else end
            if standing and following - now > WINDOW:  # at its very end the next one counts
                standing = False
                found.append((now + WINDOW, user, "OK", 0))
    return sorted(found)


@settings(max_examples=200, deadline=None)
@given(SENT)
@example([(0, "anna", 50), (0, "anna", 150), (600, "anna", 1)])
@example([(0, "anna", 50), (0, "anna", 150), (600, "anna", 250)])
@example([(0, "anna", 50), (0, "anna", 150), (0, "ben", 1), (590, "ben", 1), (0, "anna", 1)])
def test_changes_level_where_the_model_does(gaps):
    sent, now = [], 0
    for gap, user, count in gaps:
        now += gap or 10  # one user has one point in an interval
        sent.append((now, user, count))
    task = load_task(SCRIPT, file="s.tick", name="s")
    for at, user, count in sent:
        time = (START + at) * SECOND
        task.advance(time)
        tags = {"host": "h", "datalocation": "d", "user": user}
        task.feed(Point("postfix_sender", tags, {"recipients": count}, time))
    end = now + 2 * WINDOW
    task.advance((START + end) * SECOND)
    events = [
        (e.time // SECOND - START, e.tags["user"], e.level, e.fields["value"])
        for e in task.take_events()
    ]
    assert sorted(events) == expected(sent, end)
