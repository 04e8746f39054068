"""Render the report as one HTML file with its own script and styles; it fetches nothing.

A Content-Security-Policy forbids all requests, so even hostile names that bypass the escaping
cannot send data. Tables contain all data of the plots, for readers without JavaScript.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from string import Template

from bmtick.errors import printable
from bmtick.incident.report.events import IncidentEvent
from bmtick.incident.report.figures import Figure
from bmtick.incident.units import plain
from bmtick.languages import _, language


@dataclass(frozen=True)
class Table:
    """A table with its heading.

    Attributes:
        numbers: columns that are right-aligned.
        times: columns without line breaks.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    times: Sequence[int] = ()
    empty: str = "none"


@dataclass(frozen=True)
class Page:
    """The content of the page.

    Attributes:
        verdict: the sentence at the top.
        alarming: whether the verdict is bad news.
        tiles: numbers with their captions.
        notes: sources of the numbers.
    """

    title: str
    verdict: str
    alarming: bool
    period: str
    tiles: Sequence[tuple[str, str]]
    events: Sequence[IncidentEvent]
    figures: Sequence[Figure]
    tables: Sequence[Table]
    notes: Sequence[str]


def render(page: Page, library: str) -> str:
    """Return the page as HTML.

    Args:
        page: its content.
        library: plotly's JavaScript.
    """
    values = {
        "title": _text(page.title),
        "lang": language(),
        "happened": _text(_("What happened")),
        "verdict": _text(page.verdict),
        "tone": "alarm" if page.alarming else "calm",
        "period": _text(page.period),
        "tiles": "".join(
            f'<div class="tile"><b>{_text(number)}</b><span>{_text(caption)}</span></div>'
            for number, caption in page.tiles
        ),
        "story": _event_list(page.events),
        "figures": "".join(_figure(f) for f in page.figures),
        "tables": "".join(_table(t) for t in page.tables),
        "notes": "".join(f"<p>{_text(n)}</p>" for n in page.notes),
        "library": _script(library),
        "style": _file("page.css"),
        "script": _script(_file("page.js")),
    }
    return Template(_file("page.html")).substitute(values)


def _figure(figure: Figure) -> str:
    # "<" as a JSON escape: no text can end the script element.
    data = figure.json.replace("<", "\\u003c").replace("\u2028", "\\u2028")
    return (
        f'<section><h2>{_text(figure.title)}</h2><div class="plot" id="plot-{figure.name}" '
        f'role="img" aria-label="{_text(figure.title)}"></div>'
        f'<script type="application/json" data-plot="plot-{figure.name}">{data}</script></section>'
    )


def _event_list(events: Iterable[IncidentEvent]) -> str:
    rows = "".join(
        f'<li class="{_text(m.kind)}"><time>{plain(m.time)}</time> {_text(m.text)}</li>'
        for m in events
    )
    return f"<ol>{rows}</ol>" if rows else f"<p>{_text(_('Nothing out of the ordinary.'))}</p>"


def _table(table: Table) -> str:
    if not table.rows:
        return f"<section><h2>{_text(table.title)}</h2><p>{_text(table.empty)}</p></section>"

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{_class(table, i)}"
            f"{_label(table, i) if tag == 'td' else ' scope=col'}>{_text(c)}</{tag}>"
            for i, c in enumerate(row)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in table.rows)
    return (
        f"<section><h2>{_text(table.title)}</h2><div class=scroll><table>"
        f"<thead><tr>{cells(table.columns, 'th')}</tr></thead><tbody>{body}</tbody>"
        "</table></div></section>"
    )


def _class(table: Table, index: int) -> str:
    if index in table.numbers:
        return " class=number"
    return " class=time" if index in table.times else ""


def _label(table: Table, index: int) -> str:
    return f' data-label="{_text(table.columns[index])}"'


def _text(text: str) -> str:
    return html.escape(printable(text))


def _script(code: str) -> str:
    """Escape code so that it cannot end its own element."""
    return code.replace("</script", "<\\/script")


def _file(name: str) -> str:
    return resources.files("bmtick.incident.report").joinpath(name).read_text("utf-8")
