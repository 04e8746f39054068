"""Read Postfix's settings with ``postconf``; nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bmtick.errors import BmtickError
from bmtick.incident.programs import Programs


@dataclass(frozen=True)
class PostfixSettings:
    """Postfix's effective settings.

    Attributes:
        values: every parameter of main.cf, with defaults, ``$name`` expanded.
        overrides: what the ``-o`` options of each service of master.cf (``smtp/inet``) change.
        own: the parameters that main.cf sets itself.
    """

    values: Mapping[str, str]
    overrides: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    own: frozenset[str] = frozenset()

    def get(self, name: str, service: str = "") -> str:
        """Return a parameter's value; for a service, its ``-o`` value if it has one."""
        local = self.overrides.get(service, {})
        return local.get(name, self.values.get(name, ""))

    def number(self, name: str, service: str = "") -> int | None:
        """Return a whole number, or None if the value is not one."""
        try:
            return int(self.get(name, service))
        except ValueError:
            return None

    def smtp_servers(self) -> list[str]:
        """Return the SMTP services of master.cf with overrides, and "" for main.cf."""
        return ["", *sorted(s for s in self.overrides if s.partition("/")[2].startswith("inet"))]


def read_settings(programs: Programs) -> PostfixSettings:
    """Read ``postconf -x`` (all, expanded), ``-n`` (set in main.cf) and ``-Px`` (master.cf).

    Raises:
        BmtickError: Postfix is not installed, or its configuration cannot be read.
    """
    values = parse(_run(programs, "-x"))
    own = frozenset(parse(_run(programs, "-n")))
    overrides: dict[str, dict[str, str]] = {}
    for key, value in parse(_run(programs, "-Px")).items():
        service, _, parameter = key.rpartition("/")
        overrides.setdefault(service, {})[parameter] = value
    return PostfixSettings(values, overrides, own)


def read_parameter(programs: Programs, name: str) -> str:
    """Return one parameter's value, expanded.

    Raises:
        BmtickError: Postfix is not installed, or its configuration cannot be read.
    """
    return parse(_run(programs, "-x", name)).get(name, "")


def parse(text: str) -> dict[str, str]:
    """Parse ``name = value`` lines; a line that starts with a space continues the value."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line[:1].isspace() and name:
            found[name] += " " + line.strip()
        elif " =" in line:
            name, _, value = line.partition(" =")
            found[name] = value.strip()
    return found


def _run(programs: Programs, *arguments: str) -> str:
    done = programs.run(programs.postfix("postconf", *arguments))
    if done.status:
        raise BmtickError(
            f"cannot read Postfix's settings: {done.error}",
            remedy="name the folder of main.cf with --config-dir",
        )
    return done.stdout.decode("utf-8", "replace")
