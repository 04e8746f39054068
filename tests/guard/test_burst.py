"""What is enough by itself to hold a login, and what honest accounts do that is not."""

from bmtick.guard.burst import Baseline, Bursts, SentMessage

KNOWN = Baseline(days=5, usual=10, usual_recent=4)


def sent(
    time, client="1.2.3.4", recipients=1, *, foreign=True, webmail=False, new_sender_domain=False
):
    return SentMessage(time, client, recipients, foreign, webmail, new_sender_domain)


NOBODY_KNOWN = Baseline()


def first_reason(messages, baseline=NOBODY_KNOWN):
    """Return after how many messages a login is held, or None."""
    bursts = Bursts()
    for number, message in enumerate(messages, 1):
        bursts.add("bob", message)
        if bursts.reason("bob", message.time, baseline):
            return number
    return None


def everywhere(count, per_address=1, pause=0.1, recipients=1):
    return [sent(n * pause, f"9.9.{n // per_address}.1", recipients) for n in range(count)]


def test_a_botnet_is_held_within_forty_messages_also_without_a_history():
    assert first_reason(everywhere(300)) == 16
    assert first_reason(everywhere(300, 4)) == 29
    assert first_reason(everywhere(300, recipients=25)) == 8


def test_a_botnet_is_held_sooner_where_the_users_networks_are_known():
    assert first_reason(everywhere(300), KNOWN) == 10
    assert first_reason(everywhere(300, 4), KNOWN) == 17


def test_known_and_private_networks_are_no_botnet():
    assert first_reason([sent(n, f"10.0.0.{n}", foreign=False) for n in range(200)]) is None


def test_a_telephone_under_way_and_a_shared_account_are_no_botnet():
    telephone = everywhere(40, pause=90)  # a new address for each mail, forty an hour
    assert first_reason(telephone) is None
    assert first_reason(telephone, KNOWN) is None
    shared = [sent(n * 30, f"9.9.{n % 14}.1") for n in range(120)]  # fourteen machines
    assert first_reason(shared) is None


def test_a_newsletter_in_single_mails_and_in_lists_is_held_by_nobody():
    desk = [sent(n * 0.2) for n in range(300)]
    lists = [sent(n * 20, recipients=50) for n in range(10)]
    for baseline in (Baseline(), KNOWN, KNOWN._replace(sent=300, refused=30)):
        assert first_reason(desk, baseline) is None
        assert first_reason(lists, baseline) is None
    assert first_reason([sent(0, recipients=300)], KNOWN._replace(sent=300, refused=60)) is None


def test_lists_from_two_strange_addresses_or_with_many_refused_are_held_at_the_second():
    assert first_reason([sent(n, f"9.9.{n}.1", 60) for n in range(9)], KNOWN) == 2
    home = [sent(n, recipients=60, foreign=False) for n in range(9)]
    assert first_reason(home, KNOWN) is None
    assert first_reason(home, KNOWN._replace(sent=60, refused=16)) == 2
    old_list = KNOWN._replace(sent=60, refused=15, blocked=3)
    assert first_reason(home, old_list) is None  # a tenth is dead, and chance makes some more
    new_sender_domain = [
        sent(n, recipients=60, foreign=False, new_sender_domain=n > 1) for n in range(9)
    ]
    assert first_reason(new_sender_domain, KNOWN) == 4
    writer = KNOWN._replace(usual=300, sent=60, refused=16)
    assert first_reason(home[:5], writer) is None  # three times the own peak is needed


def test_the_webmail_is_held_above_the_own_peak_where_many_are_refused():
    flood = [sent(n * 0.3, "127.0.0.1", foreign=False, webmail=True) for n in range(300)]
    refused = KNOWN._replace(sent=60, blocked=4)
    assert first_reason(flood, refused) == 50 + 4 * 4 + 1
    assert first_reason(flood, KNOWN) is None
    assert first_reason(flood, refused._replace(days=0)) is None
    bursts = Bursts()
    for message in flood:
        bursts.add("admin0@global.virt", message)
    assert not bursts.reason("admin0@global.virt", 90, refused)


def test_the_webmail_is_held_above_the_own_peak_where_no_hand_clicks_so_fast():
    flood = [sent(n * 0.2, "127.0.0.1", foreign=False, webmail=True) for n in range(300)]
    assert first_reason(flood, KNOWN) == 50 + 4 * 4 + 1
    assert first_reason(flood, KNOWN._replace(usual_recent=200)) is None
    assert first_reason(flood, Baseline()) is None
    assert first_reason([one._replace(webmail=False) for one in flood], KNOWN) is None
    invitation = [one._replace(recipients=9) for one in flood]
    assert first_reason(invitation, KNOWN) is None
    pauses = [one._replace(time=one.time + n // 40 * 60) for n, one in enumerate(flood)]
    assert first_reason(pauses, KNOWN) is None


def test_what_is_long_ago_is_forgotten_and_memory_is_bounded():
    bursts = Bursts()
    for n in range(5000):
        bursts.add(f"u{n}", sent(n))
    assert len(bursts._recent) <= 601
    for message in everywhere(200):
        bursts.add("bob", message)
    assert bursts.reason("bob", 20, Baseline())
    assert not bursts.reason("bob", 700, Baseline())
    assert not bursts.reason("bob", 700, Baseline())
    bursts.add("eve", sent(800))
    assert len(bursts._recent) < 700


def test_released_begins_anew():
    bursts = Bursts()
    for message in everywhere(200):
        bursts.add("bob", message)
    bursts.released("bob")
    assert not bursts.reason("bob", 20, Baseline())
