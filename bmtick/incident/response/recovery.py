"""Find out from journal, queue, spool and log what interrupted steps did, and record it.

Only a run that acts does this, under the lock, before anything else. A killed step is ended in the
journal with the ids that it really changed, so ``--undo`` and ``restore`` apply to exactly the
rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from bmtick.collect.clock import LogClock
from bmtick.collect.postqueue import QueueEntry
from bmtick.errors import BmtickError
from bmtick.incident.logs import find_logs, open_lines
from bmtick.incident.response.journal import Journal, Operation, is_message
from bmtick.incident.response.spool import Spool
from bmtick.languages import _, number

_REMOVED = re.compile(rb" [^ \[]*?([a-z]+)\[[0-9]+\]: ([0-9A-Za-z]{5,32}): removed\s*$")

Removed = Callable[[float], tuple[frozenset[str], frozenset[str]]]


def unfinished(operations: Iterable[Operation]) -> list[Operation]:
    """Return the steps that were begun and not ended."""
    return [o for o in operations if not o.ended]


def recover(
    journal: Journal, entries: Iterable[QueueEntry], spool: Callable[[], Spool], removed: Removed
) -> list[str]:
    """End every interrupted step with what it did; return that as text.

    Args:
        journal: locked by this run.
        entries: the current queue.
        spool: opens Postfix's spool.
        removed: returns the ids that left the queue since a time, by ``postsuper`` and otherwise.
    """
    notes = []
    queue = {e.queue_id: e for e in entries}
    operations = journal.operations()
    for operation in unfinished(operations):
        done = _done(operation, queue, spool, removed)
        journal.write(
            operation.id,
            operation.who,
            operation.step,
            "end",
            ok=False,
            message="interrupted",
            ids=sorted(done),
            folder=operation.folder,
            of=operation.of,
        )
        notes.append(_note(operation, done))
        if operation.step == "restore":
            spool().clear(operation.id)
            spool().wake_pickup()
    return notes


def wrongly_held(operations: Iterable[Operation], entries: Iterable[QueueEntry]) -> list[str]:
    """Return messages that an interrupted hold put on hold by mistake: a reused short id."""
    wanted: dict[str, int] = {}
    for operation in unfinished(operations):
        if operation.step == "hold":
            wanted |= operation.messages
    return [
        e.queue_id
        for e in entries
        if e.queue_name == "hold"
        and e.queue_id in wanted
        and not is_message(wanted[e.queue_id], e.arrival_time)
    ]


def _done(
    operation: Operation,
    queue: Mapping[str, QueueEntry],
    spool: Callable[[], Spool],
    removed: Removed,
) -> frozenset[str]:
    """Return the ids that an interrupted step really changed."""
    existing = {
        i: queue[i].queue_name
        for i, arrival in operation.messages.items()
        if i in queue and is_message(arrival, queue[i].arrival_time)
    }
    if operation.step == "hold":
        return frozenset(i for i, name in existing.items() if name == "hold")
    if operation.step == "release":
        return frozenset(operation.messages) - {i for i, n in existing.items() if n == "hold"}
    if operation.step == "delete":
        missing = operation.committed - set(existing)
        if not missing:
            return missing
        # An administrator may have released them meanwhile, and Postfix delivered them.
        by_postsuper, otherwise = removed(operation.time)
        return missing - (otherwise - by_postsuper)
    if operation.step == "restore":
        left = spool().staged(operation.id, operation.committed) if operation.committed else ()
        return (operation.committed - frozenset(left)) | operation.sent
    return frozenset()


def _note(operation: Operation, done: frozenset[str]) -> str:
    when = datetime.fromtimestamp(operation.time).astimezone()
    step, shown = operation.step, f"{when:%Y-%m-%d %H:%M:%S}"
    if not operation.messages:
        return _("the step '{step}' of {when} was interrupted: do it again", step=step, when=shown)
    return _(
        "the step '{step}' of {when} was interrupted: it had done {done} of {all} messages",
        step=step,
        when=shown,
        done=number(len(done)),
        all=number(len(operation.messages)),
    )


def removals(paths: Sequence[str], since: float) -> tuple[frozenset[str], frozenset[str]]:
    """Return the queue ids that left the queue since a time: by ``postsuper``, and otherwise.

    Both are empty if the log cannot be read.
    """
    found: tuple[set[str], set[str]] = (set(), set())
    try:
        logs = find_logs(paths)
        for index, file in enumerate(logs.files):
            if index + 1 < len(logs.files) and logs.files[index + 1].first < since - 1:
                continue
            clock = LogClock(logs.newest, file.first)
            with open_lines(file.path) as lines:
                for line in lines:
                    time = clock.read(line)
                    match = _REMOVED.search(line) if b": removed" in line else None
                    if match and time is not None and time >= int(since):
                        found[match[1] != b"postsuper"].add(match[2].decode("ascii"))
    except BmtickError:
        pass
    return frozenset(found[0]), frozenset(found[1])
