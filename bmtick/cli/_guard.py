"""Shared by ``guard``, ``held``, ``hold`` and ``release``: options, the journal, WHO."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bmtick.errors import nearest, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from bmtick.guard.holds import Holds, Journal
    from bmtick.guard.subject import Subject

state_option: Callable[[Any], Any] = click.option(
    "--state", type=click.Path(), help="The guard's state. Default: the settings', [guard] state."
)


def open_journal(path: str) -> Journal:
    """Return the journal with its content; warn of damaged lines.

    Raises:
        BmtickError: the journal cannot be read.
    """
    from bmtick.guard import manual

    journal = manual.open_journal(path)
    if journal.holds.damaged:
        click.echo(
            f"bmtick: {journal.holds.damaged} lines of {printable(path)} are damaged and passed over",
            err=True,
        )
    return journal


def hint(who: Subject, holds: Holds) -> str:
    """Return a hint for a WHO that is not held."""
    return nearest(str(who), map(str, holds.held)) or "'bmtick held' lists who is"
