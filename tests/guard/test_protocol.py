import pytest

from bmtick.errors import BmtickError
from bmtick.guard import protocol
from bmtick.guard.listen import parse_listen
from bmtick.guard.message import read_message
from bmtick.guard.protocol import MAX_REQUEST, ProtocolError, Requests, ends_message, hold
from bmtick.guard.subject import Subject, parse_subject

REQUEST = (
    b"request=smtpd_access_policy\nprotocol_state=END-OF-MESSAGE\nqueue_id=ABC123\n"
    b"sasl_username=Bob@Example.org\nclient_address=192.0.2.7\nrecipient_count=3\nsize=99\n"
    b"sender=A@b.c\nrecipient=\n\n"
)


def test_pipelined_requests_in_pieces_of_any_size():
    stream = REQUEST * 3
    for size in (1, 7, 64, len(stream)):
        requests, found = Requests(), []
        for start in range(0, len(stream), size):
            found += requests.feed(stream[start : start + size])
        assert len(found) == 3
        assert requests.pending == 0
        message = read_message(found[2])
        assert message.who == Subject("user", "bob@example.org")
        assert (message.recipients, message.size, message.sender) == (3, 99, "a@b.c")


@pytest.mark.parametrize(
    "data",
    [
        b"x" * (MAX_REQUEST + 1),
        b"\n\n",
        b"\nrequest=x",
        REQUEST + b"\n\n",
        b"a=b\n" * 40_000 + b"\n",
    ],
)
def test_what_is_no_request_ends_the_connection(data):
    with pytest.raises(ProtocolError):
        Requests().feed(data)


def test_memory_is_bounded_while_no_newline_comes():
    requests = Requests()
    for _ in range(MAX_REQUEST // 4096):
        assert requests.feed(b"\xff" * 4096) == []
    with pytest.raises(ProtocolError):
        requests.feed(b"\xff")
    assert requests.pending == 0


def test_any_bytes_and_missing_attributes_are_a_message_of_nobody_or_of_that_name():
    (request,) = Requests().feed(b"\xff\xfe\x00=\x80\nno equals\nsasl_username=\xc3\x28\n\n")
    assert read_message(request).who.kind == "user"
    assert read_message({}) is None
    assert read_message({"sasl_username": "x", "recipient_count": "9" * 30}).recipients == 1
    first = protocol.parse(b"sasl_username=me\nsasl_username=other")
    assert first["sasl_username"] == "me"


def test_only_the_end_of_a_message_counts():
    assert not ends_message({"request": "smtpd_access_policy", "protocol_state": "RCPT"})
    assert not ends_message({"request": "junk"})
    assert ends_message({"request": "smtpd_access_policy", "protocol_state": "END-OF-MESSAGE"})


def test_an_answer_is_one_line_whatever_the_name_is():
    answer = hold("held: a\nb\r\naction=REJECT \x1b[31m\udcff" + "x" * 999)
    assert answer.count(b"\n") == 2
    assert answer.startswith(b"action=HOLD held: a?b??action=REJECT")
    assert len(answer) < 300


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("Bob@Example.ORG", Subject("user", "bob@example.org")),
        ("admin", Subject("user", "admin")),
        ("192.0.2.7", Subject("client", "192.0.2.7")),
        ("2001:db8::5", Subject("client", "2001:db8::/64")),
        ("2001:db8:0:1::/64", Subject("client", "2001:db8:0:1::/64")),
        ("::ffff:192.0.2.7", Subject("client", "192.0.2.7")),
        ("::1", Subject("client", "::1")),
        ("10.0.0.5/App@x.org", Subject("from", "10.0.0.5", "app@x.org")),
        ("sendmail:www-data@x.org", Subject("local", "www-data@x.org")),
        ("forward:info@x.org", Subject("forward", "info@x.org")),
        ("a/b", Subject("user", "a/b")),
    ],
)
def test_who_is_a_login_or_an_address(text, who):
    assert parse_subject(text) == who
    assert parse_subject(str(who)) == who


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "10.0.0.0/8"])
def test_who_is_somebody(text):
    with pytest.raises(BmtickError):
        parse_subject(text)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("inet:127.0.0.1:10040", ("127.0.0.1", 10040)),
        ("inet:[::1]:10040", ("::1", 10040)),
        ("unix:/run/x", "/run/x"),
    ],
)
def test_where_to_listen(text, where):
    assert parse_listen(text) == where


@pytest.mark.parametrize(
    "text", ["", "inet:1", "inet:a:99999", "unix:rel", "127.0.0.1:1", "inet::1:5"]
)
def test_nowhere_to_listen(text):
    with pytest.raises(BmtickError):
        parse_listen(text)
