"""What ``guard``, ``held``, ``hold`` and ``release`` share: their options, the journal, WHO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bmtick.errors import BmtickError, nearest, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from bmtick.guard.holds import Holds, Journal
    from bmtick.guard.who import Who

state_option: Callable[[Any], Any] = click.option(
    "--state", type=click.Path(), help="The guard's state. Default: the settings', [guard] state."
)


def open_journal(path: str) -> Journal:
    """Return the journal with all that is in it.

    Raises:
        BmtickError: it cannot be read.
    """
    from bmtick.guard.holds import Journal

    journal = Journal(path)
    try:
        journal.poll()
    except OSError as error:
        raise BmtickError(
            f"cannot read the guard's state {path}: {error.strerror}",
            remedy="run this as root, or as the guard's user",
        ) from None
    if journal.holds.damaged:
        click.echo(
            f"bmtick: {journal.holds.damaged} lines of {printable(path)} are damaged and passed over",
            err=True,
        )
    return journal


def find_who(text: str, holds: Holds) -> Who:
    """Return who a command names.

    Raises:
        BmtickError: nobody.
    """
    from bmtick.guard.who import parse_who

    known = next((who for who in holds.held if str(who) == text), None)
    return known or parse_who(text)


def hint(who: Who, holds: Holds) -> str:
    """Return what to do about a WHO that is not held."""
    return nearest(str(who), map(str, holds.held)) or "'bmtick held' lists who is"
