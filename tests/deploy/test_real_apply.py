"""Plan and apply against the real Kapacitor: each trap of its API is a test."""

import pytest
import requests

from tests.deploy.alerts import alert, templated


def test_create_update_remove_and_idempotence(bmtick_on_server, server):
    bmtick = bmtick_on_server
    bmtick.want(alert("a"), alert("b"))
    bmtick.run("plan", expect=1)
    assert server.tasks() == {}  # plan writes nothing
    bmtick.apply()
    assert set(server.tasks()) == {"bmtick-a", "bmtick-b"}
    assert all(t["executing"] for t in server.tasks().values())
    bmtick.run("plan", expect=0)
    before = server.tasks()["bmtick-a"]["modified"]
    bmtick.apply()
    assert server.tasks()["bmtick-a"]["modified"] == before
    bmtick.want(alert("a", crit=2.0))
    assert bmtick.actions() == {"bmtick-a": "update", "bmtick-b": "remove"}
    bmtick.apply()
    assert set(server.tasks()) == {"bmtick-a"}
    bmtick.run("plan", expect=0)


def test_an_update_runs_and_keeps_alert_state(bmtick_on_server, server):
    bmtick = bmtick_on_server
    bmtick.want(alert("a", crit=10.0))
    bmtick.apply()
    server.point(50.0)
    assert server.mails("a") == ["a CRITICAL x"]
    bmtick.want(alert("a", crit=20.0))
    bmtick.apply()
    server.point(50.0)
    assert server.mails("a") == ["a CRITICAL x"]  # neither forgotten nor sent again
    server.point(15.0)  # critical for the old script
    assert server.mails("a") == ["a CRITICAL x", "a OK x"]


def test_alert_state_outlives_new_nodes_before_the_alert(bmtick_on_server, server):
    bmtick = bmtick_on_server
    plain = alert("a", crit=10.0)
    bmtick.want(plain)
    bmtick.apply()
    server.point(50.0)
    longer = plain.script.replace(
        "    |alert()", "    |default()\n        .field('z', 1)\n    |alert()"
    )
    bmtick.want(alert("a", script=longer))
    bmtick.apply()
    server.point(50.0)
    server.point(1.0)
    assert server.mails("a") == ["a CRITICAL x", "a OK x"]


def test_foreign_tasks_are_left_alone(bmtick_on_server, server):
    bmtick = bmtick_on_server
    for name in ("bmtick-a", "bmtick-mine", "postfix_postfix-queue-size-active_bm-master"):
        server.kapacitor.define(name, alert("zzz").script)
    before = server.tasks()
    bmtick.want(alert("a"), alert("b"))
    assert bmtick.actions() == {
        "bmtick-a": "foreign",
        "bmtick-b": "create",
        "bmtick-mine": "foreign",
    }
    bmtick.apply(expect=1)
    after = server.tasks()
    assert {n: after[n] for n in before} == before
    assert after["bmtick-b"]["executing"]
    bmtick.run("destroy", "--yes")
    assert server.tasks() == before


@pytest.mark.parametrize(
    "change",
    [
        {"script": alert("a", crit=7.0).script},
        {"dbrps": [{"db": "telegraf", "rp": "other"}]},
        {"status": "disabled"},
    ],
)
def test_drift_by_hand_is_seen_and_repaired(bmtick_on_server, server, change):
    bmtick = bmtick_on_server
    bmtick.want(alert("a"))
    bmtick.apply()
    wanted = server.task("bmtick-a")
    server.patch("bmtick-a", **change)
    action = bmtick.actions()["bmtick-a"]
    assert action == ("update" if "status" in change else "drifted")
    bmtick.run("plan", expect=1)
    bmtick.apply()
    now = server.task("bmtick-a")
    assert [now[k] for k in ("script", "dbrps", "vars", "status", "executing")] == [
        wanted[k] for k in ("script", "dbrps", "vars", "status", "executing")
    ]
    bmtick.run("plan", expect=0)


def test_drift_is_told_on_a_machine_without_history(bmtick_on_server, server):
    bmtick = bmtick_on_server
    bmtick.want(alert("a"))
    bmtick.apply()
    server.patch("bmtick-a", script=alert("a", crit=7.0).script)
    result = bmtick.run("plan", "--state-dir", str(bmtick.folder / "other"), expect=1)
    assert "! drifted bmtick-a" in result.stdout


def test_stored_but_not_running_is_seen(bmtick_on_server, server):
    """PATCH of an enabled task and back: what is stored is right, what runs is not."""
    bmtick = bmtick_on_server
    bmtick.want(alert("a", crit=10.0))
    bmtick.apply()
    script = server.task("bmtick-a")["script"]
    server.patch("bmtick-a", script=script.replace("> 10.0", "> 99.0"))
    server.patch("bmtick-a", status="disabled")
    server.patch("bmtick-a", status="enabled")
    server.patch("bmtick-a", script=script)
    server.point(50.0)
    assert server.mails("a") == []
    assert bmtick.actions()["bmtick-a"] == "update"
    bmtick.apply()
    server.point(50.0)
    assert server.mails("a") == ["a CRITICAL x"]


