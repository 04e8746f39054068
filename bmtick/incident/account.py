"""Login names and addresses of an account; matched exactly, never by a part.

``login@domain.net`` is not ``xlogin@domain.net`` and not ``login@domain.network``. Case is ignored,
as in BlueMind's logins and the domains of addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bmtick.errors import BmtickError

# Accepted as argument of bm-cli: it treats a bare domain, or 'all', as many users, a leading '-' as
# an option, and a leading '@' as a file of arguments (picocli).
_CLI_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*@[A-Za-z0-9][A-Za-z0-9.-]*\.[A-Za-z0-9-]+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"(@.*)?', re.DOTALL)


def normal(name: str) -> str:
    r"""Return a name in the form for comparison: lower case, local part unquoted.

    Logs quote a local part, as in ``"john doe"@example.org``; queue files do not.
    """
    quoted = _QUOTED.fullmatch(name)
    if quoted:
        name = re.sub(r"\\(.)", r"\1", quoted[1]) + (quoted[2] or "")
    return name.lower()


@dataclass(frozen=True)
class Account:
    """One user: its name and other names of the same account."""

    name: str
    aliases: tuple[str, ...] = ()
    known: frozenset[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = [normal(n) for n in (self.name, *self.aliases)]
        if not all(names):
            raise BmtickError("the user name is empty", remedy="give a login, as the log shows it")
        object.__setattr__(self, "known", frozenset(names))

    def is_login(self, name: str) -> bool:
        """Whether a login name is this account's, exactly."""
        return normal(name) in self.known

    def is_address(self, address: str) -> bool:
        """Whether an envelope address is this account's, exactly; bare names never are."""
        return "@" in address and normal(address) in self.known

    def cli_target(self) -> str | None:
        """The address for ``bm-cli user``, or None if no address is safe.

        Source: BlueMind's ``SingleOrDomainOperation``: its target is "email address, domain name
        or 'all' for all domains", so a bare name could select every user of a domain.
        """
        names = (self.name, *self.aliases)
        return next((n for n in names if _CLI_SAFE.fullmatch(n)), None)

    def lookalikes(self, logins: Iterable[str]) -> list[str]:
        """Return logins that may be other spellings of this account: same part before the ``@``."""
        locals_ = {n.partition("@")[0] for n in self.known}
        found = {
            n for n in logins if normal(n).partition("@")[0] in locals_ and not self.is_login(n)
        }
        return sorted(found)
