"""Commands that make Postfix ask the guard, beside its other checks, and commands to undo them."""

from __future__ import annotations

from bmtick.errors import BmtickError
from bmtick.guard.listen import parse_listen
from bmtick.incident.postconf import parse
from bmtick.incident.programs import Programs
from bmtick.terminal import shell_quoted

LIST = "smtpd_end_of_data_restrictions"
MILTERS = "non_smtpd_milters"  # Postfix asks no policy service about mail by sendmail
ACCEPT = "default_action=accept"  # without a guard Postfix accepts mail
LIMITS = {
    "smtpd_policy_service_default_action": "DUNNO",  # without a guard Postfix accepts mail
    "smtpd_policy_service_timeout": "3s",
    "smtpd_policy_service_try_limit": "1",
}


def service_name(listen: str) -> str:
    """Return the entry of main.cf that makes Postfix ask the guard.

    Raises:
        BmtickError: not an address to listen on.
    """
    parse_listen(listen)
    return f"check_policy_service {listen}"


def with_guard(restrictions: str, listen: str) -> str:
    """Append the guard to a list of restrictions, unless it is already there."""
    wanted = service_name(listen)
    if wanted in " ".join(restrictions.replace(",", " ").split()):
        return restrictions
    return f"{restrictions.rstrip(', ')}, {wanted}" if restrictions.strip(", ") else wanted


def with_milter(milters: str, listen: str) -> str:
    """Append the guard to a list of milters, unless it is already there."""
    if listen in milters:
        return milters
    limits = f"connect_timeout=1s, command_timeout=2s, content_timeout=2s, {ACCEPT}"
    wanted = f"{{ {listen}, {limits} }}"
    return f"{milters.rstrip(', ')}, {wanted}" if milters.strip(", ") else wanted


def print_lines(listen: str, programs: Programs) -> str:
    """Return the commands that connect the guard to Postfix, and those that undo it.

    Raises:
        BmtickError: not an address to listen on.
    """
    service_name(listen)
    note = ""
    now: dict[str, str] = {}
    try:
        done = programs.run(programs.postfix("postconf", "-n", LIST, MILTERS, *LIMITS))
        now.update(parse(done.stdout.decode("utf-8", "replace")))
    except BmtickError as error:
        note = f"# {error.message}: taken as if {LIST} and {MILTERS} were empty\n"
    config = f" -c {shell_quoted(programs.config_directory)}" if programs.config_directory else ""
    wanted = {
        LIST: with_guard(now.get(LIST, ""), listen),
        MILTERS: with_milter(now.get(MILTERS, ""), listen),
        **LIMITS,
    }
    lines = [
        f"# Postfix asks the guard once a message, by {MILTERS} about mail of sendmail;\n",
        "# what is in both lists already stays.\n",
        note,
    ]
    lines += [f"postconf{config} -e {shell_quoted(f'{n} = {v}')}\n" for n, v in wanted.items()]
    lines += [f"postfix{config} reload\n", "\n# To take it back:\n"]
    for name, value in wanted.items():
        if name in now and now[name] != value:
            lines.append(f"postconf{config} -e {shell_quoted(f'{name} = {now[name]}')}\n")
        elif name not in now:
            lines.append(f"postconf{config} -X {name}\n")
    lines.append(f"postfix{config} reload\n")
    return "".join(lines)
