"""The terminal view, pure: keys change the view; a view and a snapshot produce a frame.

It fits 80 columns and 24 lines, needs no colour, and prints any name as plain text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from bmtick.errors import printable
from bmtick.languages import _, number
from bmtick.live.board import (
    FORWARD,
    GUESSER,
    MACHINE,
    PROGRAM,
    TARGET,
    USER,
    Entity,
    Snapshot,
)
from bmtick.live.evidence import headline, kind_of, next_command, sentences, who_of

QUIT, HOLD, RELEASE = "quit", "hold", "release"
_TABS: Final = ("users", "machines", "logins", "queue", "alerts", "held")
_KINDS: Final = {
    "users": (USER,),
    "machines": (MACHINE, PROGRAM, FORWARD),
    "logins": (GUESSER, TARGET),
}
_COLUMNS: Final = {
    "users": ("recipients", "messages", "refused", "clients"),
    "machines": ("recipients", "messages", "relayed", "refused"),
    "logins": ("failures", "users", "clients"),
}
_STYLES: Final = {"CRITICAL": "bold red", "WARNING": "yellow", "INFO": "cyan"}
_MARKS: Final = {"CRITICAL": "!!", "WARNING": "! ", "INFO": "i "}
_BARS, _ASCII_BARS = " ▁▂▃▄▅▆▇█", " .:-=+*#@"
_SPARK: Final = 36  # slots: three hours
_FIGURE: Final = 12  # columns of a value
_NAME: Final = 20  # minimum columns of a name
_ABSENT: Final = {GUESSER: "clients", TARGET: "users"}  # column that this kind does not have


@dataclass(frozen=True)
class Row:
    """One line of a tab: its cells, and the data behind it."""

    cells: tuple[str, ...]
    style: str = ""
    mark: str = ""
    name: str = ""
    who: str = ""
    why: tuple[str, ...] = ()


@dataclass
class View:
    """The state of the user interface.

    Attributes:
        tab: index of the tab.
        sort: index of the column that the rows are sorted by; 0 is the name.
        filter: part of a name.
        selected: name of the selected row.
        open: whether the evidence is shown instead of the rows.
        typing: whether keys go into the filter.
        asked: an action that waits for confirmation, and its subject.
        said: the result of the last action.
    """

    tab: int = 0
    sort: int = 1
    filter: str = ""
    selected: str = ""
    open: bool = False
    typing: bool = False
    asked: tuple[str, str] | None = None
    said: str = ""
    rows: list[Row] = field(default_factory=list)

    def key(self, key: str) -> tuple[str, str] | None:
        """Process a key; return an action and its subject once it is confirmed."""
        self.said = ""
        if self.asked:
            asked, self.asked = self.asked, None
            return asked if key in ("y", "Y", "j", "J", "o", "O") else None
        if self.typing:
            self._type(key)
            return None
        if key in ("q", "ctrl-c"):
            return QUIT, ""
        if key in (HOLD[0], RELEASE[0]):
            return self._ask(key)
        self._move(key)
        return None

    def _type(self, key: str) -> None:
        if key in ("enter", "escape"):
            self.typing = False
            self.filter = self.filter if key == "enter" else ""
        elif key == "backspace":
            self.filter = self.filter[:-1]
        elif len(key) == 1 and key.isprintable():
            self.filter += key

    def _ask(self, key: str) -> tuple[str, str] | None:
        row = next((row for row in self.rows if row.name == self.selected), None)
        if row is None or not row.who:
            self.said = _("choose an account or a machine first")
            return None
        self.asked = (HOLD if key == HOLD[0] else RELEASE, row.who)
        return None

    def _move(self, key: str) -> None:
        names = [row.name for row in self.rows]
        selected = names.index(self.selected) if self.selected in names else 0
        steps = {"up": -1, "k": -1, "down": 1, "page-up": -10, "page-down": 10}
        if key in ("home", "end") and names:
            self.selected = names[0 if key == "home" else -1]
        elif key in steps and names:
            self.selected = names[max(0, min(len(names) - 1, selected + steps[key]))]
        elif key in ("left", "right", "tab"):
            self._go((self.tab + (-1 if key == "left" else 1)) % len(_TABS))
        elif key.isdecimal() and 1 <= int(key) <= len(_TABS):
            self._go(int(key) - 1)
        elif key == "s":
            self.sort = (self.sort + 1) % (1 + len(_COLUMNS.get(_TABS[self.tab], ())))
        elif key == "/":
            self.typing, self.open, self.filter = True, False, ""
        elif key == "enter":
            self.open = not self.open
        elif key == "escape":
            self.open, self.filter = False, ""

    def _go(self, tab: int) -> None:
        self.tab, self.sort, self.open, self.selected = tab, 1, False, ""


def frame(
    view: View,
    snapshot: Snapshot,
    held: Sequence[Mapping[str, Any]],
    size: tuple[int, int],
    *,
    unicode: bool = True,
) -> list[Text]:
    """Return the lines of a frame, as many as the terminal has.

    Args:
        view: the state of the user interface; its rows are updated.
        snapshot: the current state of the server.
        held: the holds.
        size: columns and lines.
        unicode: whether the terminal can show more than ASCII.
    """
    width, height = size
    view.rows = _filtered(view, _rows(_TABS[view.tab], snapshot, held, view.sort))
    names = [row.name for row in view.rows]
    if view.selected not in names:
        view.selected = names[0] if names else ""
    head = [
        *_header(snapshot, held, width, unicode=unicode),
        _tabs(view, snapshot, held),
    ]
    room = max(1, height - len(head) - 2)
    chosen = next((row for row in view.rows if row.name == view.selected), None)
    if view.open and chosen:
        heads, body = Text(printable(chosen.cells[0]), style="bold"), _evidence(chosen, width, room)
    else:
        heads, body = _heads(view, width), _body(view, width, room)
    lines = [*head, heads, *body]
    lines += [Text()] * (height - 1 - len(lines))
    lines = [*lines[: height - 1], _footer(view)]
    for line in lines:
        line.truncate(width)
    return lines


def _header(
    snapshot: Snapshot, held: Sequence[Mapping[str, Any]], width: int, *, unicode: bool
) -> list[Text]:
    when = f"{datetime.fromtimestamp(snapshot.now).astimezone():%H:%M:%S}"
    alarm = any(not i.silenced for i in snapshot.firing)
    first = Text(f"{printable(snapshot.host)}  {when}  ")
    first.append(headline(snapshot), style="bold red" if alarm else "green")
    queued = sum(queue.length for queue in snapshot.queues)
    second = Text(
        _(
            "queue {queued}   held {held}   lines {lines}",
            queued=number(queued) if snapshot.queues else "-",
            held=len(held),
            lines=number(snapshot.totals.get("collector.lines", 0)),
        )
    )
    curves = Text()
    for name, title in (("recipients", _("recipients")), ("refused", _("refused"))):
        values = snapshot.series[name][-min(_SPARK, max(4, width // 2 - 14)) :]
        curves.append(f"{title} ")
        curves.append(_spark(values, unicode=unicode), style="red" if name == "refused" else "cyan")
        curves.append("  ")
    return [first, second, curves]


def _spark(values: Sequence[int], *, unicode: bool) -> str:
    bars, top = (_BARS if unicode else _ASCII_BARS), max([1, *values])
    return "".join(bars[-(-value * (len(bars) - 1) // top)] for value in values)


def _tabs(view: View, snapshot: Snapshot, held: Sequence[Mapping[str, Any]]) -> Text:
    titles = (_("Users"), _("Machines"), _("Logins"), _("Queue"), _("Alerts"), _("Held"))
    counts = {4: len(snapshot.firing), 5: len(held)}
    line = Text()
    for index, title in enumerate(titles):
        count = f" {counts[index]}" if counts.get(index) else ""
        selected = index == view.tab
        text = f"[{index + 1} {title}{count}]" if selected else f" {index + 1} {title}{count} "
        line.append(text, style="bold reverse" if selected else "")
    return line


def _titles(tab: str) -> tuple[str, ...]:
    known = {
        "recipients": _("recipients"),
        "messages": _("messages"),
        "refused": _("refused"),
        "relayed": _("to others"),
        "clients": _("addresses"),
        "failures": _("failures"),
        "users": _("names"),
    }
    if tab in _COLUMNS:
        return (_("in the last hour"), *(known[name] for name in _COLUMNS[tab]))
    return {
        "queue": (_("queue"), _("messages"), _("kB"), _("oldest (s)")),
        "alerts": (_("what"), _("since")),
        "held": (_("who"), _("messages"), _("since")),
    }[tab]


def _rows(tab: str, snapshot: Snapshot, held: Sequence[Mapping[str, Any]], sort: int) -> list[Row]:
    if tab in _KINDS:
        column = _COLUMNS[tab][sort - 1] if sort else ""
        found = snapshot.of(*_KINDS[tab])
        if column:
            found.sort(key=lambda e: (not e.level, -e.facts.get(column, 0), e.name))
        else:
            found.sort(key=lambda e: e.name)
        on_hold = {str(h["who"]) for h in held}
        return [_entity(entity, _COLUMNS[tab], on_hold) for entity in found]
    if tab == "queue":
        return [
            Row((q.name, number(q.length), number(q.size / 1000), number(q.age)), name=q.name)
            for q in snapshot.queues
        ]
    if tab == "alerts":
        return [
            Row(
                (
                    i.message.removeprefix(f"[{i.level}] ").removeprefix(f"{snapshot.host}: "),
                    _clock(i.begin),
                ),
                style=_STYLES.get(i.level, ""),
                mark=_MARKS.get(i.level, ""),
                name=i.id,
                who=i.tags.get("user") or i.tags.get("client") or "",
                why=(i.message, f"{i.alert}: {i.level}", *_facts(i.tags, snapshot)),
            )
            for i in snapshot.firing
        ]
    return [
        Row(
            (str(h["who"]), number(int(h["messages"])), str(h["since"])[11:16]),
            name=str(h["who"]),
            who=str(h["who"]),
            why=(str(h["reason"]), str(h["mode"])),
        )
        for h in held
    ]


def _facts(tags: Mapping[str, str], snapshot: Snapshot) -> list[str]:
    names = set(tags.values())
    return [s for e in snapshot.entities if e.name in names for s in sentences(e)]


def _entity(entity: Entity, columns: Sequence[str], on_hold: set[str]) -> Row:
    who = who_of(entity)
    held = who in on_hold
    return Row(
        (entity.name, *(_figure(entity, name) for name in columns)),
        style="magenta" if held else _STYLES.get(entity.level, ""),
        mark="H " if held else _MARKS.get(entity.level, ""),
        name=f"{entity.kind} {entity.name}",
        who=who,
        why=(
            kind_of(entity),
            *entity.reasons,
            *sentences(entity),
            f"{_('next:')} {next_command(entity)}",
        ),
    )


def _figure(entity: Entity, name: str) -> str:
    value = entity.facts.get(name, 0)
    return "" if not value and _ABSENT.get(entity.kind) == name else number(value)


def _filtered(view: View, rows: list[Row]) -> list[Row]:
    wanted = view.filter.lower()
    return [row for row in rows if wanted in row.name.lower() or wanted in row.cells[0].lower()]


def _heads(view: View, width: int) -> Text:
    titles = _titles(_TABS[view.tab])
    marked = [
        f"{title}*" if index == view.sort and _TABS[view.tab] in _COLUMNS else title
        for index, title in enumerate(titles)
    ]
    return Text(_line("   ", marked, width), style="bold")


def _body(view: View, width: int, room: int) -> list[Text]:
    rows = view.rows
    if not rows:
        nothing = (
            _("nothing that contains '{text}'", text=view.filter) if view.filter else _("none")
        )
        return [Text(f"   {printable(nothing)}", style="dim")]
    selected = next((n for n, row in enumerate(rows) if row.name == view.selected), 0)
    first = max(0, min(selected - room // 2, len(rows) - room))
    lines = []
    for row in rows[first : first + room]:
        chosen = row.name == view.selected
        mark = f"{'>' if chosen else ' '}{row.mark or '  '}"
        style = f"{row.style} reverse" if chosen else row.style
        lines.append(Text(_line(mark, row.cells, width), style=style.strip()))
    left = len(rows) - first - len(lines)
    if left > 0:
        lines[-1] = Text("   " + _("... and {count} more", count=number(left + 1)), style="dim")
    return lines


def _evidence(row: Row, width: int, room: int) -> list[Text]:
    shown = [textwrap.wrap(printable(text), width - 4) for text in row.why]
    return [Text(f"  {line}") for lines in shown for line in lines][:room]


def _line(mark: str, cells: Sequence[str], width: int) -> str:
    """Align the first cell left and the others right, each in its own columns.

    If that leaves too little space for a name, the last columns are omitted.
    """
    figures = max(1, min(len(cells) - 1, (width - len(mark) - _NAME) // _FIGURE))
    cells = cells[: 1 + figures]
    left = max(10, width - len(mark) - _FIGURE * (len(cells) - 1))
    first = printable(cells[0])
    if cell_len(first) > left - 1:
        first = set_cell_size(first, left - 3) + ".."
    return (
        mark + set_cell_size(first, left) + "".join(c[:_FIGURE].rjust(_FIGURE) for c in cells[1:])
    )


def _footer(view: View) -> Text:
    if view.asked:
        action, who = view.asked
        question = _("Hold {who}?", who=who) if action == HOLD else _("Release {who}?", who=who)
        keys = _("[y/N]")
        return Text(f"{printable(question)} {keys}", style="bold")
    if view.typing:
        return Text(f"/{printable(view.filter)}_", style="bold")
    if view.said:
        return Text(printable(view.said), style="bold")
    keys = _("q quit  1-6 view  s sort  / filter  Enter why  h hold  r release")
    return Text(f"{keys}  {printable('/' + view.filter) if view.filter else ''}", style="dim")


def _clock(time: int) -> str:
    return f"{datetime.fromtimestamp(time).astimezone():%H:%M}"
