"""The plots as JSON for the page, made with plotly; only this module imports it.

plotly interprets some HTML in every text (``<b>``, ``<a>``), so all text from logs is escaped here.
Colours are CSS variables, which the page sets for its light or dark theme.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bmtick.errors import BmtickError, printable
from bmtick.incident.report.events import Episode, IncidentEvent, Series
from bmtick.incident.report.timeline import OUTCOMES, Timeline
from bmtick.languages import _, _n, number

_TOP = 15
_CURVES = 6
_DASHES = ("solid", "dash", "dot", "dashdot")  # for suspects, who all have one colour
_LABEL = 48  # characters of a name on an axis


@dataclass(frozen=True)
class RankedSender:
    """One sender in a ranking: its value, whether it is a suspect, and its hover text."""

    name: str
    value: int
    accused: bool
    hover: str


@dataclass(frozen=True)
class Figure:
    """One plot: its id on the page, its title, and plotly's JSON."""

    name: str
    title: str
    json: str


def library() -> str:
    """Return plotly's JavaScript, so that the page needs no network.

    Raises:
        BmtickError: plotly is not installed.
    """
    _graph_objects()
    from plotly.offline import get_plotlyjs  # noqa: PLC0415 -- optional

    return str(get_plotlyjs())


def _graph_objects() -> Any:
    try:
        import plotly.graph_objects as go  # noqa: PLC0415 -- optional, and slow to import
    except ImportError:
        raise BmtickError(
            "the report needs the plotting library plotly",
            remedy="pipx inject bmtick plotly, or in a virtual environment: pip install plotly",
        ) from None
    return go


def queue_figure(
    curve: Series, crises: Sequence[Episode], events: Sequence[IncidentEvent], threshold: int
) -> Figure:
    """The queue's length over time, with threshold, shaded episodes and events."""
    go = _graph_objects()
    figure = go.Figure(
        go.Scatter(
            x=_times(curve.times),
            y=curve.lengths,
            mode="lines",
            line={"color": "var(--queue)", "width": 2, "shape": "hv"},
            fill="tozeroy",
            fillcolor="var(--queue-fill)",
            name="queued",
            hovertemplate="%{y:,} " + _("messages") + "<extra></extra>",
        )
    )
    for crisis in crises:
        figure.add_vrect(
            x0=_time(crisis.begin),
            x1=_time(max(crisis.end, crisis.begin + 1)),
            fillcolor="var(--alarm-fill)",
            line_width=0,
            layer="below",
        )
    figure.add_hline(
        y=threshold,
        line={"color": "var(--alarm)", "dash": "dash", "width": 1.5},
        annotation={
            "text": _("alert at {threshold}", threshold=number(threshold)),
            "font": {"color": "var(--alarm)"},
        },
        annotation_position="top left",
    )
    shown = [m for m in events if m.kind != "queue"]
    top = max([threshold, *curve.lengths], default=threshold)
    figure.add_trace(
        go.Scatter(
            x=_times(m.time for m in shown),
            y=[top * 1.06] * len(shown),
            mode="markers",
            marker={"symbol": "triangle-down", "size": 12, "color": "var(--alarm)"},
            customdata=[_safe(m.text) for m in shown],
            hovertemplate="%{customdata}<extra></extra>",
            name="moments",
            showlegend=False,
        )
    )
    figure.update_layout(
        showlegend=False, hovermode="closest", xaxis=_DATES, yaxis={"title": _("messages")}
    )
    return _finished("queue", _("Queue, {source}", source=curve.source), figure, height=360)


def deliveries_figure(timeline: Timeline) -> Figure:
    """Delivery results over time, and failed logins."""
    go = _graph_objects()
    slots = timeline.slots()
    figure = go.Figure()
    for name in OUTCOMES:
        counter = timeline.outcomes[name]
        figure.add_trace(
            go.Bar(
                x=_times(slots),
                y=[counter.get(s, 0) for s in slots],
                name=outcome_name(name),
                marker={"color": f"var(--{name})", "line": {"width": 0}},
                hovertemplate="%{y:,} " + outcome_name(name) + "<extra></extra>",
            )
        )
    figure.add_trace(
        go.Scatter(
            x=_times(slots),
            y=[timeline.failures.get(s, 0) for s in slots],
            name=_("failed logins"),
            mode="lines",
            line={"color": "var(--failures)", "width": 2, "dash": "dot"},
            hovertemplate="%{y:,} " + _("failed logins") + "<extra></extra>",
        )
    )
    figure.update_layout(
        xaxis=_DATES,
        barmode="stack",
        bargap=0,
        hovermode="x unified",
        yaxis={"title": _per(timeline.length)},
    )
    return _finished("deliveries", _("Deliveries and failed logins"), figure, height=340)


