"""An alert over the past by columns: its levels, as the engine gives them point by point.

The nodes from the stream to the alert are worked through one after the other, each over all points.
What is not known to give the same as the engine raises ``NotColumnarError``: the engine has to run
over the past then. Not looked at are what comes after the alert and the texts of its events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bmtick.engine import Task
from bmtick.engine.chunks import DTYPES, Chunk
from bmtick.engine.events import CRITICAL, LEVELS, OK
from bmtick.engine.lambdas import Expression
from bmtick.engine.messages import NO_DIMENSIONS, Dimensions, group_id
from bmtick.engine.node import Node, TaskStopped
from bmtick.engine.nodes.alert import AlertNode
from bmtick.engine.nodes.alert.levels import Levels
from bmtick.engine.nodes.barrier import BarrierNode
from bmtick.engine.nodes.default import DefaultNode
from bmtick.engine.nodes.eval_ import EvalNode
from bmtick.engine.nodes.from_ import FromNode
from bmtick.engine.nodes.group_by import GroupByNode
from bmtick.engine.nodes.influxql import InfluxQLNode
from bmtick.engine.nodes.stream import StreamNode
from bmtick.engine.nodes.where import WhereNode
from bmtick.engine.nodes.window import WindowNode
from bmtick.engine.registry import kinds
from bmtick.engine.vectors import LIMIT, Mixed, NotColumnarError, Scope, Texts, Vector
from bmtick.testing.episodes import VALUE, Episode, alert_nodes


@dataclass
class _Table:
    """Points in their order.

    Args:
        name: of the measurement.
        time: nanoseconds of each.
        series: the number of each one's series.
        tags: of each series.
        groups: the id of each series' group.
        columns: the fields.
        life: for points after a barrier that ends groups, a number for each group between two such
            ends.
        batch: for points in windows, the number of each one's window; a window's points adjoin.
        ends: the time of each window; those without points are not counted.
    """

    name: str
    time: Any
    series: Any
    tags: list[dict[str, str]]
    groups: list[str]
    columns: dict[str, Vector]
    dimensions: Dimensions = NO_DIMENSIONS
    life: Any = None
    batch: Any = None
    ends: Any = None

    def taken(self, places: Any, **changes: Any) -> _Table:
        """Return the points at some places, in that order."""
        columns = {name: _taken(vector, places) for name, vector in self.columns.items()}
        life = None if self.life is None else self.life[places]
        return replace(
            self,
            time=self.time[places],
            series=self.series[places],
            columns=columns,
            life=life,
            **changes,
        )

    def codes(self) -> Any:
        """Return a number for each point's group."""
        numbers: dict[str, int] = {}
        of_series = [numbers.setdefault(group, len(numbers)) for group in self.groups]
        return np.array(of_series, dtype=np.int64)[self.series]

    def scope(self, *, counting: bool = False) -> Scope:
        """Return what lambdas are evaluated over."""
        ranks = (lambda: _ranks(self.codes())) if counting else None
        return Scope(self.columns, self.tags, self.series, ranks)


def _taken(vector: Vector, places: Any) -> Vector:
    values = vector.values
    if isinstance(values, np.ndarray) and values.ndim:
        return Vector(vector.kind, values[places])
    return vector  # one value for all, or texts by series


