"""A watch over points that a test gives, with deliveries that it can look at."""

from bmtick.alerts import find, render
from bmtick.collect.state import StateFile
from bmtick.points import Point
from bmtick.watch.dispatch import Inline
from bmtick.watch.handlers import Notifier
from bmtick.watch.mail import Mail
from bmtick.watch.outbox import Outbox
from bmtick.watch.service import Watch
from bmtick.watch.tasks import Tasks

SECOND = 10**9
BEGIN = 1_767_600_000


class Script:
    """What stands in the log, minute for minute; a source that remembers how far it is."""

    def __init__(self, lengths):
        self.points = [
            Point(
                "postfix_queue",
                {"host": "mail", "datalocation": "bm-master", "queue": "deferred"},
                {"length": length},
                (BEGIN + 60 * minute) * SECOND,
            )
            for minute, length in enumerate(lengths)
        ]
        self.at = 0

    def begin(self, *, from_start, now):
        self.at = 0

    def read(self, now):
        start = self.at
        while self.at < len(self.points) and self.points[self.at].time <= now * SECOND:
            self.at += 1
        return self.points[start : self.at], False

    def time(self, now):
        return now

    def dump(self):
        return self.at

    def committed(self):
        pass

    def close(self):
        pass

    def restore(self, kept):
        self.at = kept


class Box:
    """A mailer that keeps mails, or fails as told."""

    def __init__(self):
        self.mails: list[Mail] = []
        self.failure = None

    def send(self, mail):
        if self.failure:
            raise self.failure
        self.mails.append(mail)

    @property
    def subjects(self):
        return [mail.subject for mail in self.mails]


def alert(**values):
    given = {"crit": 200, "recipients": ["admin@domain.net"], **values}
    return render(find("postfix_queue"), given)


USUAL = alert()


def watch(
    source,
    box,
    state=None,
    *,
    alerts=None,
    limit=1000,
    warnings=None,
    state_class=StateFile,
    recorder=None,
    dispatcher=Inline,
    gather=True,
):
    warn = (warnings if warnings is not None else []).append
    return Watch(
        source,
        Tasks(alerts or [USUAL], "mail", warn),
        Outbox(limit, 3600.0, warn, gather=gather),
        dispatcher(Notifier(box, "bmtick@mail.example", lambda: float(BEGIN)).deliver),
        state_class(str(state)) if state else None,
        warn=warn,
        tell=lambda _event, _silence: None,
        recorder=recorder,
    )
