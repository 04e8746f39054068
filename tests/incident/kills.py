"""Kill a response at a chosen moment, as ``kill -9`` does, and see what is left of the queue."""

import os
import signal
from contextlib import contextmanager
from datetime import UTC, datetime
from unittest import mock

from bmtick.errors import BmtickError
from bmtick.incident.account import Account
from bmtick.incident.programs import Programs
from bmtick.incident.response.actions import StepRunner
from bmtick.incident.response.journal import Journal
from bmtick.incident.response.situation import Request, plan_response, plan_undo
from bmtick.incident.response.spool import open_spool
from bmtick.incident.response.target import Target
from tests.support.servers import wait_for

# All by which a response changes something outside of itself.
CALLS = ("write", "fsync", "rename", "unlink", "mkdir", "rmdir", "chown", "chmod", "sync")


class Response:
    """A response to one account on a real Postfix, in a folder of its own."""

    def __init__(self, server, folder, user):
        self.server, self.journal = (
            server,
            Journal(folder, clock=lambda: datetime.now(UTC), wait=20),
        )
        self.programs = Programs(str(server.config_directory))
        self.request = Request(Target(Account(user)), (str(server.log),))
        self.step_runner = StepRunner(self.programs, self.journal, self.request.logs)

    def do(self, step):
        self.step_runner.recover()
        return self.step_runner.do(plan_response(self.request, self.programs, self.journal), step)

    def undo_all(self):
        """Take back until there is nothing left; return the steps that did it."""
        done = []
        while True:
            self.step_runner.recover()
            try:
                plan, step = plan_undo(self.request, self.programs, self.journal)
            except BmtickError as error:
                if "nothing to take back" in error.message:
                    return done
                raise
            outcome = self.step_runner.do(plan, step)
            assert outcome.ok, outcome.message
            done.append(step)
            assert len(done) < 10, done
            self.settle()

    def settle(self):
        """Wait until Postfix has taken what lies in maildrop, and has tried it once."""
        open_spool(self.programs).wake_pickup()
        wait_for(
            lambda: all(m["queue_name"] in ("deferred", "hold") for m in self.server.queue()),
            "Postfix to come to rest",
        )

    def killed(self, step, moment):
        """Do a step in a process of its own that dies at a moment; tell whether it died.

        Args:
            step: of the response.
            moment: before its first call, after its first, before its second, and so on. Of a
                write only half is done when death comes after it.
        """
        child = os.fork()
        if child == 0:
            try:
                with _death(moment):
                    self.do(step)
            except BaseException:  # noqa: BLE001 -- the parent sees the status
                os._exit(3)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)


@contextmanager
def _death(moment):
    count = 0

    def tick():
        nonlocal count
        if count == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    def wrapped(name, real):
        def call(*arguments, **more):
            tick()
            if name == "write" and count == moment:
                real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                tick()
            result = real(*arguments, **more)
            tick()
            return result

        return call

    with mock.patch.multiple(os, **{n: wrapped(n, getattr(os, n)) for n in CALLS}):
        run = Programs.run
        with mock.patch.object(Programs, "run", wrapped("run", run)):
            yield


def mail(server):
    """Return what is queued, whatever the ids are: sender, recipients, whether it is on hold."""
    return sorted(
        (m["sender"], sorted(r["address"] for r in m["recipients"]), m["queue_name"] == "hold")
        for m in server.queue()
    )