def test_templates_and_tasks_go_together(bmtick_on_server, server):
    bmtick = bmtick_on_server
    bmtick.want(templated("a", "kind", 10.0), templated("b", "kind", 20.0))
    bmtick.apply()
    assert set(server.templates()) == {"bmtick-kind"}
    assert {t["template-id"] for t in map(server.task, ("bmtick-a", "bmtick-b"))} == {"bmtick-kind"}
    bmtick.run("plan", expect=0)
    server.point(15.0)
    assert (server.mails("a"), server.mails("b")) == (["kind CRITICAL x"], [])
    bmtick.want(templated("a", "kind", 10.0, "other"), templated("b", "kind", 5.0, "other"))
    bmtick.run("plan", expect=1)
    bmtick.apply()
    bmtick.run("plan", expect=0)
    server.point(15.0, measurement="other")
    assert (server.mails("a"), server.mails("b")) == (["kind CRITICAL x"], ["kind CRITICAL x"])
    bmtick.run("destroy", "--yes")
    assert (server.tasks(), server.templates()) == ({}, {})


def test_a_half_failed_template_update_is_repaired(bmtick_on_server, server):
    bmtick = bmtick_on_server
    bmtick.want(templated("a", "kind", 10.0), templated("b", "kind", 20.0))
    bmtick.apply()
    old = server.templates()["bmtick-kind"]["script"]
    # A foreign task that cannot start with the new script makes the server roll back the tasks,
    # but not the template.
    body = {"id": "zz", "template-id": "bmtick-kind", "dbrps": [{"db": "telegraf", "rp": "autogen"}],
            "status": "enabled", "vars": server.task("bmtick-a")["vars"]}  # fmt: skip
    assert requests.post(f"{server.api}/tasks", json=body, timeout=120).status_code == 200
    broken = old.replace("var id string", "var id string\nvar missing string")
    reply = requests.patch(
        f"{server.api}/templates/bmtick-kind", json={"script": broken}, timeout=120
    )
    assert reply.status_code == 500
    assert "missing" in server.templates()["bmtick-kind"]["script"]
    assert "missing" not in server.task("bmtick-a")["script"]
    server.kapacitor.delete("zz")
    assert bmtick.actions()["bmtick-kind"] == "drifted"
    bmtick.apply()
    bmtick.run("plan", expect=0)
    assert server.templates()["bmtick-kind"]["script"] == old


def test_from_template_to_script_and_back_keeps_alert_state(bmtick_on_server, server):
    bmtick = bmtick_on_server
    for wanted in (templated("a", "kind", 10.0), alert("a", 10.0), templated("a", "kind", 10.0)):
        bmtick.want(wanted)
        bmtick.apply()
        bmtick.run("plan", expect=0)
        server.point(50.0)
    assert len(server.mails("a")) == 1
    assert server.task("bmtick-a")["template-id"] == "bmtick-kind"


def test_vars_that_must_be_cleared(bmtick_on_server, server):
    bmtick = bmtick_on_server
    bmtick.want(alert("a"))
    bmtick.apply()
    bmtick.want(alert("a", form="rule"))
    bmtick.apply()
    assert server.task("bmtick-a")["vars"] == {}
    bmtick.run("plan", expect=0)


def test_destroyed_alerts_leave_no_state_behind(bmtick_on_server, server):
    bmtick = bmtick_on_server
    bmtick.want(alert("a"))
    bmtick.apply()
    server.point(50.0)
    bmtick.run("destroy", "--yes")
    bmtick.apply()
    server.point(50.0)
    assert server.mails("a") == ["a CRITICAL x", "a CRITICAL x"]


def test_rollback_goes_back_state_by_state(bmtick_on_server, server):
    bmtick = bmtick_on_server
    for crit in (1.0, 2.0, 3.0):
        bmtick.want(alert("a", crit=crit))
        bmtick.apply()
    for crit in (2.0, 1.0):
        bmtick.run("rollback", "--yes")
        assert f"> {crit})" in server.task("bmtick-a")["script"]
    bmtick.run("rollback", "--yes", expect=2)
    bmtick.run("rollback", "--list")
    bmtick.apply()
    assert "> 3.0)" in server.task("bmtick-a")["script"]
    bmtick.run("rollback", "2", "--yes")
    assert "> 2.0)" in server.task("bmtick-a")["script"]


def test_a_script_that_the_server_refuses_changes_nothing(bmtick_on_server, server):
    bmtick = bmtick_on_server
    bmtick.want(alert("a"))
    bmtick.apply()
    before = server.tasks()
    wrong = alert("a").script.replace("|alert()", "|nonesuch()")
    bmtick.want(alert("a", script=wrong), alert("b"))
    result = bmtick.apply(expect=1)
    assert "nonesuch" in result.output
    assert server.tasks() == before


def test_a_rule_saved_in_the_alert_builder_is_known_again(bmtick_on_server, server):
    """Chronograf drops comments, and rules have no vars: only the history knows the task."""
    bmtick = bmtick_on_server
    bmtick.want(alert("a", form="rule"))
    bmtick.apply()
    script = server.task("bmtick-a")["script"].partition("\n")[2]
    server.patch("bmtick-a", script=script.replace("> 1.0", "> 2.0"))
    assert bmtick.actions() == {"bmtick-a": "drifted"}
    bmtick.apply()
    assert "> 1.0" in server.task("bmtick-a")["script"]


def test_another_task_of_a_known_name_is_foreign(bmtick_on_server, server):
    bmtick = bmtick_on_server
    bmtick.want(alert("a"))
    bmtick.apply()
    server.kapacitor.delete("bmtick-a")
    server.kapacitor.define("bmtick-a", alert("zzz").script)
    assert bmtick.actions() == {"bmtick-a": "foreign"}
    before = server.tasks()
    bmtick.apply(expect=1)
    assert server.tasks() == before
