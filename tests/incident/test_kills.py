"""Killed at any moment, a response loses no message and sends none twice.

Some moments of each step are tried; all of them with ``BMTICK_KILLS=all``.
"""

import os

import pytest

from tests.incident.kills import Response, mail
from tests.support.postfix import postfix

USER = "victim@example.org"
EVERY = 1 if os.environ.get("BMTICK_KILLS") == "all" else 7


@pytest.fixture(scope="module")
def server():
    users = dict.fromkeys((USER, "bob@example.org"), "pw")
    with postfix(users=users, settings={"defer_transports": "smtp, lmtp"}) as running:
        yield running


@pytest.fixture
def response(server, tmp_path):
    return Response(server, tmp_path / "incidents", USER)


def fill(response):
    """Put mail of two accounts into the queue, in place of what is there."""
    server = response.server
    server.command("postsuper", "-d", "ALL")
    for user, count in ((USER, 3), ("bob@example.org", 2)):
        with server.connect(user=user, password="pw", client="203.0.113.5") as session:
            for number in range(count):
                to = [f"{user[0]}{number}@example.net", f"x{number}@example.net"]
                server.submit("forged@example.com", to, session=session)
    response.settle()


@pytest.mark.parametrize("step", ["hold", "delete", "restore"])
def test_undo_after_a_kill_makes_the_queue_what_it_was(response, step):
    server = response.server
    moment, died = 0, True
    while died:
        if moment % (20 * EVERY) == 0:  # each time a message comes back, it has one hop more
            fill(response)
            was = mail(server)
        died = _once(response, step, moment)
        assert mail(server) == was, f"killed at moment {moment} of {step}"
        moment += EVERY
    assert moment > 20
    assert not list((server.queue_directory / "maildrop").iterdir())
    assert not (server.queue_directory / "bmtick-restore").exists()


def _once(response, step, moment):
    for before in ("hold", "delete", "restore")[: ("hold", "delete", "restore").index(step)]:
        assert len(response.do(before).ids) == 3
    died = response.killed(step, moment)
    response.settle()
    response.undo_all()
    return died
