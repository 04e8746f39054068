"""The milter protocol: what Postfix's cleanup sends about mail by sendmail, and hostile bytes."""

import struct
from contextlib import suppress

import pytest

from bmtick.guard.milter import EndOfMilterError, LocalMessage, Milter, quarantine, starts
from bmtick.guard.protocol import ProtocolError

CONTINUE = b"\0\0\0\1c"
ACTIONS, EVENTS = 0x1FF, 0x1FFFFF


def packet(data):
    return struct.pack(">I", len(data)) + data


NEGOTIATION = packet(b"O" + struct.pack(">III", 6, ACTIONS, EVENTS))
MESSAGE = (
    packet(b"DM{mail_addr}\0a@x\0") + packet(b"M<A@x.org>\0SIZE=3\0")
    + packet(b"R<b@y.example>\0") + packet(b"Rc@y.example\0")
    + packet(b"DEi\0" + b"4ABCDEF\0") + packet(b"E")
)  # fmt: skip


@pytest.fixture
def seen():
    return []


@pytest.fixture
def milter(seen):
    def decide(message, send):
        seen.append(message)
        return quarantine("no\nnews")

    return Milter(decide, seen.append)


def test_it_asks_for_the_envelope_and_the_end_alone_and_may_quarantine(milter):
    length, command, version, actions, events = struct.unpack(">IcIII", milter.feed(NEGOTIATION))
    assert (length, command, version, actions) == (13, b"O", 6, 1 << 5)
    for wanted, bit in (("MAIL", 2), ("RCPT", 3)):
        assert not events >> bit & 1, wanted
    for unwanted in (0, 1, 4, 5, 6, 8, 9, 14, 15):
        assert events >> unwanted & 1, unwanted


def test_a_message_is_decided_once_at_its_end_however_the_bytes_arrive(milter, seen):
    data = NEGOTIATION + MESSAGE + packet(b"A") + MESSAGE
    answers = b"".join(milter.feed(data[n : n + 1]) for n in range(len(data)))
    assert seen == 2 * [LocalMessage("4ABCDEF", "a@x.org", ("b@y.example", "c@y.example"))]
    assert answers.endswith(2 * (packet(b"qno?news\0") + CONTINUE))
    with pytest.raises(EndOfMilterError):
        milter.feed(packet(b"Q"))


def test_of_an_aborted_message_nothing_is_left(milter, seen):
    milter.feed(NEGOTIATION + packet(b"M<a@x.org>\0") + packet(b"R<b@y>\0") + packet(b"A"))
    milter.feed(packet(b"M<>\0") + packet(b"R<c@y>\0") + packet(b"E"))
    assert seen == [LocalMessage("", "", ("c@y",))]


def test_ten_thousand_recipients_are_not_kept(milter, seen):
    milter.feed(packet(b"M<a@x.org>\0") + 10_000 * packet(b"R<b@y>\0") + packet(b"E"))
    assert len(seen[0].recipients) == 1000


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 100,
        b"\xff" * 100,
        b"\0\0\0\5O",
        packet(b"O"),
        packet(b"O" + struct.pack(">III", 6, 0x1F, EVENTS)),
        packet(b"O" + struct.pack(">III", 2, ACTIONS, 0x7F)),
        struct.pack(">I", 1 << 30) + b"M",
    ],
)
def test_hostile_bytes_close_the_connection_or_wait(milter, data, seen):
    with suppress(ProtocolError):
        assert milter.feed(data) == b""
    assert not seen


def test_a_policy_request_is_no_milter():
    assert starts(NEGOTIATION)
    assert not starts(b"request=smtpd_access_policy\n")
