"""``bmtick collect`` without click: parses its own arguments so that it starts fast."""

from __future__ import annotations

import gc
import os
import sys
from binascii import crc32

from bmtick.errors import EXIT_DONE, EXIT_WRONG_USE, BmtickError, printable

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from bmtick.collect.arguments import Request
    from bmtick.collect.emit import Row
    from bmtick.collect.runner import Runner

    OpenWriter: TypeAlias = Callable[[str | None], Callable[[bytes], None]]

HOUR = 3600
_AT_ONCE = 1000  # points printed together


def run(arguments: Sequence[str], open_writer: OpenWriter | None = None) -> int:
    """Run the collector; return the exit status.

    Args:
        arguments: those after ``bmtick collect``.
        open_writer: for ``--write``: takes the settings file that was named, if any, and returns
            what takes line protocol and has it stored before it returns.
    """
    from bmtick.collect.arguments import parse

    gc.disable()  # nothing here makes cycles worth a search; execd turns it on again
    held: list[str] = []  # of a failed command, Telegraf shows the first line alone
    status = EXIT_DONE
    last_act: Callable[[], None] | None = None
    try:
        request = parse(arguments)
        if request.help:
            from bmtick.collector_options import help_text

            print(help_text())  # noqa: T201
            return EXIT_DONE
        last_act = _collect(request, open_writer, held.append)
    except BrokenPipeError:
        _close_stdout()
    except BmtickError as error:
        sys.stderr.write(f"bmtick: {error}\n")
        status = EXIT_WRONG_USE
    for text in held:
        warn(text)
    if last_act is not None:
        from bmtick.collect.shutdown import after_good_end

        after_good_end(last_act)
    return status


def _collect(
    request: Request, open_writer: OpenWriter | None, hold: Callable[[str], None]
) -> Callable[[], None] | None:
    """Do what is asked for; return what is to be done once the process has ended well, if anything."""
    from bmtick.collect.emit import to_influx, to_json

    form = to_influx
    write: Callable[[bytes], None] = _write
    if request.write:
        if open_writer is None:
            raise BmtickError("--write is not possible here", remedy="run 'bmtick collect'")
        write = open_writer(request.values.get("--config"))
    elif request.format == "json":
        form = to_json
    elif request.execd:
        write = _write_for_telegraf
    if request.whole:
        _whole(request, form, write)
        return None
    return _follow(request, form, write, hold)


def _close_stdout() -> None:
    """Let what is left in the buffer go nowhere: nobody can take it any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write(data: bytes) -> None:
    left = memoryview(data)
    try:
        while left:  # with PYTHONUNBUFFERED a signal cuts a write
            left = left[sys.stdout.buffer.write(left) :]
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _close_stdout()
        raise BmtickError(
            f"cannot write the points: {error.strerror}",
            remedy="look at where stdout goes; with a state, the next run prints them",
        ) from None


def _write_for_telegraf(data: bytes) -> None:
    """Print, and see that the reader takes it: a pipe is lost with what nobody read."""
    from bmtick.collect.shutdown import is_taken

    _write(data)
    if not is_taken(sys.stdout.fileno()):
        raise BrokenPipeError


def _whole(
    request: Request, form: Callable[[list[Row]], bytes], write: Callable[[bytes], None]
) -> None:
    from bmtick.collect.batch import intervals_of_logs
    from bmtick.collect.sources import whole

    waiting: list[Row] = []
    for rows in intervals_of_logs(whole(request.logs, warn), request.options, warn=warn):
        waiting += rows
        if len(waiting) >= _AT_ONCE:
            write(form(waiting))
            waiting.clear()
    if request.value("queue") == "on":
        import time

        from bmtick.collect import queue

        spool = request.value("spool")
        waiting += queue.rows(spool, time.time(), warn, integer_age=request.integer_age)
    write(form(waiting))


def _follow(
    request: Request,
    form: Callable[[list[Row]], bytes],
    write: Callable[[bytes], None],
    hold: Callable[[str], None],
) -> Callable[[], None] | None:
    from bmtick.collect.records import RecordStore
    from bmtick.collect.runner import Runner, repeat, serve
    from bmtick.collect.session import Session
    from bmtick.collect.shutdown import OnceShutdown, identity, is_telegraf
    from bmtick.collect.state import StateFile

    stays = request.execd or request.every > 0
    say = once_an_hour(warn_telegraf if request.execd else warn) if stays else hold
    number = crc32(os.path.realpath(request.state).encode("utf-8", "surrogateescape"))
    store = RecordStore(request.state, say) if request.state else None
    session = Session(request.logs, request.options, say, number, store)
    state = StateFile(request.state) if request.state else None
    runner = Runner(
        session,
        state,
        write,
        form,
        spool=request.watched_spool(say),
        integer_age=request.integer_age,
        warn=say,
    )
    runner.guard = request.guard
    parent = os.getppid()
    runner.paced = not request.write and is_telegraf(parent)
    if runner.paced or (request.execd and not request.write):
        runner.reader = identity(parent)
    if not stays:
        if not request.write:
            runner.ending = OnceShutdown()
            runner.at_end = state is not None
        _once(runner, request)
        return _committed(runner) if runner.pending else None
    runner.start(from_start=request.from_start)
    gc.freeze()
    gc.enable()
    if request.every:
        repeat(runner, request.every, complain)
    serve(runner, sys.stdin.fileno(), complain_telegraf)
    return None


def _committed(runner: Runner) -> Callable[[], None]:
    def commit() -> None:
        try:
            runner.last_act()
        except BmtickError as error:
            complain(str(error))

    return commit


def _once(runner: Runner, request: Request) -> None:
    """Run once; Telegraf drops all that was printed where the status is not 0."""
    try:
        runner.start(from_start=request.from_start)
        runner.run()
        runner.finish(passed_on=False)
    except BmtickError as error:
        if request.write or not runner.printed:
            raise
        complain(f"{error}; what was printed before this is kept, the next run goes on")


def complain(text: str) -> None:
    """Tell of an error."""
    sys.stderr.write(f"bmtick: {text}\n")
    sys.stderr.flush()


def warn(text: str) -> None:
    """Tell the administrator."""
    sys.stderr.write(f"bmtick: {printable(text)}\n")


def once_an_hour(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Return a teller that does not say the same thing each interval."""
    import time

    told: dict[str, float] = {}

    def say(text: str) -> None:
        now = time.monotonic()
        if now - told.get(text, -HOUR) >= HOUR:
            if len(told) > 1000:
                told.clear()
            told[text] = now
            tell(text)

    return say


def warn_telegraf(text: str) -> None:
    """Tell the administrator through Telegraf, which takes other lines for errors."""
    sys.stderr.write(f"W! {printable(text)}\n")
    sys.stderr.flush()


def complain_telegraf(text: str) -> None:
    """Report an error through Telegraf, on one line."""
    sys.stderr.write("E! " + text.replace("\n", " ") + "\n")
    sys.stderr.flush()
