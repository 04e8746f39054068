"""Systemd's journal as JSON: an entry becomes one line of a log, anything else is passed over."""

from collections.abc import Iterator

from bmtick.collect.journal import Journal

SEEDS = ["tests/fuzz/seeds/journal/*", "tests/collect/journals/*/*.json"]


class _Told(Journal):
    """A journal whose journalctl printed this."""

    def __init__(self, data: bytes) -> None:
        super().__init__("journal", lambda _: None)
        self._data = data

    def _entries(self, _place) -> Iterator[bytes]:
        yield from self._data.splitlines(keepends=True)


def fuzz(data: bytes) -> None:
    """Read entries."""
    journal = _Told(data)
    lines = sum(block.count(b"\n") for block in journal.new_blocks(0.0, 1 << 20))
    assert lines + journal.uncertain <= len(data.splitlines())
    assert isinstance(journal.to_json()["cursor"], str)
