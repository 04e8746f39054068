"""Query DNS block lists for this server as RFC 5782 defines, and know where to request delisting.

The query is ``4.3.2.1.LIST`` (IPv6: 32 nibbles); an answer within 127.0.0.0/8 means listed. First
the list's test entry, 127.0.0.2, is queried, which every working list has: a list that was closed,
or refuses this resolver, would otherwise look like a clean record. Spamhaus answers 127.255.255.x
if it refuses a resolver, usually a public one.

Lists have terms of use, and commercial lists forbid more than a few queries: a list is only queried
if the settings name it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from bmtick.errors import BmtickError, printable
from bmtick.incident.networks import Address
from bmtick.incident.postconf import read_parameter
from bmtick.incident.programs import Programs

# Pages for delisting requests.
DELISTING = {
    "zen.spamhaus.org": "https://check.spamhaus.org/",
    "sbl.spamhaus.org": "https://check.spamhaus.org/",
    "xbl.spamhaus.org": "https://check.spamhaus.org/",
    "bl.spamcop.net": "https://www.spamcop.net/bl.shtml",
    "b.barracudacentral.org": "https://www.barracudacentral.org/rbl/removal-request",
    "psbl.surriel.com": "https://psbl.org/",
    "bl.mailspike.net": "https://mailspike.org/iplookup.html",
    "dnsbl-1.uceprotect.net": "https://www.uceprotect.net/en/rblcheck.php",
    "dnsbl.dronebl.org": "https://dronebl.org/lookup",
}
LISTED, CLEAN, UNANSWERED = "listed", "clean", "unanswered"
_TEST_ENTRY = IPv4Address("127.0.0.2")
_MAX_PARALLEL = 16
_TIMEOUT = 3.0  # seconds for one query, all attempts together
_MAX_TEXT = 300  # characters of a list's own text

# Returns the addresses or texts of a name; an empty list if the name does not exist.
Lookup = Callable[[str, str], list[str]]


@dataclass(frozen=True)
class Listing:
    """The answer of one list for one address.

    Attributes:
        state: ``listed``, ``clean`` or ``unanswered``.
        said: the list's own text, or why there is no answer.
        page: where to request delisting.
    """

    address: str
    list: str
    state: str
    said: str = ""
    page: str = ""


def query_lists(addresses: Iterable[str], lists: Iterable[str], lookup: Lookup) -> list[Listing]:
    """Query every list for every address, many in parallel.

    Args:
        addresses: public addresses of this server.
        lists: names of the lists.
        lookup: returns the records of a name and type; raises OSError with the reason if there is
            no answer.
    """
    pairs = [(ip_address(a), name.strip(".").lower()) for name in lists for a in addresses]
    names = list(dict.fromkeys(name for _, name in pairs))
    with ThreadPoolExecutor(_MAX_PARALLEL) as pool:
        faults = dict(zip(names, pool.map(lambda n: _list_error(n, lookup), names), strict=True))
        return list(pool.map(lambda one: _ask(one[0], one[1], faults[one[1]], lookup), pairs))


def query_name(address: Address, name: str) -> str:
    """Return the name to query for an address."""
    return f"{address.reverse_pointer.rsplit('.', 2)[0]}.{name}"


def _list_error(name: str, lookup: Lookup) -> str:
    """Return why a list's answers are unusable, or ""."""
    try:
        found = lookup(query_name(_TEST_ENTRY, name), "A")
    except OSError as error:
        return str(error)
    return _refusal(found) or (
        "" if found else "it has no test entry (127.0.0.2): it is closed, or refuses this resolver"
    )


def _refusal(found: Sequence[str]) -> str:
    if any(a.startswith("127.255.255.") for a in found):
        return f"it refuses this resolver ({', '.join(found)}): use one of your own"
    if any(not a.startswith("127.") for a in found):
        return f"the resolver invents answers ({', '.join(found)}): use one of your own"
    return ""


