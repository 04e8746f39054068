r"""From the bytes of a log to counted facts, in the order of the log, as fast as Python goes.

One pattern cuts a block into runs of lines of one ten seconds, another finds in each run the lines
that count. It takes the plain forms apart by itself; a line that may count but has an unusual form
(a quoted address, ``message repeated``) goes to the exact patterns of ``patterns.py``. Both
patterns begin at a line's head, so what an attacker writes into a line is never taken for one.
"""

from __future__ import annotations

from bmtick.collect import patterns as p
from bmtick.collect.buckets import Buckets
from bmtick.collect.clock import LogClock
from bmtick.collect.compiled import feed
from bmtick.collect.counter import Counter
from bmtick.collect.formats import formats
from bmtick.collect.lazy import DOTALL, MULTILINE, lazy
from bmtick.collect.raw import MAX_DELAY, MAX_RECIPIENTS, MAX_REPEATED, MAX_SIZE, MAX_UID, number

# Runs of lines whose times differ in the last digit of the second alone; or one line without time.
# A fraction has no more digits than a nanosecond needs, so that a time is known by its first bytes.
_RUN = lazy(
    rb"\n(?:([A-Z][a-z]{2} [ 0-3][0-9] [0-9]{2}:[0-9]{2}:[0-9])[0-9] .*+(?>(?:\n\1[0-9] .*+)*)"
    rb"|([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9])[0-9](?>(?:[.,][0-9]{1,9})?)"
    rb"(Z|[+-][0-9]{2}:?[0-9]{2}) .*+(?>(?:\n\2[0-9](?>(?:[.,][0-9]{1,9})?)\3 .*+)*)"
    rb"|.*+)"
)

# Speed decides the form of what follows: a class of one character and its complement are fast
# loops, other classes are not; possessive repeats never go back; a branch is chosen by its first
# letter. "[^ ]++ " in front of a fact is "QUEUEID: ", which no other text of Postfix looks like.
_FACT = (
    rb" (?:([^ ]++ [^ /]++/[^ \[]*+)\[[0-9]++\]: (?:"  # HOST NAME/DAEMON
    rb"warning: ([^ ]++ SASL [^ ]*+ authentication failed:.*)"
    rb"|([^ ]++) (?:"
    rb"client=(.*)"
    rb"|from=<(?!\")([^>\n]*+)>, size=([0-9]++), nrcpt=([0-9]++) \(queue active\)$"
    rb"|(removed)$"
    rb"|to=<(?!\")([^>\n]*+)>, relay=([^,\n]*+), delay=[0-9.]{1,12}+, delays=[0-9./]{1,50}+"
    rb", dsn=([245]\.[0-9]{1,3}+\.[0-9]{1,3}+), status=([A-Za-z-]++) \((.*)"
    # forms that only the exact patterns can tell
    rb"|((?:to=<|from=<|uid=|repeated ).*)"
    rb"))|[^ ]++ (last message repeated [0-9]++ times?$))"
)
_TRADITIONAL = lazy(rb"\n.{15}" + _FACT, MULTILINE)
_ISO = lazy(rb"\n[^ ]++" + _FACT, MULTILINE)

# What each daemon says; any other delivers.
_DELIVERIES = lazy(rb"[^ ]++ to=<|message repeated [0-9]+ times: \[ ?[^ ]++ to=<")
_ODD = {
    b"smtpd": lazy(rb"message repeated [0-9]+ times: \[ ?warning: "),
    b"qmgr": lazy(rb"[^ ]++ (?:to=<|from=<)|message repeated "),
    b"pickup": lazy(rb"[^ ]++ uid="),
}
_LOOK = 1 << 14  # bytes of a block in which its form is looked for
_RUN_HEAD = lazy(rb"\n" + p.HEAD)
_REMOVERS = (b"qmgr", b"postsuper")
_MAX_DSN = len("5.123.123")
_MAX_PROGRAMS = 1000  # names of programs whose daemon is remembered

_HEAD = lazy(p.HEAD)
_REPEATED = lazy(p.REPEATED)
_TIMES = lazy(rb"[0-9]+")
_LAST_REPEATED = lazy(
    rb"\n(?:[^\n]{15}|[^ \n]+) [^ \n]+ last message repeated [0-9]+ times?$", MULTILINE
)
_ACTIVE = lazy(p.ACTIVE, DOTALL)
_EXPIRED = lazy(p.EXPIRED, DOTALL)
_REMOVED = lazy(p.REMOVED)
_PICKUP = lazy(p.PICKUP, DOTALL)
_DELIVERY = lazy(p.DELIVERY, DOTALL)


TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from bmtick.collect.formats import Format


