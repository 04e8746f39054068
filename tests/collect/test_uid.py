"""A hacked page that writes as somebody new each time shows as its uid."""

from bmtick.collect.batch import points_of_logs
from bmtick.collect.options import Options


def points(tmp_path, senders, later=()):
    """Return the points of local mail: of the senders at ten, of ``later`` three hours after."""
    lines = []
    for number, sender in enumerate(later):
        stamp, qid = f"2026-01-05T13:00:{number:02d}+00:00 web", f"BBCDEF{number:04X}"
        lines.append(f"{stamp} postfix/pickup[1]: {qid}: uid=8 from=<{sender}>")
        lines.append(
            f"{stamp} postfix/qmgr[2]: {qid}: from=<{sender}>, size=900, nrcpt=1 (queue active)"
        )
    late, lines = lines, []
    for number, sender in enumerate(senders):
        stamp, qid = f"2026-01-05T10:00:{number:02d}+00:00 web", f"ABCDEF{number:04X}"
        lines += [
            f"{stamp} postfix/pickup[1]: {qid}: uid=33 from=<{sender}>",
            f"{stamp} postfix/qmgr[2]: {qid}: from=<{sender}>, size=900, nrcpt=1 (queue active)",
            (
                f"{stamp} postfix/smtp[3]: {qid}: to=<r{number}@far.example>, "
                "relay=mx.far.example[198.51.100.1]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, "
                "status=sent (250 OK)"
            ),
            f"{stamp} postfix/qmgr[2]: {qid}: removed",
        ]
    log = tmp_path / "mail.log"
    log.write_text("\n".join([*lines, *late]) + "\n")
    found = points_of_logs([str(log)], options=Options(now=1_767_700_000))
    return [p for p in found if p.name == "postfix_local"]


def test_many_senders_of_one_uid_have_a_point_together(tmp_path):
    found = points(tmp_path, [f"nobody{n}@somewhere.example" for n in range(20)])
    whole = [p for p in found if p.tags == {"sender": "*", "uid": "33"}]
    assert max(p.fields["hour_relayed"] for p in whole) == 20
    assert sum(p.fields["messages"] for p in whole) == 0
    assert sum(p.fields["messages"] for p in found) == 20


def test_one_sender_needs_none(tmp_path):
    found = points(tmp_path, ["www-data@web.example.org"] * 20)
    assert {p.tags["sender"] for p in found} == {"www-data@web.example.org"}


def test_one_sender_has_none_when_it_falls_silent_either(tmp_path):
    found = points(tmp_path, ["www-data@web.example.org"] * 20, later=["root@web.example.org"])
    whole = [p for p in found if p.tags == {"sender": "*", "uid": "33"}]
    assert not any(p.fields["hour_relayed"] for p in whole)
    own = [p for p in found if p.tags["sender"] == "www-data@web.example.org"]
    assert own[-1].fields["hour_relayed"] == 0  # it did fall silent


def test_many_senders_have_one_when_they_fall_silent(tmp_path):
    senders = [f"nobody{n}@somewhere.example" for n in range(20)]
    found = points(tmp_path, senders, later=["root@web.example.org"])
    whole = [p for p in found if p.tags == {"sender": "*", "uid": "33"}]
    assert [whole[-1].fields[f] for f in ("hour_relayed", "day_relayed")] == [0, 20]


def test_many_senders_leave_it_to_their_uid(tmp_path):
    senders = [f"nobody{n}@somewhere.example" for n in range(20)]
    found = points(tmp_path, senders, later=["root@web.example.org"])
    single = [p for p in found if p.tags["sender"] in senders]
    assert sum(p.fields["relayed"] for p in single) == 20
    # the first came before anybody could know that there are many
    assert sum(p.fields["hour_relayed"] > 0 for p in single) <= 3


def test_who_sends_most_of_it_speaks_for_itself(tmp_path):
    senders = [f"nobody{n}@somewhere.example" for n in range(10)] + ["shop@web.example.org"] * 30
    found = points(tmp_path, senders)
    own = [p for p in found if p.tags["sender"] == "shop@web.example.org"]
    assert own[-1].fields["hour_relayed"] == 30