def _ask(address: Address, name: str, fault: str, lookup: Lookup) -> Listing:
    page = DELISTING.get(name, f"https://{name}/")
    if fault:
        return Listing(str(address), name, UNANSWERED, fault, page)
    try:
        found = lookup(query_name(address, name), "A")
        if refusal := _refusal(found):
            return Listing(str(address), name, UNANSWERED, refusal, page)
        if not found:
            return Listing(str(address), name, CLEAN, "", page)
        words = " ".join(lookup(query_name(address, name), "TXT")) or ", ".join(found)
    except OSError as error:
        return Listing(str(address), name, UNANSWERED, str(error), page)
    return Listing(str(address), name, LISTED, printable(words)[:_MAX_TEXT], page)


def resolver(address: str = "", timeout: float = _TIMEOUT) -> Lookup:
    """Return a lookup function that uses dnspython.

    Args:
        address: of the resolver, as ADDRESS or ADDRESS:PORT; empty: the system's.
        timeout: seconds for one query.

    Raises:
        BmtickError: dnspython is not installed, or the address is invalid.
    """
    try:
        import dns.exception  # noqa: PLC0415 -- an extra, needed only if lists are queried
        import dns.resolver  # noqa: PLC0415
    except ImportError:
        raise BmtickError(
            "block lists cannot be asked: the Python library dnspython is missing",
            remedy="apt install python3-dnspython, or pip install 'bmtick[blocklists]'",
        ) from None
    try:
        chosen = dns.resolver.Resolver(configure=not address)
        if address:
            host, port = _host_and_port(address)
            chosen.nameservers, chosen.port = [host], port
    except (ValueError, dns.exception.DNSException) as error:
        raise BmtickError(
            f"'{address or 'the system'}' is no resolver: {error}",
            remedy="write [blocklists] resolver like 127.0.0.1 or 127.0.0.1:5353",
        ) from None

    def lookup(name: str, kind: str) -> list[str]:
        try:
            answer = chosen.resolve(name, kind, lifetime=timeout, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return []
        except dns.exception.DNSException as error:
            raise OSError(_reason(error)) from None
        if kind == "TXT":
            return [b"".join(r.strings).decode("utf-8", "replace") for r in answer]
        return [str(r) for r in answer]

    return lookup


def _reason(error: Exception) -> str:
    words = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"no answer: {printable(words)[:_MAX_TEXT]}"


def _host_and_port(address: str) -> tuple[str, int]:
    if address.startswith("["):
        host, _, port = address[1:].partition("]")
        port = port.removeprefix(":")
    elif address.count(":") == 1:
        host, _, port = address.partition(":")
    else:
        host, port = address, ""
    return str(ip_address(host)), int(port or 53)


def public_addresses(programs: Programs, configured: Sequence[str]) -> list[str]:
    """Return the public addresses of this server.

    The settings' own, else those that Postfix binds to, else the machine's.

    Raises:
        BmtickError: an address in the settings is invalid, or none is found.
    """
    if configured:
        return [str(_address(a)) for a in configured]
    found: list[str] = []
    for parameter in ("smtp_bind_address", "smtp_bind_address6"):
        try:
            found += read_parameter(programs, parameter).split()
        except BmtickError:
            break
    public = [a for a in found if _is_public(a)] or [a for a in _own(programs) if _is_public(a)]
    if not public:
        raise BmtickError(
            "no public address of this server is known here, as behind a NAT",
            remedy='name them in the settings: [blocklists] addresses = ["203.0.113.7"]',
        )
    return public


def _own(programs: Programs) -> list[str]:
    try:
        done = programs.run(("ip", "-j", "address", "show", "scope", "global"))
        rows = json.loads(done.stdout or b"[]")
        return [str(a["local"]) for row in rows for a in row.get("addr_info", ()) if "local" in a]
    except (BmtickError, ValueError, TypeError, AttributeError, KeyError):
        return []


def _is_public(text: str) -> bool:
    try:
        return ip_address(text).is_global
    except ValueError:
        return False


def _address(text: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(text)
    except ValueError:
        raise BmtickError(
            f"'{text}' in [blocklists] addresses is no address", remedy="write it like 203.0.113.7"
        ) from None
