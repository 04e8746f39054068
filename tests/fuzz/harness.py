"""What every reader owes its user, whatever the bytes; and work counted in calls, not seconds."""

import contextlib
import importlib
import pkgutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bmtick.errors import BmtickError
from tests.fuzz import targets

CORPUS = Path(__file__).parent / "corpus"
# Calls of functions that one input may cost. Seen on the corpus: some hundreds a byte at most,
# where a script's window is worked off; a loop that does not end comes here within seconds.
CALLS = 3_000_000
CALLS_PER_BYTE = 3_000
# Loops within C, as of a regular expression, count no calls: seconds of processor time that no
# input of the tests comes near.
PROCESSOR = 120

_BLANKS = dict.fromkeys(map(ord, "\n\xa0\u202f"))


class TooMuchWork(BaseException):
    """The reader hangs, or does work out of proportion to its input."""


def names() -> list[str]:
    """Return the names of all targets."""
    return sorted(module.name for module in pkgutil.iter_modules(targets.__path__))


def target(name: str) -> Callable[[bytes], object]:
    """Return a target's function."""
    return importlib.import_module(f"{targets.__name__}.{name}").fuzz


def seeds(name: str) -> list[bytes]:
    """Return good inputs: what the target's ``seeds()`` gives, or the files its SEEDS name."""
    module = importlib.import_module(f"{targets.__name__}.{name}")
    found = [path.read_bytes() for glob in getattr(module, "SEEDS", ()) for path in _glob(glob)]
    found += [text.encode() for text in getattr(module, "seeds", list)()]
    return [*found, *corpus(name).values()]


def _glob(pattern: str) -> list[Path]:
    found = sorted(CORPUS.parents[2].glob(pattern))
    assert found, f"no file fits {pattern}"
    return found


def corpus(name: str) -> dict[str, bytes]:
    """Return the inputs that once broke a target, by file name."""
    folder = CORPUS / name
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*")) if path.is_file()}


def is_printable(text: str) -> bool:
    """Whether a text harms no terminal."""
    return text.translate(_BLANKS).isprintable()


def check(fuzz: Callable[[bytes], object], data: bytes) -> None:
    """Run one input; a refusal must be fit to be shown."""
    try:
        fuzz(data)
    except BmtickError as error:
        shown = str(error)
        assert error.message.strip(), "an empty message"
        assert is_printable(shown), f"not printable: {shown!r}"
        assert len(shown) < 12_000, f"a message of {len(shown)} characters: {shown[:300]}"
        assert shown.count("\n") <= 2, f"more than a message, a line and a caret: {shown}"


@contextlib.contextmanager
def counted(limit: int) -> Iterator[list[int]]:
    """Count calls of functions; raise ``TooMuchWork`` beyond the limit."""
    calls = [0]

    def profile(_frame, event, _argument):
        if event in ("call", "c_call"):
            calls[0] += 1
            if calls[0] > limit:
                sys.setprofile(None)
                raise TooMuchWork(f"more than {limit} calls")

    def alarm(*_):
        raise TooMuchWork(f"{PROCESSOR} s of processor time")

    before = sys.getprofile()
    handler = signal.signal(signal.SIGPROF, alarm)
    signal.setitimer(signal.ITIMER_PROF, PROCESSOR)
    sys.setprofile(profile)
    try:
        yield calls
    finally:
        sys.setprofile(before)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)


def bounded(fuzz: Callable[[bytes], object], data: bytes) -> int:
    """Run one input with work in proportion to its length; return the calls it took."""
    with counted(CALLS + CALLS_PER_BYTE * len(data)) as calls:
        check(fuzz, data)
    return calls[0]
