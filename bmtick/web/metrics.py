"""The snapshot as Prometheus metrics; only this module imports prometheus_client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from bmtick import __version__
from bmtick.live.board import GUESSER, MACHINE, USER, Snapshot

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_TOP: Final = 20  # users and machines with their own series


def exposition(snapshot: Snapshot, held: Sequence[dict[str, Any]]) -> bytes:
    """Return the metrics as text."""
    registry = CollectorRegistry()
    registry.register(_Snapshot(snapshot, held))
    return generate_latest(registry)


class _Snapshot(Collector):
    def __init__(self, snapshot: Snapshot, held: Sequence[dict[str, Any]]) -> None:
        self._snapshot, self._held = snapshot, held

    def collect(self) -> Iterator[Metric]:
        snapshot = self._snapshot
        yield _gauge("info", "Version of bmtick.", {(__version__,): 1}, "version")
        yield from self._facts(snapshot)
        yield from self._verdicts(snapshot)
        yield from self._health(snapshot)

    def _facts(self, snapshot: Snapshot) -> Iterator[Metric]:
        totals = snapshot.totals
        for field in ("messages", "recipients"):
            found = {
                (name.partition(".")[2],): count
                for name, count in totals.items()
                if name.startswith(f"{field}.")
            }
            yield _counter(field, f"{field.capitalize()} of mail that came in.", found, "from")
        deliveries = {
            (name.partition(".")[2],): count
            for name, count in totals.items()
            if name.startswith("deliveries.")
        }
        yield _counter("deliveries", "Deliveries by their outcome.", deliveries, "status")
        yield _counter("blocked", "Deliveries refused as spam.", {(): totals.get("blocked", 0)})
        failures = {(): totals.get("failures", 0)}
        yield _counter("login_failures", "Failed logins.", failures)
        queues = snapshot.queues
        lengths = {(q.name,): q.length for q in queues}
        yield _gauge("queue_messages", "Messages in Postfix's queues.", lengths, "queue")
        sizes = {(q.name,): q.size for q in queues}
        yield _gauge("queue_bytes", "Bytes in Postfix's queues.", sizes, "queue")
        ages = {(q.name,): q.age for q in queues}
        yield _gauge("queue_oldest_seconds", "Age of the oldest message.", ages, "queue")
        for kind, field, label in (
            (USER, "recipients", "user"),
            (USER, "refused", "user"),
            (MACHINE, "recipients", "client"),
            (GUESSER, "failures", "client"),
        ):
            hour = {(e.name,): e.facts.get(field, 0) for e in snapshot.of(kind)[:_TOP]}
            text = f"Of the last hour; the {_TOP} largest, and those about whom an alert fires."
            yield _gauge(f"{kind}_hour_{field}", text, hour, label)

    def _verdicts(self, snapshot: Snapshot) -> Iterator[Metric]:
        firing = Counter((i.alert, i.level.lower()) for i in snapshot.firing)
        yield _gauge("alerts_firing", "Alerts that fire now.", dict(firing), "alert", "level")
        held = Counter(("user" if h.get("user") else "client",) for h in self._held)
        known = {("user",): held[("user",)], ("client",): held[("client",)]}
        yield _gauge("held", "Accounts and machines whose mail is held.", known, "kind")

    def _health(self, snapshot: Snapshot) -> Iterator[Metric]:
        totals = snapshot.totals
        for field, text in (
            ("lines", "Lines of the log that were read."),
            ("bytes", "Bytes of the log that were read."),
            ("unparsed", "Lines that were not understood."),
            ("folded", "Series that were folded together."),
        ):
            yield _counter(f"collector_{field}", text, {(): totals.get(f"collector.{field}", 0)})
        newest = {(): snapshot.newest}
        yield _gauge("newest_point_timestamp_seconds", "Time of the newest point.", newest)
        for name, value in sorted(snapshot.health.items()):
            unit = "collector_lag_seconds" if name == "lag" else name
            yield _gauge(unit, "Health of bmtick itself.", {(): value})


def _gauge(name: str, text: str, values: Mapping[Any, float], *labels: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"bmtick_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def _counter(
    name: str, text: str, values: Mapping[Any, float], *labels: str
) -> CounterMetricFamily:
    family = CounterMetricFamily(f"bmtick_{name}", text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
