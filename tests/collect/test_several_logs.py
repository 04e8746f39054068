"""Logs of several hosts, of the same days, read as whole files."""

import pytest

from bmtick.collect.batch import points_of_logs
from bmtick.collect.options import Options
from bmtick.durations import SECOND

MAIL = (
    "{stamp} {host} postfix/submission/smtpd[7]: {id}: client=unknown[198.51.100.7], sasl_method=PLAIN, sasl_username=anna\n"
    "{stamp} {host} postfix/qmgr[9]: {id}: from=<anna@example.org>, size=900, nrcpt=1 (queue active)\n"
    "{stamp} {host} postfix/qmgr[9]: {id}: removed\n"
)


def log(path, host: int, days: int = 2) -> str:
    """A host on which anna writes a mail each ten minutes."""
    mails = []
    for number in range(days * 144):
        day, minute = divmod(number * 10 + host, 1440)
        stamp = f"2026-06-{1 + day:02}T{minute // 60:02}:{minute % 60:02}:30+00:00"
        mails.append(MAIL.format(stamp=stamp, host=f"mx{host}", id=f"4{host}{number:04}BCDFz"))
    path.write_text("".join(mails))
    return str(path)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)])
def test_an_hour_is_the_same_hour_on_all_hosts(tmp_path, order):
    """Read one after the other, days of the second host would count as the first one's last hour."""
    paths = [log(tmp_path / f"mail{host}.log", host) for host in range(4)]
    points = [
        p
        for p in points_of_logs([paths[i] for i in order], options=Options(now=1_790_000_000))
        if p.name == "postfix_sender"
    ]
    assert sum(p.fields["messages"] for p in points) == 4 * 2 * 144
    assert max(p.fields["hour_messages"] for p in points) == 4 * 6
    times = [p.time // SECOND for p in points if p.fields["messages"]]
    assert times == sorted(set(times))
    assert all(time % 60 == 30 for time in times)
