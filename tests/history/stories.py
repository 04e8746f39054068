"""Points that are hard to keep and to read back, in order of time and then of tags."""

from bmtick.points import Point

DAY = 86_400 * 10**9

PLAIN = [
    Point("m", {"host": "a", "queue": "active"}, {"i": 1, "f": 2.0}, 10),
    Point("m", {"host": "b"}, {"i": -(2**63), "f": 1e300, "s": "x y", "b": True}, 20),
    Point("m", {"host": "a"}, {"f": 5e-324}, 21),
    Point("m", {}, {"i": 2**63 - 1, "b": False}, 21 * 10**9 + 1),
    Point("m", {"host": "a"}, {"s": "one"}, 30 * 10**9),
    Point("m", {"host": "b"}, {"s": "two"}, 30 * 10**9),
    Point("m", {"host": "b", "queue": "hold"}, {"s": "three"}, 30 * 10**9),
]

HOSTILE = [
    Point("m ,='", {"tag ,='": "value ,='"}, {"field ,='": "text ,='"}, 1),
    Point('m"', {'ta"g': 'va"l'}, {'fi"eld': 'te"xt'}, 2),
    Point("m${x}", {"t${x}": "v${x}"}, {"f${x}": "${x}"}, 3),
    Point("mü", {"täg": "välue€"}, {"fïeld": "line one\nline two, \"quoted\" 'text'"}, 4),
    Point("m%s", {"t?": "a;b|c"}, {"f#": "#datatype"}, 5),
]

SAME = Point(
    "m",
    {"x": "tag", "_y": "t", "result": "r", "table": "t"},
    {"x": 1, "_f": 2, "error": 3, "table": 4, "result": 5},
    10,
)

MIXED = [
    Point("m", {"h": "a"}, {"v": 1, "w": "x"}, 10),
    Point("m", {"h": "b"}, {"v": 2}, 3 * DAY),
    Point("m", {"h": "b"}, {"v": 1.5}, 60 * DAY),
    Point("m", {"h": "a"}, {"v": 2.5, "w": 3}, 60 * DAY + 1),
]