class _Prefixes(dict[bytes, bytes]):
    """What stands before the queue ids in the keys, for each host and program."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter

    def __missing__(self, program: bytes) -> bytes:
        if len(self) >= _MAX_PROGRAMS:
            self.clear()
        prefix = self[program] = self.counter.host_prefix(program.partition(b" ")[0])
        return prefix


class Scanner:
    """Reads one source, block by block, into the buckets that all sources share.

    Args:
        counter: where facts go.
        buckets: the open intervals.
        clock: reads the times of this source.
        previous: the line before the first, which ``last message repeated`` repeats.
    """

    def __init__(
        self, counter: Counter, buckets: Buckets, clock: LogClock, previous: bytes = b""
    ) -> None:
        self.counter = counter
        self.buckets = buckets
        self.clock = clock
        self.previous = previous
        self._format: Format | None = None  # of a log that is not Postfix's
        self._daemons: dict[bytes, bytes] = {}  # of each host and program
        self._prefixes = _Prefixes(counter)
        self._repeats: list[int] = []  # where lines of a run begin that repeat the one before
        self._known = (
            -1,
            b"",
        )  # a place in the block, and the last line before it that says something

    def feed(self, block: bytes) -> None:
        """Count whole lines, each with a newline before it and none after it."""
        self._known = (-1, b"")
        other = self._format or self._begins_other(block)
        if other:
            self._count_lines(other, block)
        elif feed is not None:
            feed(self, block)
        else:
            self._runs(block)
        self.previous = self._said(block, len(block))
        self.counter.forget_gone()

    def _begins_other(self, block: bytes) -> Format | None:
        """Return the format of a log that is not Postfix's; once it is one, it stays so."""
        for known in formats():
            if (
                known.may_begin(block, _LOOK)
                and known.HEAD.search(block, 0, _LOOK)
                and not _RUN_HEAD.search(block, 0, _LOOK)
            ):
                self._format = known
        return self._format

    def _count_lines(self, known: Format, block: bytes) -> None:
        for line in block[1:].split(b"\n"):
            time = self.clock.read(line[:48])
            self.counter.bucket = self.buckets.at(self.clock.last if time is None else time)
            self.leave(1, len(line) + 1, known=known.count_line(self.counter, line))

    def _runs(self, block: bytes) -> None:
        for run in _RUN.finditer(block):
            start, end = run.span()
            pattern = _TRADITIONAL if run[1] else _ISO if run[2] else None
            known = self.enter(None if pattern is None else block[start + 1 : start + 48])
            if pattern is not None and known:
                self._facts(pattern, block, start, end)
            self.leave(block.count(b"\n", start, end), end - start, known)

    def enter(self, head: bytes | None) -> bool:
        """Open the bucket of a run of lines that begins so; return whether its time is known.

        Args:
            head: the beginning of its first line; None where that bears no time.
        """
        time = None if head is None else self.clock.read(head)
        self.counter.bucket = self.buckets.at(self.clock.last if time is None else time)
        return time is not None

    def leave(self, lines: int, size: int, known: bool) -> None:
        """Count the lines and bytes of the run that was entered last."""
        bucket = self.counter.bucket
        bucket.lines += lines
        bucket.bytes += size
        if not known:
            bucket.unparsed += lines

    def hand(self, block: bytes) -> Callable[[int, int, bool], None]:
        """Return what reads one line of a block, from its newline on, by the patterns."""

        def read(start: int, end: int, iso: bool) -> None:
            self._facts(_ISO if iso else _TRADITIONAL, block, start, end)

        return read

    def _facts(  # noqa: C901, PLR0912 -- one branch a fact, unrolled: a call costs as much as it
        self, pattern: re.Pattern[bytes], block: bytes, start: int, end: int
    ) -> None:
        counter, daemons, prefixes = self.counter, self._daemons, self._prefixes
        repeats = 0
        for (
            program, failed, queue_id, login, sender, size, nrcpt, removed, recipient, relay, dsn,
            status, reply, odd, repeated,
        ) in pattern.findall(block, start, end):  # fmt: skip
            daemon = daemons.get(program) or self._daemon(program)
            if status:
                key = prefixes[program] + queue_id
                text = reply.removesuffix(b")")
                counter.attempt(key, recipient, b"", daemon, relay, status, dsn, text)
            elif size:
                if daemon == b"qmgr":
                    self._active(prefixes[program] + queue_id, sender, size, nrcpt)
            elif removed:
                if daemon in _REMOVERS:
                    counter.removed(prefixes[program] + queue_id)
            elif login:
                if daemon == b"smtpd":
                    if queue_id != b"NOQUEUE:":
                        counter.client(prefixes[program] + queue_id, login)
                    else:
                        counter.proxied(login)
            elif failed:
                if daemon == b"smtpd":
                    self.failure(failed, 1)
            elif odd:
                message = queue_id + b" " + odd
                if _ODD.get(daemon, _DELIVERIES).match(message):
                    self._odd(message, daemon, prefixes[program])
            elif repeated:
                self._repeat(self._before(block, start, end, repeats), repeated)
                repeats += 1

    def _absurd(self) -> None:
        """Count a line that holds a number which Postfix cannot have written, and nothing of it."""
        self.counter.bucket.unparsed += 1

    def _active(self, key: bytes, sender: bytes, size: bytes, nrcpt: bytes) -> None:
        of_bytes, of_recipients = number(size, MAX_SIZE), number(nrcpt, MAX_RECIPIENTS)
        if of_bytes is None or of_recipients is None:
            self._absurd()
        else:
            self.counter.active(key, sender, of_bytes, of_recipients)

    def _daemon(self, program: bytes) -> bytes:
        """Return the daemon in a program's name, behind its host's: what follows the last slash."""
        if len(self._daemons) >= _MAX_PROGRAMS:
            self._daemons.clear()
        daemon = self._daemons[program] = program.rpartition(b"/")[2] or b"-"
        return daemon

    def failure(self, text: bytes, times: int) -> None:
        """Count ``NAME[ADDRESS]: SASL METHOD authentication failed: REASON, sasl_username=NAME``."""
        peer, _, said = text.partition(b" SASL ")
        _, opening, rest = peer.partition(b"[")
        address, closing, _ = rest.partition(b"]")
        _, failed, reason = said.partition(b" authentication failed:")
        if opening and closing and failed and b" " not in peer:
            self.counter.failure(address, reason.partition(b", sasl_username=")[2], times)

    def _odd(self, message: bytes, daemon: bytes, prefix: bytes) -> None:
        """Count a message of an unusual form, by the exact patterns; prefix: of another host."""
        times = 1
        if repeated := _REPEATED.match(message):
            message = message[repeated.end() :].removesuffix(b"]")
            said_times = number(repeated["repeated"], MAX_REPEATED)
            if said_times is None:
                self._absurd()
                return
            times = said_times
        _, _, said = message.partition(b" ")
        if message.startswith(b"warning: "):
            self.failure(said, times)
        elif said.startswith(b"to=<"):
            self._delivery(message, daemon, prefix, times)
        elif said.startswith(b"from=<"):
            self._from(message, prefix, times)
        elif said == b"removed":
            if m := _REMOVED.match(message):
                self.counter.removed(_key(prefix, m["queue_id"]))
        elif m := _PICKUP.match(message):
            uid = number(m["uid"], MAX_UID)
            if uid is None:
                self._absurd()
                return
            previous = _key(prefix, m["orig_queue_id"]) if m["orig_queue_id"] else b":"
            self.counter.picked_up(_key(prefix, m["queue_id"]), uid, m["sender"], previous)

    def _delivery(self, message: bytes, daemon: bytes, prefix: bytes, times: int) -> None:
        m = _DELIVERY.match(message)
        if m is None:
            return
        if len(m["delay"]) > MAX_DELAY or len(m["dsn"]) > _MAX_DSN:
            self._absurd()
            return
        self.counter.attempt(
            _key(prefix, m["queue_id"]),
            m["recipient"],
            m["orig_to"] or b"",
            daemon,
            m["relay"],
            m["status"],
            m["dsn"],
            (m["text"] or b"").removesuffix(b")"),
            times,
        )

    def _from(self, message: bytes, prefix: bytes, times: int) -> None:
        if m := _ACTIVE.match(message):
            self._active(_key(prefix, m["queue_id"]), m["sender"], m["size"], m["nrcpt"])
        elif _EXPIRED.match(message):
            self.counter.expired(times)

    def _before(self, block: bytes, start: int, end: int, index: int) -> bytes:
        """Return the line before the index-th ``last message repeated`` of a run.

        They are asked for in their order: each goes back no further than to the one before it.
        """
        if not index:
            self._repeats = [m.start() for m in _LAST_REPEATED.finditer(block, start, end)]
        place = self._repeats[index]
        said = self._said(block, place)
        self._known = (place, said)
        return said

    def _said(self, block: bytes, end: int) -> bytes:
        """Return the last line before end that says something itself."""
        while end > 0:
            if end == self._known[0]:
                return self._known[1]
            start = block.rfind(b"\n", 0, end)
            line = block[max(start, 0) : end]
            if b" last message repeated " not in line or _LAST_REPEATED.match(line) is None:
                return block[start + 1 : end]
            end = start
        return self.previous

    def _repeat(self, line: bytes, repeated: bytes) -> None:
        """Count once more what a line says; of the facts, only these two happen twice alike."""
        head, found = _HEAD.match(line), _TIMES.search(repeated)
        if head is None or found is None:
            return
        times = number(found[0], MAX_REPEATED)
        if times is None:
            self._absurd()
            return
        message = line[head.end() :]
        if head["daemon"] == b"smtpd" and message.startswith(b"warning: "):
            self.failure(message[9:], times)
        else:
            self._delivery(message, head["daemon"], self.counter.host_prefix(_host(line)), times)


def _host(line: bytes) -> bytes:
    """Return the host that a line is of: the word behind its time."""
    line = line.removeprefix(b"\n")
    rest = line[15:] if line[3:4] == b" " else line.partition(b" ")[2]
    return rest.lstrip(b" ").partition(b" ")[0]


def _key(prefix: bytes, queue_id: bytes) -> bytes:
    return prefix + queue_id + b":"
