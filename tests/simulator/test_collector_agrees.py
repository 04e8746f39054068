"""The collector on simulated logs against their truth: every sum equal, refusals included."""

import json
from collections import Counter, defaultdict

import pytest

from benchmarks.simulator.__main__ import options_of
from benchmarks.simulator.simulate import simulate
from bmtick.collect.batch import points_of_logs
from bmtick.collect.options import Options
from bmtick.collect.raw import client

CASES = [
    ["--lines", "40000", "--outbreaks", "1", "--seed", "11"],
    ["--lines", "40000", "--short-ids", "--iso", "--seed", "12"],
    ["--lines", "40000", "--filtered", "0.7", "--seed", "13"],
    ["--lines", "40000", "--filtered", "0.7", "--short-ids", "--seed", "14"],
]
PARTS = {
    "users": ("postfix_sender", "user", ("messages", "recipients", "bytes", "refused")),
    "clients": ("postfix_client", "client", ("messages", "recipients", "bytes")),
    "deliveries": ("postfix_delivery", "status", ("count", "blocked")),
    "auth": ("postfix_auth", "client", ("failures",)),
}


@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_sums_equal_the_truth(tmp_path, words):
    options, given = options_of([*words, "-o", str(tmp_path / "mail.log")])
    truth = json.loads(json.dumps(simulate(options, given.output)))
    sums = defaultdict(Counter)
    counting = Options(now=truth["last"], max_series=100_000)
    for point in points_of_logs([str(given.output)], options=counting):
        for measurement, tag, fields in PARTS.values():
            if point.name == measurement:
                values = {name: int(point.fields[name]) for name in fields}
                sums[measurement, point.tags[tag]].update(values)
    for part, (measurement, _, fields) in PARTS.items():
        found = {name: count for (m, name), count in sums.items() if m == measurement}
        folded: defaultdict[str, Counter] = defaultdict(Counter)
        for name, count in truth[part].items():  # logins are not case-sensitive
            key = name.lower() if part == "users" else client(name.encode())
            folded[key].update({f: count[f] for f in fields})
        wanted = {name: {f: count[f] for f in fields} for name, count in folded.items()}
        found = {
            name: count for name, count in found.items() if name in wanted or any(count.values())
        }
        assert {name: {f: count[f] for f in fields} for name, count in found.items()} == wanted
