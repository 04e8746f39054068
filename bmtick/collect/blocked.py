"""What a refusal says: read from ``blocked.txt``, which also says how to write rules."""

from __future__ import annotations

import os

from bmtick.errors import BmtickError

TYPE_CHECKING = False  # as typing's, whose import costs 3 ms at each start
if TYPE_CHECKING:
    from collections.abc import Iterable

_FILE = os.path.join(os.path.dirname(__file__), "blocked.txt")

BLOCKED, UNKNOWN, THROTTLED = 1, 2, 3  # verdicts; 0: none of them

_MAX_KNOWN = 2_000  # replies whose verdict is remembered

_Rule = tuple[list[bytes], list[tuple[bytes, ...]]]  # words of the reply, DSN patterns


class Blocked:
    """Tells what a refusal says: that the sender is a spammer, too fast, or the recipient unknown.

    Args:
        extra: rules beside those of ``blocked.txt``, in its notation.

    Attributes:
        known: verdicts, by DSN and words of the reply.

    Raises:
        BmtickError: a rule is empty.
    """

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self._words: list[bytes] = []  # rules of one word, by far the most
        self._rules: list[_Rule] = []
        self._exceptions: list[_Rule] = []
        self._throttling: list[_Rule] = []
        self._unknown: list[_Rule] = []
        self.known: dict[bytes, int] = {}
        self._is_read = False
        for rule in extra:
            self._add(rule)

    def _read(self) -> None:
        """Take the rules of ``blocked.txt``: only when a refusal asks, since many runs see none."""
        self._is_read = True
        with open(_FILE, encoding="utf-8") as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    self._add(line.rstrip("\n"))

    def _add(self, text: str) -> None:
        mark = text[0] if text[:1] in ("!", "~", "?") else ""
        terms = [t for t in text.removeprefix(mark).lower().split(" + ") if t.strip()]
        if mark:
            terms = [t.strip() for t in terms]
        if not terms:
            raise BmtickError(
                f"'{text}' is no rule for blocked refusals",
                remedy="write words of the reply, like 'blocked using', joined by ' + '",
            )
        dsn = [tuple(t.strip().encode().split(b".")) for t in terms if _is_dsn(t)]
        words = [t.encode() for t in terms if not _is_dsn(t)]
        if mark:
            lists = {"!": self._exceptions, "~": self._throttling, "?": self._unknown}
            lists[mark].append((words, dsn))
        elif len(words) == 1 and not dsn:
            self._words.append(words[0])
        else:
            self._rules.append((words, dsn))

    def __call__(self, dsn: bytes, reply: bytes) -> bool:
        """Return whether a refusal with this DSN and this text calls the sender a spammer."""
        return self.verdict(dsn, reply) == BLOCKED

    def verdict(self, dsn: bytes, reply: bytes) -> int:
        """Return ``BLOCKED``, ``UNKNOWN`` (recipient), ``THROTTLED``, or 0."""
        said = dsn + b" " + _without_noise(reply)
        known = self.known.get(said)
        if known is None:
            if len(self.known) >= _MAX_KNOWN:
                self.known.clear()
            known = self.known[said] = self._classify(dsn.split(b"."), said.lower())
        return known

    def _classify(self, code: list[bytes], said: bytes) -> int:
        if not self._is_read:
            self._read()
        if any(_holds(rule, code, said) for rule in self._throttling):
            return THROTTLED
        if not any(_holds(rule, code, said) for rule in self._exceptions):
            find = said.find  # "in" first takes the word for a number, and fails: thrice the cost
            for word in self._words:
                if find(word) >= 0:
                    return BLOCKED
            if any(_holds(rule, code, said) for rule in self._rules):
                return BLOCKED
        if code[0] == b"5" and any(_holds(rule, code, said) for rule in self._unknown):
            return UNKNOWN
        return THROTTLED if code == [b"4", b"7", b"0"] else 0


def _without_noise(reply: bytes) -> bytes:
    """Cut what Postfix and the address write around the remote server's words."""
    if reply.startswith(b"host "):
        for word in (b" said: ", b" refused to talk to me: "):
            host, found, rest = reply.partition(word)
            if found and b" " not in host[5:]:
                reply = rest
                break
    if reply.endswith(b")"):
        reply = reply.partition(b" (in reply to ")[0]
    start = reply.find(b"<")
    while start >= 0 and (end := reply.find(b">", start)) >= 0:
        reply = reply[:start] + reply[end + 1 :]
        start = reply.find(b"<", start)
    return reply


def _is_dsn(term: str) -> bool:
    """Whether a term of a rule is one like ``5.7.x``: three parts, an ``x`` among them."""
    parts = term.strip().split(".")
    return len(parts) == 3 and "x" in parts and all(p == "x" or p.isdigit() for p in parts)


def _holds(rule: _Rule, code: list[bytes], said: bytes) -> bool:
    words, patterns = rule
    for word in words:
        if word not in said:
            return False
    for pattern in patterns:
        for wanted, given in zip(pattern, code, strict=False):
            if wanted not in (b"x", given):
                return False
    return True
