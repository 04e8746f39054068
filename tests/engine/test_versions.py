"""Where Kapacitor 1.6 and later differ from 1.5.7, the version that is named decides.

Source: kapacitor's own ``flatten.go``, ``group_by.go``, ``join.go``, ``union.go``, ``trickle.go``
and ``alert.go`` of v1.5.7, v1.6.5 and v1.8.3; the last two differ in none of it.
"""

import json

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli
from bmtick.engine import load_task
from bmtick.errors import BmtickError
from bmtick.points import parse_lines

OLD, NEW = (1, 5, 7), (1, 6, 5)
SECOND = 1_000_000_000


def outputs(script, lines, version, end=0):
    task = load_task(script + "|httpOut('out')", file="s.tick", name="s", version=version)
    seen = []
    for point in parse_lines(lines):
        task.advance(point.time)
        task.feed(point, "", "")
        series = task.http_outputs()["out"]["series"] or []
        seen += [row for row in series if row and row not in seen]
    task.advance(end)
    series = task.http_outputs()["out"]["series"] or []
    seen += [row for row in series if row and row not in seen]
    return [
        [*[v[row["columns"].index(c)] for c in row["columns"][1:]], row.get("tags", {})]
        for row in seen
        for v in row["values"]
    ]


def lines(*points):
    return [f"m,host={host} v={value} {time * SECOND}" for time, host, value in points]


TOP = "stream|from()|window().periodCount(4).everyCount(4)|top(2, 'v', 'host')"
FOUR = lines((1, "a", 9), (2, "a", 8), (3, "b", 1), (4, "b", 10))


def test_top_keeps_tags_apart_in_the_old_ones_only():
    assert [row[-2] for row in outputs(TOP, FOUR, OLD)] == [9, 10]  # by time
    assert [row[-2] for row in outputs(TOP, FOUR, NEW)] == [10, 9]  # by rank
    same = [*FOUR[:3], FOUR[0].replace("v=9 1", "v=7 4")]
    assert [row[-2] for row in outputs(TOP, same, OLD)] == [9, 1]
    assert [row[-2] for row in outputs(TOP, same, NEW)] == [9, 8]


FLATTEN = "stream|from()|flatten().on('host').tolerance(1s)"


def test_flatten_does_not_turn_time_back_for_a_late_point():
    late = lines((10, "a", 1), (5, "b", 2), (5, "c", 3), (20, "a", 4), (30, "a", 5))
    old, new = (outputs(FLATTEN, late, version) for version in (OLD, NEW))
    assert [len(row) - 1 for row in old] == [1, 2, 1]  # b and c lie together
    assert [len(row) - 1 for row in new] == [1, 1, 1, 1]


def test_a_barrier_ends_what_flatten_gathers():
    script = "stream|from()|barrier().idle(5s)|flatten().on('host')"
    two = lines((10, "a", 1), (10, "b", 2))
    assert outputs(script, two, OLD, end=30 * SECOND) == []
    assert outputs(script, two, NEW, end=30 * SECOND) == [[1, 2, {}]]


@pytest.mark.parametrize(
    "node", ["union(b)", "join(b).as('x', 'y')", "join(b).as('x', 'y').on('host')"]
)
def test_ended_groups_go_through_nodes_of_several_parents(node):
    script = (
        "var a = stream|from().groupBy('host')|barrier().idle(5s).delete(TRUE)\n"
        f"var b = stream|from().groupBy('host')|barrier().idle(5s).delete(TRUE)\na|{node}"
    )
    task_lines = lines((1, "a", 1), (2, "b", 2))
    for version, left in ((OLD, 2), (NEW, 0)):
        task = load_task(script + "|httpOut('out')", file="s", name="s", version=version)
        for point in parse_lines(task_lines):
            task.advance(point.time)
            task.feed(point, "", "")
        task.advance(60 * SECOND)
        # the groups that came up are served until they end
        assert len(task.http_outputs()["out"]["series"] or []) == left


def test_trickle_makes_a_stream_of_a_batch():
    script = "stream|from().groupBy('host')|window().periodCount(2).everyCount(2)|trickle()"
    found = outputs(script, lines((1, "a", 1), (2, "a", 2)), NEW)
    assert found == [[2, {"host": "a"}]]  # the second takes the first one's place in httpOut
    counted = outputs(script + "|stateCount(lambda: TRUE)", lines((1, "a", 1), (2, "a", 2)), NEW)
    assert counted[0][:2] == [2, 2]


def test_details_have_compact_json():
    script = "stream|from()|alert().crit(lambda: TRUE).details('{{ jsonCompact .Tags }}')"
    task = load_task(script, file="s.tick", name="s", version=NEW)
    for point in parse_lines(lines((1, "a", 1))):
        task.feed(point, "", "")
    (event,) = task.take_events()
    assert event.details == "{&#34;host&#34;:&#34;a&#34;}"
    with pytest.raises(BmtickError, match="jsonCompact"):
        load_task(script, file="s.tick", name="s", version=OLD)


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("stream|from()\n|window().period(1s)|trickle()", "the node |trickle()"),
        ("stream|from()\n|alert().zenoss()", "the property .zenoss()"),
        (
            "var a = stream|from()\na|join(a).as('x', 'y').deleteAll(TRUE)",
            "the property .deleteAll()",
        ),
        ("stream|from()\n|alert().email().toTemplates('x')", "the property .toTemplates()"),
    ],
)
def test_what_came_later_is_refused_for_an_older_one(script, what):
    with pytest.raises(BmtickError) as raised:
        load_task(script, file="s.tick", name="s", version=OLD)
    assert f"{what} came with Kapacitor 1.6" in raised.value.message
    assert raised.value.location.line == 2
    load_task(script, file="s.tick", name="s", version=NEW)


def test_eval_and_test_take_the_version(tmp_path):
    (tmp_path / "s.tick").write_text(TOP + "|alert().id('x').crit(lambda: TRUE)")
    (tmp_path / "p.lp").write_text("\n".join(FOUR))
    arguments = ["eval", str(tmp_path / "s.tick"), "--points", str(tmp_path / "p.lp")]

    def first(*more):
        done = CliRunner().invoke(cli, [*arguments, *more])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout.splitlines()[0])["fields"]["top"]

    assert (first(), first("--kapacitor-version", "1.8")) == (9, 10)
    (tmp_path / "case.toml").write_text(
        'script = "s.tick"\npoints = ["p.lp"]\n'
        '[[expect]]\nat = "3s"\nlevel = "CRITICAL"\nfields = { top = 10.0 }\nwithin = "9s"\n'
    )
    for version, status in (("1.5.7", 1), ("1.6.5", 0), ("2.0", 2)):
        done = CliRunner().invoke(
            cli, ["test", str(tmp_path / "case.toml"), "--kapacitor-version", version]
        )
        assert done.exit_code == status, done.output
