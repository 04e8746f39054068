"""What ``postqueue -j`` and ``postcat -e`` write: the queue's entries, or a refusal."""

from bmtick.collect.postqueue import entries_of
from bmtick.incident.postconf import parse
from bmtick.incident.queue_files import parse_envelopes

SEEDS = ["tests/fuzz/seeds/postqueue/*"]


def fuzz(data: bytes) -> None:
    """Read a listing of the queue, and envelopes, and Postfix's settings."""
    text = data.decode("utf-8", "surrogateescape")
    list(parse_envelopes(text))
    parse(text)
    for entry in entries_of(data):
        assert isinstance(entry.queue_id, str)
        assert isinstance(entry.sender, str)
        assert all(isinstance(part, str) for one in entry.recipients for part in one)
