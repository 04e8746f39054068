"""Block lists, played by a DNS server on loopback."""

import json
import socket
import threading

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.errors import BmtickError
from bmtick.incident.audit.blocklists import (
    CLEAN,
    LISTED,
    UNANSWERED,
    public_addresses,
    query_lists,
    query_name,
    resolver,
)
from bmtick.incident.programs import Programs, Result

dns = pytest.importorskip("dns.message")


class Lists:
    """A DNS server: ``records`` by name and type; names that are not there do not exist."""

    def __init__(self):
        self.records, self.asked, self.silent = {}, [], False
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def add(self, name, address="127.0.0.2", text=""):
        self.records[f"{name}.", "A"] = address
        if text:
            self.records[f"{name}.", "TXT"] = text

    def works(self, name):
        self.add(f"2.0.0.127.{name}")

    def _serve(self):
        import dns.flags
        import dns.rcode
        import dns.rrset

        while True:
            try:
                data, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            query = dns.message.from_wire(data)
            name, kind = (
                str(query.question[0].name),
                dns.rdatatype.to_text(query.question[0].rdtype),
            )
            self.asked.append(name)
            if self.silent:
                continue
            answer = dns.message.make_response(query)
            record = self.records.get((name, kind))
            if record:
                value = record.replace("\x1b", "\\027")  # as zone files write it
                value = f'"{value}"' if kind == "TXT" else value
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, value))
            elif not any(known == name for known, _ in self.records):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self.socket.sendto(answer.to_wire(), peer)


@pytest.fixture
def lists():
    server = Lists()
    yield server
    server.socket.close()


def states(lists, *addresses, name="bl.test"):
    found = query_lists(addresses, [name], resolver(lists.address, timeout=0.5))
    return [(f.state, f.said) for f in found]


def test_listed_and_clean_addresses_are_told_apart(lists):
    lists.works("bl.test")
    lists.add("7.113.0.203.bl.test", text="spam, see https://bl.test/203.0.113.7 \x1b[31m")
    assert states(lists, "203.0.113.7", "203.0.113.8") == [
        (LISTED, "spam, see https://bl.test/203.0.113.7 \\x1b[31m"),
        (CLEAN, ""),
    ]


def test_a_listing_without_words_shows_its_code(lists):
    lists.works("bl.test")
    lists.add("7.113.0.203.bl.test", "127.0.0.4")
    assert states(lists, "203.0.113.7") == [(LISTED, "127.0.0.4")]


def test_an_ipv6_address_is_asked_by_its_nibbles(lists):
    lists.works("bl.test")
    (found,) = query_lists(["2001:db8::1"], ["bl.test"], resolver(lists.address))
    assert found.state == CLEAN
    assert f"1.{'0.' * 23}8.b.d.0.1.0.0.2.bl.test." in lists.asked


@pytest.mark.parametrize(
    ("test_entry", "answer", "said"),
    [
        ("", "127.0.0.2", "no test entry"),  # closed: a clean record would be a lie
        ("127.255.255.254", "127.0.0.2", "refuses this resolver"),
        ("127.0.0.2", "127.255.255.255", "refuses this resolver"),
        ("10.0.0.1", "127.0.0.2", "invents answers"),  # a provider's search page
        ("127.0.0.2", "198.51.100.1", "invents answers"),
    ],
)
def test_what_is_no_answer_of_a_list_is_no_verdict(lists, test_entry, answer, said):
    if test_entry:
        lists.add("2.0.0.127.bl.test", test_entry)
    lists.add("7.113.0.203.bl.test", answer)
    ((state, words),) = states(lists, "203.0.113.7")
    assert state == UNANSWERED
    assert said in words


def test_a_resolver_that_is_silent_is_bounded(lists):
    lists.silent = True
    ((state, words),) = states(lists, "203.0.113.7")
    assert (state, words[:9]) == (UNANSWERED, "no answer")
    assert set(lists.asked) == {"2.0.0.127.bl.test."}  # the address itself is not asked any more