def senders_figure(timeline: Timeline, accused: Sequence[str]) -> Figure:
    """Recipients over time of the largest senders; suspects are always included."""
    go = _graph_objects()
    slots = timeline.slots()
    largest = sorted(timeline.senders, key=lambda n: -timeline.senders[n].total())
    names = list(dict.fromkeys([*(a for a in accused if a in timeline.senders), *largest]))
    figure = go.Figure()
    for index, name in enumerate(names[:_CURVES]):
        counter = timeline.senders[name]
        figure.add_trace(
            go.Scatter(
                x=_times(slots),
                y=[counter.get(s, 0) for s in slots],
                name=_label(name),
                mode="lines",
                line={
                    "color": "var(--alarm)" if name in accused else f"var(--curve{index})",
                    "width": 2.5 if name in accused else 1.5,
                    "shape": "hv",
                    "dash": _DASHES[list(accused).index(name) % 4] if name in accused else "solid",
                },
                hovertemplate="%{y:,}<extra>" + _safe(name).replace("%", "&#37;") + "</extra>",
            )
        )
    figure.update_layout(
        xaxis=_DATES,
        hovermode="x unified",
        yaxis={"title": f"{_('recipients')} {_per(timeline.length)}"},
    )
    return _finished("senders", _("Recipients by sender"), figure, height=340)


def ranking_figure(name: str, title: str, bars: Sequence[RankedSender]) -> Figure:
    """A ranking as horizontal bars, largest on top."""
    go = _graph_objects()
    shown = list(bars[:_TOP])[::-1]
    figure = go.Figure(
        go.Bar(
            x=[b.value for b in shown],
            y=list(range(len(shown))),
            orientation="h",
            marker={"color": ["var(--alarm)" if b.accused else "var(--queue)" for b in shown]},
            customdata=[_safe(b.hover) for b in shown],
            hovertemplate="%{customdata}<extra></extra>",
            text=[number(b.value) for b in shown],
            textposition="outside",
            cliponaxis=False,
        )
    )
    figure.update_layout(
        showlegend=False,
        hovermode="closest",
        xaxis={"title": _("recipients")},
        yaxis={
            # Names are labels: two names that are cut to the same text remain two bars.
            "tickmode": "array",
            "tickvals": list(range(len(shown))),
            "ticktext": [_label(b.name) for b in shown],
            "automargin": True,
        },
    )
    return _finished(name, title, figure, height=90 + 26 * max(1, len(shown)))


# The library that the page carries knows English months only: dates are written in figures.
_DATES: Final = {
    "hoverformat": "%Y-%m-%d %H:%M:%S",
    "tickformatstops": [
        {"dtickrange": [None, 59_999], "value": "%H:%M:%S\n%Y-%m-%d"},
        {"dtickrange": [60_000, 86_399_999], "value": "%H:%M\n%Y-%m-%d"},
        {"dtickrange": [86_400_000, None], "value": "%Y-%m-%d"},
    ],
}


def _finished(name: str, title: str, figure: Any, *, height: int) -> Figure:
    figure.update_layout(
        height=height,
        margin={"l": 60, "r": 30, "t": 34, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        template="none",
        legend={"orientation": "h", "y": -0.25},
    )
    return Figure(name, title, json.dumps(json.loads(figure.to_json()), ensure_ascii=True))


def _per(length: int) -> str:
    if length % 86400 == 0:
        return _n("in {n} day", "in {n} days", length // 86400)
    if length % 3600 == 0:
        return _n("in {n} hour", "in {n} hours", length // 3600)
    if length % 60 == 0:
        return _n("in {n} minute", "in {n} minutes", length // 60)
    return _n("in {n} second", "in {n} seconds", length)


def outcome_name(outcome: str) -> str:
    """Return the name of a delivery result in the reader's language."""
    names = {
        "sent": _("sent"),
        "deferred": _("deferred"),
        "bounced": _("bounced"),
        "blocked": _("blocked"),
    }
    return names[outcome]


def _times(times: Any) -> list[str]:
    return [_time(t) for t in times]


def _time(time: int) -> str:
    return f"{datetime.fromtimestamp(time).astimezone():%Y-%m-%d %H:%M:%S}"


def _safe(text: str) -> str:
    return html.escape(printable(text))


def _label(name: str) -> str:
    shown = printable(name)
    return html.escape(shown if len(shown) <= _LABEL else shown[: _LABEL - 1] + "\u2026")