def _ranks(codes: Any) -> Any:
    """Return of each point how many of its group have come, with itself."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    first = np.ones(len(codes), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(first)
    ranks = np.empty(len(codes), dtype=np.int64)
    lengths = np.diff(np.append(starts, len(codes)))
    ranks[order] = np.arange(len(codes)) - np.repeat(starts, lengths) + 1
    return ranks


class ColumnTrack:
    """One alert under way, by columns.

    Args:
        task: that of the alert; it is looked at, not run.
        afterwards: nanoseconds for which the clock goes on after the last point.

    Raises:
        NotColumnarError: a node of the script is for the engine.
    """

    Unfit = NotColumnarError

    def __init__(self, task: Task, afterwards: int) -> None:
        alerts = alert_nodes(task)
        if len(alerts) != 1 or task.is_batch:
            raise NotColumnarError("a script of one alert is wanted")
        self._alert = _plain_alert(alerts[0])
        self._path = _path(self._alert)
        self._afterwards = afterwards
        first = self._path[0]
        if task.measurements != {first.measurement} or not first.measurement:
            raise NotColumnarError("it reads several measurements")
        self._local = _local(self._path)
        self._names = _needed(self._path, self._alert)
        self._series: dict[tuple[tuple[str, str], ...], int] = {}
        self._tags: list[dict[str, str]] = []
        self._kinds: dict[str, type] | None = None
        self._chunks: list[_Table] = []
        self._last = -(1 << 63)
        self._levels: _Judged

    def take(self, chunk: Chunk) -> None:
        """Take the next points of the alert's measurement.

        Raises:
            NotColumnarError: the engine has to run.
        """
        time = chunk.time
        if time[0] < self._last or bool(np.any(time[1:] < time[:-1])):
            raise NotColumnarError("the points are not in order of time")
        self._last = int(time[-1])
        tags, numbers = chunk.series
        of_all = []
        for one in tags:
            key = tuple(one.items())
            number = self._series.get(key)
            if number is None:
                number = self._series[key] = len(self._series)
                self._tags.append(one)
            of_all.append(number)
        found = {name: chunk.column(name) for name in self._names}
        columns = {name: vector for name, vector in found.items() if vector is not None}
        kinds = {name: vector.kind for name, vector in columns.items()}
        if self._kinds is not None and self._kinds != kinds:
            raise NotColumnarError("fields come or change their type")
        self._kinds = kinds
        table = _Table(
            chunk.name,
            time,
            np.array(of_all, dtype=np.int64)[numbers],
            list(self._tags),
            [""] * len(self._tags),
            columns,
        )
        for node in self._local:
            table = _APPLY[type(node)](node, table)
        self._chunks.append(table)

    def finish(self, end: int) -> None:
        """Work through what has come; end is the time of the last point of all.

        Raises:
            NotColumnarError: the engine has to run.
        """
        if not self._chunks:
            self._levels = _Judged(None, self._alert)
            return
        table = _joined(self._chunks)
        self._chunks = []
        rest = self._path[len(self._local) :]
        at = 0
        while at < len(rest):
            node = rest[at]
            if isinstance(node, BarrierNode):
                table = _lives(node, table)
            elif isinstance(node, WindowNode):
                following = rest[at + 1] if at + 1 < len(rest) else None
                if node.period and not node.every:
                    table = _sliding(
                        node, following, self._barrier(at, rest), table, self._end(end)
                    )
                    at += 1
                elif node.period:
                    table = _settled(node, self._barrier(at, rest), table, self._end(end))
                else:
                    table = _counted(node, table)
            else:
                table = _APPLY[type(node)](node, table)
            at += 1
        if table.batch is not None:
            raise NotColumnarError("the alert is of windows")
        self._levels = _Judged(table, self._alert)

    def _end(self, end: int) -> int:
        return end + self._afterwards

    @staticmethod
    def _barrier(at: int, rest: Sequence[Node]) -> BarrierNode | None:
        before = rest[at - 1] if at else None
        return before if isinstance(before, BarrierNode) else None

    def episodes(self) -> list[Episode]:
        """Return when the alert fired."""
        return self._levels.episodes()

    def values(self) -> Counter[float]:
        """Return what the alert compared, and how often."""
        return self._levels.values()

    def count_of(self, task: Task) -> int:
        """Return how often a group becomes CRITICAL by the conditions of a task like this one.

        Raises:
            NotColumnarError: a condition is for the engine.
        """
        (alert,) = alert_nodes(task)
        return self._levels.criticals(alert.levels)


def _plain_alert(alert: AlertNode) -> AlertNode:
    if alert.use_flapping or alert.inhibits or alert.no_recoveries or alert.all_points:
        raise NotColumnarError("the alert holds events back")
    if alert.provides != "stream":
        raise NotColumnarError("the alert is of batches")
    return alert


def _path(alert: AlertNode) -> list[Any]:  # noqa: C901 -- each refusal is a line
    """Return the nodes from the stream to the alert."""
    found: list[Node] = []
    node: Node = alert
    while True:
        if len(node.parents) != 1:
            raise NotColumnarError(f"{node.name} has several parents")
        (node,) = node.parents
        if isinstance(node, StreamNode):
            break
        if type(node) not in _APPLY and not isinstance(node, BarrierNode | WindowNode):
            raise NotColumnarError(f"{node.name} is for the engine")
        found.insert(0, node)
    if not found or not isinstance(found[0], FromNode):
        raise NotColumnarError("it does not begin with from")
    if any(isinstance(node, FromNode) for node in found[1:]):
        raise NotColumnarError("from after from")
    barred = False
    for node, following in zip(found, [*found[1:], None], strict=True):
        if isinstance(node, BarrierNode):
            if barred or not (node.idle and node.delete):
                raise NotColumnarError(f"{node.name} is for the engine")
            barred = True
            continue
        if isinstance(node, WindowNode) and node.period and not node.every:
            if not isinstance(following, InfluxQLNode) or not following.slides:
                raise NotColumnarError(f"{node.name} is for the engine")
        # a barrier ends the groups below it, with what they remember
        elif (barred and isinstance(node, EvalNode) and _remembers(node)) or (
            barred and isinstance(node, InfluxQLNode) and node.method.transforms
        ):
            raise NotColumnarError(f"{node.name} remembers")
    return found


def _remembers(node: EvalNode) -> bool:
    return any(expression.stateful for expression in node.expressions)


def _local(path: Sequence[Node]) -> list[Node]:
    """Return the first nodes, as far as each point is its own matter to them."""
    for number, node in enumerate(path):
        if not isinstance(node, FromNode | WhereNode):
            return list(path[:number])
    return list(path)


def _needed(path: Sequence[Any], alert: AlertNode) -> list[str]:
    """Return the fields that anything on the way looks at."""
    names: set[str] = {VALUE}
    for node in path:
        if isinstance(node, EvalNode):
            names.update(n for e in node.expressions for n in e.references)
            names.update(node.keep_list)
            names.update(node.names)
        elif isinstance(node, InfluxQLNode):
            names |= {node.field, node.calculation.name}
        elif isinstance(node, WhereNode | FromNode) and (where := node.predicate) is not None:
            names.update(where.references)
    names.update(n for p in alert.levels.predicates for n in p.references)
    return sorted(names - {"time"})


def _joined(chunks: Sequence[_Table]) -> _Table:
    last = chunks[-1]
    columns: dict[str, Vector] = {}
    for name, vector in last.columns.items():
        if isinstance(vector.values, Texts) or not np.ndim(vector.values):
            columns[name] = vector
            continue
        parts = [chunk.columns[name].values for chunk in chunks]
        columns[name] = Vector(vector.kind, np.concatenate(parts))
    return replace(
        last,
        time=np.concatenate([chunk.time for chunk in chunks]),
        series=np.concatenate([chunk.series for chunk in chunks]),
        columns=columns,
    )


# --- nodes of points ----------------------------------------------------------------------------


def _from(node: FromNode, table: _Table) -> _Table:
    if node.truncate or node.round or node.tag_names.fixed is None:
        raise NotColumnarError("from changes times, or groups by all tags")
    dimensions = Dimensions(node.by_name, node.tag_names.fixed)
    groups = [group_id(table.name, tags, dimensions) for tags in table.tags]
    table = replace(table, groups=groups, dimensions=dimensions)
    if node.predicate is None:
        return table
    return _kept(table, node.predicate.expression)


def _where(node: WhereNode, table: _Table) -> _Table:
    return _kept(table, node.predicate.expression)


def _kept(table: _Table, expression: Expression) -> _Table:
    if not len(table.time):
        return table
    if table.batch is not None:
        raise NotColumnarError("where of windows")
    return table.taken(np.flatnonzero(table.scope().condition(expression)))


def _group_by(node: GroupByNode, table: _Table) -> _Table:
    fixed = node.tag_names.fixed
    if fixed is None or table.batch is not None:
        raise NotColumnarError("groupBy of windows, or by all tags")
    dimensions = Dimensions(table.dimensions.by_name or node.by_name, fixed)
    groups = [group_id(table.name, tags, dimensions) for tags in table.tags]
    if table.life is not None and len({*zip(table.groups, groups, strict=True)}) != len({*groups}):
        raise NotColumnarError("groups that come together")
    return replace(table, groups=groups, dimensions=dimensions)


def _default(node: DefaultNode, table: _Table) -> _Table:
    if node.fields or table.batch is not None:
        raise NotColumnarError("default fields")
    tags = [{**one, **{k: v for k, v in node.tags.items() if not one.get(k)}} for one in table.tags]
    groups = [group_id(table.name, one, table.dimensions) for one in tags]
    return replace(table, tags=tags, groups=groups)


def _eval(node: EvalNode, table: _Table) -> _Table:
    """Add the columns that an eval makes; a tag that it makes has one value for a series."""
    if not len(table.time):
        return table
    scope = table.scope(counting=True)
    made: dict[str, Vector] = {}
    for name, expression in zip(node.names, node.expressions, strict=True):
        made[name] = scope.evaluate(expression)
        if name not in table.columns and any(name in e.references for e in node.expressions):
            raise NotColumnarError("an expression reads what another makes")
    if not node.keep:
        columns = {name: made[name] for name in node.new_fields}
    elif node.keep_list:
        there = {**table.columns, **made}
        if not there.keys() >= set(node.keep_list):
            raise NotColumnarError("a field that is kept is not there")
        columns = {name: there[name] for name in node.keep_list}
    else:
        columns = {**table.columns, **made}
    for name, vector in columns.items():
        if vector.kind in DTYPES and not np.ndim(vector.values):
            full: Any = np.full(len(table.time), vector.values, dtype=DTYPES[vector.kind])
            columns[name] = Vector(vector.kind, full)
    table = replace(table, columns=columns)
    return (
        _tagged(table, {name: made[name] for name in node.tag_names}) if node.tag_names else table
    )


def _tagged(table: _Table, made: dict[str, Vector]) -> _Table:
    if table.batch is not None:
        raise NotColumnarError("tags of windows")
    tags = [dict(one) for one in table.tags]
    for name, vector in made.items():
        if not isinstance(vector.values, Texts):
            raise NotColumnarError("a tag that is no text of tags")
        for one, value in zip(tags, vector.values.of_series, strict=True):
            one[name] = value
    groups = [group_id(table.name, one, table.dimensions) for one in tags]
    return replace(table, tags=tags, groups=groups)


def _influxql(node: InfluxQLNode, table: _Table) -> _Table:
    name, field = node.method.name, node.field
    vector = table.columns.get(field)
    if vector is None or vector.kind is not int:
        raise NotColumnarError(f"{field} is no integer")
    if not len(table.time):
        return replace(table, batch=None, ends=None)
    if name == "cumulativeSum" and table.batch is None:
        return _cumulative(node, table, vector)
    if table.batch is None:
        raise NotColumnarError(f"{node.name} of points")
    starts = np.flatnonzero(np.append(True, table.batch[1:] != table.batch[:-1]))
    if name == "sum" and not node.point_times:
        if _sum_of_sizes(vector.values) >= LIMIT:
            raise NotColumnarError("a large sum")
        sums = np.add.reduceat(vector.values, starts)
        found = _of_groups(table.taken(starts, batch=None, ends=None))
        columns = {node.calculation.name: Vector(int, sums)}
        return replace(found, time=table.ends, columns=columns)
    if name == "max":
        highest = np.maximum.reduceat(vector.values, starts)
        lengths = np.diff(np.append(starts, len(table.time)))
        places = np.flatnonzero(vector.values == np.repeat(highest, lengths))
        if len(places) != len(starts):
            raise NotColumnarError("several of the highest")
        chosen = table.taken(places, batch=None, ends=None)
        columns = dict(chosen.columns)
        if node.calculation.name != field:
            columns[node.calculation.name] = columns.pop(field)
        time = chosen.time if node.point_times else table.ends
        groups = [group_id(table.name, tags, table.dimensions) for tags in table.tags]
        return replace(chosen, time=time, columns=columns, groups=groups)
    raise NotColumnarError(f"{node.name} is for the engine")


def _cumulative(node: InfluxQLNode, table: _Table, vector: Vector) -> _Table:
    if _sum_of_sizes(vector.values) >= LIMIT:
        raise NotColumnarError("a large sum")
    codes = table.codes()
    order = np.argsort(codes, kind="stable")
    ordered, values = codes[order], vector.values[order]
    total = np.cumsum(values)
    first = np.append(True, ordered[1:] != ordered[:-1])
    starts = np.flatnonzero(first)
    lengths = np.diff(np.append(starts, len(values)))
    before = np.repeat(total[starts] - values[starts], lengths)
    sums = np.empty_like(total)
    sums[order] = total - before
    return replace(_of_groups(table), columns={node.calculation.name: Vector(int, sums)})


def _sum_of_sizes(values: Any) -> float:
    return float(np.abs(values.astype(np.float64)).sum())


def _of_groups(table: _Table) -> _Table:
    """Return points with no tags but those that make their group."""
    names = table.dimensions.tag_names
    tags = [{name: one.get(name, "") for name in names} for one in table.tags]
    return replace(table, tags=tags)


_APPLY: dict[type, Callable[[Any, _Table], _Table]] = {
    FromNode: _from,
    WhereNode: _where,
    EvalNode: _eval,
    DefaultNode: _default,
    GroupByNode: _group_by,
}


for _name in ("sum", "count", "max", "cumulativeSum"):
    _APPLY[kinds()[_name]] = _influxql


# --- barriers and windows -----------------------------------------------------------------------


def _lives(node: BarrierNode, table: _Table) -> _Table:
    """Number the lives of the groups: one ends when no point comes for the time of the barrier."""
    codes = table.codes()
    order = np.argsort(codes, kind="stable")
    ordered, time = codes[order], table.time[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (ordered[1:] != ordered[:-1]) | (time[1:] - time[:-1] > node.idle)
    life = np.empty(len(order), dtype=np.int64)
    life[order] = np.cumsum(first) - 1
    return replace(table, life=life)


def _by_life(table: _Table, barrier: BarrierNode | None) -> tuple[Any, Any]:
    """Return the order of the points by life, and where each life begins in it.

    Without a barrier a group has one life.
    """
    life = table.life if barrier is not None and table.life is not None else table.codes()
    order = np.argsort(life, kind="stable")
    ordered = life[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return order, np.flatnonzero(first)


def _sliding(
    node: WindowNode, following: Any, barrier: BarrierNode | None, table: _Table, end: int
) -> _Table:
    """Sum up, or count, what lies within the period before each point, and before each barrier."""
    if table.batch is not None or node.fill_period or (table.life is not None and barrier is None):
        raise NotColumnarError(f"{node.name} is for the engine")
    vector = table.columns.get(following.field)
    if vector is None or vector.kind is not int:
        if not len(table.time):
            return replace(_of_groups(table), columns={})
        raise NotColumnarError(f"{following.field} is no integer")
    if not len(table.time):
        return replace(_of_groups(table), columns={following.calculation.name: vector})
    if _sum_of_sizes(vector.values) >= LIMIT:
        raise NotColumnarError("a large sum")
    order, starts = _by_life(table, barrier)
    ended = np.empty(0, dtype=np.int64)
    if barrier is not None:
        lasts = np.append(starts[1:], len(order)) - 1
        ended = np.flatnonzero(table.time[order][lasts] + barrier.idle < end)
        ended = lasts[ended]
    time, values = table.time[order], vector.values[order]
    counts = following.method.name == "count"
    if counts:
        values = np.ones_like(values)
    lengths = np.diff(np.append(starts, len(order)))
    number = np.repeat(np.arange(len(starts)), lengths)
    moments, ranks = np.unique(time, return_inverse=True)
    keys = number * (len(moments) + 1) + ranks
    total = np.append(0, np.cumsum(values))

    def sums(places: Any, until: Any, times: Any) -> Any:
        oldest = np.searchsorted(moments, times - node.period + 1)
        left = np.searchsorted(keys, number[places] * (len(moments) + 1) + oldest)
        return total[until] - total[np.minimum(left, until)]

    everyone = np.arange(len(order))
    of_points = sums(everyone, everyone + 1, time)
    idle = barrier.idle if barrier is not None else 0
    of_ends = sums(ended, ended + 1, time[ended] + idle)
    # the sum of an empty window is 0.0, its count 0
    kind: Any = int if counts or not len(ended) else Mixed
    base = _of_groups(table).taken(np.append(order, order[ended]))
    return replace(
        base,
        time=np.append(time, time[ended] + idle),
        columns={following.calculation.name: Vector(kind, np.append(of_points, of_ends))},
    )


def _settled(node: WindowNode, barrier: BarrierNode | None, table: _Table, end: int) -> _Table:
    """Gather each life into one window, that the barrier ends."""
    if barrier is None or table.life is None or node.align or node.fill_period:
        raise NotColumnarError(f"{node.name} is for the engine")
    if not len(table.time):
        return replace(table, batch=table.life, ends=table.time)
    order, starts = _by_life(table, barrier)
    time = table.time[order]
    lasts = np.append(starts[1:], len(order)) - 1
    begin, last = time[starts], time[lasts]
    if bool(np.any(last - begin >= node.every)) or node.period < node.every:
        raise NotColumnarError("a window that ends before the barrier")
    emitted = (last + barrier.idle >= begin + node.every) & (last + barrier.idle < end)
    lengths = lasts - starts + 1
    places = order[np.repeat(emitted, lengths)]
    batch = np.repeat(np.flatnonzero(emitted), lengths[emitted])
    return table.taken(places, batch=batch, ends=begin[emitted] + node.every)


def _counted(node: WindowNode, table: _Table) -> _Table:
    """Gather the last so many points of a group, each time one more has come."""
    if table.batch is not None or table.life is not None:
        raise NotColumnarError(f"{node.name} is for the engine")
    if node.every_count != 1 or node.fill_period or node.period_count > 4:
        raise NotColumnarError(f"{node.name} is for the engine")
    size = node.period_count
    codes = table.codes()
    order = np.argsort(codes, kind="stable")
    ranks = _ranks(codes)[order]
    window = np.arange(len(order))
    back = np.arange(size - 1, -1, -1)
    places = window[:, None] - back[None, :]
    inside = ranks[:, None] > back[None, :]
    # windows in the order in which they come, of all groups
    came = np.empty(len(order), dtype=np.int64)
    came[order] = window
    places, inside = places[came], inside[came]
    batch = np.repeat(np.arange(len(order)), inside.sum(axis=1))
    return table.taken(order[places[inside]], batch=batch, ends=table.time)


# --- the alert ----------------------------------------------------------------------------------


class _Judged:
    """The points that come to an alert, group by group, and what it says of them."""

    def __init__(self, table: _Table | None, alert: AlertNode) -> None:
        self._alert = alert
        if table is None or not len(table.time):
            self._table: _Table | None = None
            return
        codes = table.codes()
        order = np.lexsort((np.arange(len(codes)), table.time, codes))
        self._table = table = table.taken(order)
        codes = codes[order]
        self._first = np.append(True, codes[1:] != codes[:-1])
        self._group = np.cumsum(self._first) - 1
        self._check_ids(alert, table)
        self._scope = table.scope()

    @staticmethod
    def _check_ids(alert: AlertNode, table: _Table) -> None:
        """See that each group has its own id: by that a reset knows the level before its end."""
        ids: dict[str, str] = {}
        for number in np.unique(table.series).tolist():
            group = table.groups[number]
            try:
                found = alert.texts.id(table.name, group, table.tags[number])
            except TaskStopped as stop:
                raise NotColumnarError(str(stop)) from None
            if ids.setdefault(found, group) != group and alert.levels.resets:
                raise NotColumnarError("groups share an id")
        if len({*ids.values()}) != len(ids) and alert.levels.resets:
            raise NotColumnarError("a group has several ids")

    def _judge(self, levels: Levels) -> Any:
        """Return the level of each point."""
        size = len(self._group)
        condition = self._scope.condition
        conditions = {
            level: condition(predicate.expression) for level, predicate in levels.conditions.items()
        }
        found = np.zeros(size, dtype=np.int8)
        for level in sorted(conditions):
            found[conditions[level]] = level
        resets = {level: condition(p.expression) for level, p in levels.resets.items()}
        if not resets:
            return found
        # only groups that have a level at all need a look at each of their points
        firing = np.unique(self._group[found > OK])
        places = np.flatnonzero(np.isin(self._group, firing))
        current, group = OK, -1
        for place in places.tolist():
            if self._group[place] != group:
                group, current = self._group[place], OK
            current = _level(current, place, conditions, resets)
            found[place] = current
        return found

    def criticals(self, levels: Levels) -> int:
        """Return how often a group becomes CRITICAL."""
        if self._table is None:
            return 0
        critical = self._judge(levels) >= CRITICAL
        before = np.append(False, critical[:-1])
        return int(np.count_nonzero(critical & (self._first | ~before)))

    def values(self) -> Counter[float]:
        """Return the values that are compared, and how often each came."""
        vector = self._table.columns.get(VALUE) if self._table is not None else None
        if vector is None or vector.kind not in (int, float):
            if vector is not None and vector.kind is Mixed:
                raise NotColumnarError("values of several types")
            return Counter()
        values = vector.values
        if vector.kind is float:
            values = values[~np.isnan(values)]
        found, counts = np.unique(values, return_counts=True)
        return Counter(dict(zip(found.tolist(), counts.tolist(), strict=True)))

    def episodes(self) -> list[Episode]:
        """Return when the alert fired, in order of group and time."""
        table = self._table
        if table is None:
            return []
        levels = self._judge(self._alert.levels)
        vector = table.columns.get(VALUE)
        if vector is not None and vector.kind is Mixed:
            raise NotColumnarError("values of several types")
        shown = vector is not None and vector.kind in (int, float)
        found: list[Episode] = []
        firing: Episode | None = None
        group = -1
        near = levels > OK
        near[1:] |= near[:-1] & ~self._first[1:]
        for place in np.flatnonzero(near).tolist():
            if self._group[place] != group:
                group, firing = self._group[place], None
            level, time = int(levels[place]), int(table.time[place])
            if level > OK:
                if firing is None:
                    tags = table.tags[table.series[place]]
                    firing = Episode(time, None, level, None, tags)
                    found.append(firing)
                value = vector.values[place].item() if shown and vector is not None else None
                firing.take(level, value)
            elif firing is not None:
                firing.end, firing = time, None
        return found


def _level(current: int, place: int, conditions: dict[int, Any], resets: dict[int, Any]) -> int:
    """Return the level of a point, as ``Levels.of`` does."""
    for level in range(len(LEVELS) - 1, max(current, OK + 1) - 1, -1):
        if level in conditions and conditions[level][place]:
            return level
    if current in resets and not resets[current][place]:
        return current
    for level in range(current, OK, -1):
        if level in conditions and conditions[level][place]:
            return level
    return OK