@pytest.mark.parametrize("text", ["nowhere", "1.2.3", "127.0.0.1:x"])
def test_what_is_no_resolver_is_refused(text):
    with pytest.raises(BmtickError, match="no resolver"):
        resolver(text)


class Machine(Programs):
    def __init__(self, bound="", own=()):
        object.__setattr__(self, "answers", (bound, own))

    def run(self, arguments, **_):
        bound, own = self.answers
        if arguments[0] == "ip":
            rows = [{"addr_info": [{"local": a} for a in own]}]
            return Result(0, json.dumps(rows).encode(), b"")
        return Result(0, f"{arguments[-1]} = {bound}\n".encode(), b"")

    def postfix(self, name, *arguments):
        return (name, *arguments)


def test_the_servers_public_addresses():
    machine = Machine(own=("10.0.0.5", "9.9.9.9", "2620:fe::fe"))
    assert public_addresses(machine, ["203.0.113.7"]) == ["203.0.113.7"]
    assert public_addresses(machine, []) == ["9.9.9.9", "2620:fe::fe"]
    assert set(public_addresses(Machine("8.8.8.8", ("9.9.9.9",)), [])) == {"8.8.8.8"}
    with pytest.raises(BmtickError, match="NAT"):
        public_addresses(Machine(own=("192.168.1.5",)), [])
    with pytest.raises(BmtickError, match="no address"):
        public_addresses(machine, ["mail.example.org"])


def settings(tmp_path, lists, names=("zen.spamhaus.org",)):
    path = tmp_path / "bmtick.toml"
    path.write_text(
        f"[blocklists]\nlists = {json.dumps(names)}\nresolver = '{lists.address}'\n"
        "addresses = ['203.0.113.7']\n"
    )
    return str(path)


def audit(config, *words):
    return CliRunner().invoke(cli, ["audit", "--config", config, *words])


def test_the_audit_names_the_page_for_delisting(lists, tmp_path):
    lists.works("zen.spamhaus.org")
    lists.add("7.113.0.203.zen.spamhaus.org", text="CSS")
    result = audit(settings(tmp_path, lists), "--fail")
    assert result.exit_code == 1
    assert "bad: block list zen.spamhaus.org: 203.0.113.7 is listed: CSS" in result.output
    assert "https://check.spamhaus.org/" in result.output
    points = audit(settings(tmp_path, lists), "--points")
    assert points.output.startswith(
        "bmtick_listed,address=203.0.113.7,entry=203.0.113.7@zen.spamhaus.org,"
        "list=zen.spamhaus.org listed=1i "
    )


def test_nothing_is_asked_before_a_list_is_named(lists, tmp_path):
    result = audit(settings(tmp_path, lists, ()))
    assert "block list" not in result.output
    assert lists.asked == []
    assert audit(settings(tmp_path, lists, ()), "--points").exit_code == 2


def test_the_doctor_tells_it_too(lists, tmp_path):
    from bmtick.doctor.checks import blocklists
    from bmtick.settings import load

    class World:
        settings = load(settings(tmp_path, lists))
        programs = Programs()

    lists.works("zen.spamhaus.org")
    assert [link.status for link in blocklists.run(World())] == ["ok"]
    lists.add("7.113.0.203.zen.spamhaus.org", text="CSS")
    (link,) = blocklists.run(World())
    assert link.status == "broken"
    assert "check.spamhaus.org" in link.remedy
    lists.records.clear()
    assert [link.status for link in blocklists.run(World())] == ["skipped"]


def test_the_question_is_as_rfc_5782_says():
    from ipaddress import ip_address

    assert query_name(ip_address("192.0.2.99"), "bad.example.com") == "99.2.0.192.bad.example.com"


def test_the_former_name_still_works():
    assert CliRunner().invoke(cli, ["advise", "--help"]).exit_code == 0
    assert "advise" not in CliRunner().invoke(cli, ["--help"]).output
