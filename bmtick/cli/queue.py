"""``bmtick queue``: what is queued, by sender, destination and reason."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from bmtick.cli._filter import filter_options, make_filter
from bmtick.cli._logs import config_dir_option, log_option
from bmtick.cli.common import config_option, format_option, load_settings, print_json, print_table
from bmtick.errors import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bmtick.collect.postqueue import QueueEntry
    from bmtick.incident.grouping import Grouping
    from bmtick.incident.queued import Origins

_REASON_WIDTH = 100
_TOP = 10


@click.command()
@filter_options(login=True)
@click.option(
    "--by",
    "kinds",
    multiple=True,
    type=click.Choice(["sender", "user", "client", "domain", "reason"]),
    help="Group by this only; may be repeated.",
)
@click.option(
    "--top",
    type=click.IntRange(1),
    help="How many groups, or messages of --list, are shown.  [default: 10; all messages as data]",
)
@click.option("--list", "listed", is_flag=True, help="List the messages instead of groups.")
@log_option
@config_dir_option
@format_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    kinds: tuple[str, ...],
    top: int | None,
    listed: bool,
    logs: tuple[str, ...],
    config_dir: str,
    output_format: str,
    **wanted: str | None,
) -> None:
    """Group Postfix's queue by sender, user, client, destination and reason of delay.

    User and client come from the log, or from the queue files if the log does not have them.
    """
    from bmtick.incident.grouping import KINDS, choose, group
    from bmtick.incident.programs import Programs
    from bmtick.incident.queued import Origins, find_origins, read_queue

    now = int(time.time())
    chosen = make_filter(wanted)
    kinds = kinds or KINDS
    programs = Programs(config_dir)
    entries = list(read_queue(programs))
    origins = Origins({}, frozenset())
    if entries and (chosen.needs_origins or listed or {"user", "client"} & set(kinds)):
        paths = logs or load_settings(ctx).collect.logs
        origins = find_origins(entries, paths, programs)
        for note in origins.notes:
            click.echo(f"bmtick: {printable(note)}", err=True)
    taken = choose(entries, chosen, origins.by_id)
    if listed:
        _list(list(taken), origins, now, top, output_format)
        return
    grouping = group(taken, origins.by_id, kinds)
    if output_format == "json":
        print_json(_document(grouping, top or _TOP))
    else:
        _show(grouping, top or _TOP, now, len(entries))


def _document(grouping: Grouping, top: int) -> dict[str, Any]:
    from bmtick.incident.units import iso

    def entry(group: Any) -> dict[str, Any]:
        return {
            "messages": group.messages,
            "recipients": group.recipients,
            "bytes": group.size,
            "oldest": iso(group.oldest) if group.oldest else None,
        }

    return {
        **entry(grouping.total),
        "groups": {
            kind: [{"name": g.name, **entry(g)} for g in grouping.top(kind, top)]
            for kind in grouping.groups
        },
    }


def _show(grouping: Grouping, top: int, now: int, everything: int) -> None:
    from bmtick.incident.units import age, size

    total = grouping.total
    if not everything:
        click.echo("The queue is empty.")
        return
    chosen = "" if total.messages == everything else f" of {everything:,}"
    click.echo(
        f"{total.messages:,}{chosen} messages, {total.recipients:,} recipients, {size(total.size)}"
        + (f", the oldest waits for {age(now - total.oldest)}" if total.oldest else "")
    )
    for kind in grouping.groups:
        rows = [
            [
                f"{g.messages:,}",
                f"{g.recipients:,}",
                size(g.size),
                age(now - g.oldest),
                printable(g.name)[:_REASON_WIDTH],
            ]
            for g in grouping.top(kind, top)
        ]
        if rows:
            click.echo("")
            more = len(grouping.groups[kind]) - len(rows)
            print_table(["messages", "recipients", "size", "oldest", kind], rows, more=more)


def _list(
    entries: Sequence[QueueEntry], origins: Origins, now: int, top: int | None, output_format: str
) -> None:
    from bmtick.incident.grouping import shown_sender
    from bmtick.incident.units import age, iso

    if output_format == "json":
        documents = []
        for e in entries[:top]:
            origin = origins.by_id.get(e.queue_id)
            documents.append(
                {
                    "queue_id": e.queue_id,
                    "queue": e.queue_name,
                    "arrival": iso(e.arrival_time),
                    "bytes": e.size,
                    "sender": "" if shown_sender(e) == "<>" else e.sender,
                    "user": origin.user if origin else None,
                    "client": origin.client if origin else None,
                    "recipients": [
                        {"address": r.address, "reason": r.delay_reason} for r in e.recipients
                    ],
                }
            )
        print_json(documents)
        return
    print_table(
        ["queue id", "queue", "age", "sender", "user", "client", "recipients"],
        [
            [
                e.queue_id,
                e.queue_name,
                age(now - e.arrival_time),
                shown_sender(e),
                origin.user if (origin := origins.by_id.get(e.queue_id)) else "?",
                origin.client if origin else "?",
                len(e.recipients),
            ]
            for e in entries[: top or _TOP]
        ],
        more=max(0, len(entries) - (top or _TOP)),
    )
