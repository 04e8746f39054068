"""Numbers that Postfix cannot have written: the line is skipped and counted, the next one counts."""

import pytest

from bmtick.collect.batch import points_of_logs
from bmtick.collect.postfix import parse_repeated

HEAD = "2024-02-01T00:00:00+00:00 mx postfix/"
OPEN = "smtpd[1]: AAAA01: client=h[203.0.113.9], sasl_method=PLAIN, sasl_username=anna"
REAL = "qmgr[1]: AAAA01: from=<a@b>, size=5, nrcpt=2 (queue active)"
LINES = (
    "qmgr[1]: AAAA01: from=<a@b>, size=%s, nrcpt=2 (queue active)",
    "qmgr[1]: AAAA01: from=<a@b>, size=5, nrcpt=%s (queue active)",
    "pickup[1]: AAAA02: uid=%s from=<root>",
    (
        "smtp[1]: AAAA01: to=<x@y>, relay=a[192.0.2.1]:25, delay=%s, delays=0/0/0/0, dsn=2.0.0, "
        "status=sent (ok)"
    ),
    (
        "smtpd[1]: message repeated %s times: [ warning: h[192.0.2.9]: SASL LOGIN authentication "
        "failed: x]"
    ),
)


@pytest.mark.parametrize("digits", ["9" * 25, "9" * 5000], ids=["25", "5000"])
@pytest.mark.parametrize("line", LINES)
def test_an_absurd_number(line, digits, tmp_path):
    log = tmp_path / "mail.log"
    absurd = HEAD + line % digits
    log.write_text("\n".join([HEAD + OPEN, absurd, HEAD + REAL]) + "\n")
    points = {point.name: point.fields for point in points_of_logs([str(log)])}
    assert points["bmtick_collector"]["unparsed"] == 1
    assert points["postfix_sender"]["recipients"] == 2
    assert "postfix_auth" not in points
    assert parse_repeated(absurd.encode()) == (None, 0)
