"""What an apply says and leaves behind, where it went well, was refused, or lost its server."""

import errno
from dataclasses import replace

import pytest

from bmtick.deploy import apply
from bmtick.deploy import store as module
from bmtick.deploy.apply import apply_plan, await_points, verify
from bmtick.deploy.client import KapacitorError
from bmtick.deploy.desired import Desired
from bmtick.deploy.model import ActualTask, Facts, TaskDefinition, TemplateDefinition
from bmtick.deploy.plan import Action, Step, make_plan
from bmtick.deploy.store import Store
from bmtick.errors import BmtickError
from tests.deploy.alerts import alert
from tests.support.fake_kapacitor import fake_kapacitor

DBRPS = (("telegraf", "autogen"),)


def task(name="bmtick-a", **more):
    return TaskDefinition(name, "stream|from()", DBRPS, **more)


def step(kind="task", name="bmtick-a", action=Action.CREATE, **more):
    return Step(kind, name, action, **more)


class Server:
    """Tasks whose counters go on at each look."""

    def __init__(self, *looks):
        self.looks, self.asked = list(looks), []

    def task(self, name):
        self.asked.append(name)
        return self.looks.pop(0)


def looked_at(collected):
    return ActualTask(task(), counters={"stream0": {"collected": collected}})


def test_points_are_awaited_of_changed_tasks_and_of_nothing_else():
    steps = [
        step(after=task()),
        step(name="bmtick-gone", action=Action.REMOVE, before=task("bmtick-gone")),
        step("template", "bmtick-t", after=TemplateDefinition("bmtick-t", "stream")),
    ]
    server, pauses = Server(looked_at(0), None, looked_at(3)), []
    assert await_points(server, steps, 60, sleep=pauses.append) == []
    assert server.asked == ["bmtick-a"] * 3
    assert len(pauses) == 2
    server = Server(*(looked_at(0) for _ in range(4)))
    assert await_points(server, steps, 2, sleep=pauses.append) == ["bmtick-a"]
    assert await_points(Server(looked_at(0)), steps, 0, sleep=pauses.append) == ["bmtick-a"]


class Listing:
    """A server that has these tasks."""

    def __init__(self, *tasks):
        self.tasks = {one.id: one for one in tasks}

    def list_tasks(self, _pattern):
        return list(self.tasks.values())

    def task(self, name):
        return self.tasks.get(name)


def test_what_is_not_as_planned_is_told_with_what_the_server_says():
    wanted = step(after=task())
    right = ActualTask(task(), executing=True, last_enabled="2026-01-02", modified="2026-01-01")
    assert verify(Listing(right), [wanted]) == []
    assert verify(Listing(replace(right, error="no such function")), [wanted]) != []
    stopped = replace(right, executing=False, error="stopped: bad types")
    assert verify(Listing(stopped), [wanted]) == ["bmtick-a is not as planned: stopped: bad types"]
    assert verify(Listing(), [wanted]) == ["bmtick-a is not as planned"]
    stays = step(action=Action.REMOVE, before=task())
    assert verify(Listing(right), [stays]) == ["bmtick-a is not as planned"]
    assert verify(Listing(), [stays]) == []


def journal(bmtick):
    return list((bmtick.folder / "state").rglob("journal.jsonl"))


def test_the_journal_stays_until_the_server_is_as_planned(make_bmtick, monkeypatch):
    with fake_kapacitor() as fake:
        bmtick = make_bmtick(fake.url)
        bmtick.want(alert("a"))
        with monkeypatch.context() as patch:
            patch.setattr(apply, "verify", lambda *_: ["bmtick-a is not as planned"])
            bmtick.apply(expect=1)
        assert journal(bmtick)
        bmtick.apply()
        assert not journal(bmtick)


@pytest.mark.parametrize(("status", "goes_on"), [(404, True), (503, False)])
def test_topics_that_a_server_does_not_know_stop_nothing_but_a_lost_answer_does(
    make_bmtick, status, goes_on
):
    with fake_kapacitor() as fake:
        bmtick = make_bmtick(fake.url)
        bmtick.want(alert("a"))
        topics = fake._topics

        def refuse(method, path):
            if method == "GET" and not path:
                return status, {}, {"error": "so it is"}
            return topics(method, path)

        fake._topics = refuse
        bmtick.apply(expect=None)
        assert bool(fake.tasks) == goes_on


class Lost:
    """A server that does not answer, or refuses."""

    url = "http://127.0.0.1:1"

    def __init__(self, status):
        self.status = status
        self.versions = 0

    def version(self):
        self.versions += 1
        raise KapacitorError("no", status=self.status)

    def __getattr__(self, _name):
        def fail(*_args, **_options):
            raise KapacitorError("no", status=self.status)

        return fail


@pytest.mark.parametrize(
    ("status", "asked", "second"), [(0, 1, "state unknown"), (403, 2, "undoing failed: no")]
)
def test_a_server_that_is_gone_is_not_asked_to_undo_the_rest(tmp_path, status, asked, second):
    store, server, outcome = Store(tmp_path, Lost.url), Lost(status), apply.Outcome()
    steps = [
        step(name=name, action=Action.UPDATE, before=task(name), after=task(name, enabled=False))
        for name in ("bmtick-a", "bmtick-b")
    ]
    with store.locked():
        store.note(event="begin")
        reconciler = apply.Reconciler(server, sleep=lambda _: None)
        apply._undo(reconciler, server, steps, store, outcome)
        assert store.interrupted()
    assert server.versions == asked
    assert second in outcome.state[1]
    assert not outcome.undone


def test_a_plan_without_changes_asks_nothing(tmp_path):
    steps = [step(action=Action.REMOVE), step(action=Action.FOREIGN)][1:]
    assert apply_plan(Lost(0), steps, Store(tmp_path, Lost.url)).ok


def test_the_folder_of_a_server_keeps_its_name(tmp_path):
    """An older bmtick's journal and history lie there."""
    assert Store(tmp_path, "http://127.0.0.1:9092").folder.name == "127.0.0.1_9092-60cf60bc"


def test_nothing_is_believed_behind_a_damaged_line_of_the_journal(tmp_path):
    store = Store(tmp_path, "http://h")
    with store.locked():
        store.note(event="begin")
        with (store.folder / "journal.jsonl").open("a") as file:
            file.write('{"event": "st\n{"event": "undo"}\n')
        assert [entry["event"] for entry in store.interrupted()] == ["begin"]


def test_a_history_that_is_no_folder_is_none_and_one_that_fails_is_told(tmp_path, monkeypatch):
    store = Store(tmp_path, "http://h")
    with store.locked():
        store.note(event="begin")
    (store.folder / "history").write_text("")
    assert store.revisions() == []

    def fail(*_args, **_options):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module, "Folder", fail)
    with pytest.raises(BmtickError, match="cannot use the history: Input/output error"):
        store.revisions()


def test_a_template_that_is_wanted_hides_none_behind_it_that_is_not():
    first, last = (TemplateDefinition(name, "stream") for name in ("bmtick-a", "bmtick-z"))
    facts = Facts(templates={one.id: one for one in (first, last)})
    steps = make_plan(Desired(templates={first.id: first}), facts, {"template:bmtick-z"})
    assert ("bmtick-z", Action.REMOVE) in [(s.id, s.action) for s in steps]
