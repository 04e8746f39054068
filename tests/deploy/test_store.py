"""Journal and history: private, whole, and readable after any kill."""

import os

import pytest

from bmtick.deploy import store as module
from bmtick.deploy.model import TaskDefinition, TemplateDefinition
from bmtick.deploy.store import Store, state_folder
from bmtick.errors import BmtickError

TASK = TaskDefinition(
    "bmtick-a", "stream", (("telegraf", "autogen"),), {"x": {"type": "int", "value": 1}}
)
TEMPLATE = TemplateDefinition("bmtick-t", "stream")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path, "http://127.0.0.1:9092")


def test_what_was_recorded_is_read_back(store):
    with store.locked():
        births = {"bmtick-a": "2026-01-01T00:00:00Z", "template:bmtick-t": "2026-01-02T00:00:00Z"}
        store.record({"bmtick-a": TASK}, {"bmtick-t": TEMPLATE}, births=births, cause="apply")
    [revision] = store.revisions()
    assert (revision.tasks, revision.templates) == ({"bmtick-a": TASK}, {"bmtick-t": TEMPLATE})
    assert store.known(births) == {"bmtick-a", "template:bmtick-t"}
    assert store.known({"bmtick-a": "2026-01-03T00:00:00Z", "bmtick-b": ""}) == set()


def test_a_second_bmtick_is_refused(store):
    with store.locked(), pytest.raises(BmtickError, match="another bmtick"), store.locked():
        pass


def test_a_journal_cut_by_a_kill_is_read(store):
    with store.locked():
        store.note(event="begin")
        store.note(event="step", id="bmtick-a")
        with (store.folder / "journal.jsonl").open("a") as file:
            file.write('{"event": "st')
    assert [e["event"] for e in store.interrupted()] == ["begin", "step"]
    store.close_journal()
    assert store.interrupted() == []


def test_a_damaged_history_file_is_passed_over(store):
    with store.locked():
        store.record({}, {}, births={}, cause="apply")
        store.record({"bmtick-a": TASK}, {}, births={}, cause="apply")
    (store.folder / "history/0002.json").write_text('{"number": 2, "tasks"')
    assert [r.number for r in store.revisions()] == [1]


def test_the_history_does_not_grow_for_ever(store, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 3)
    with store.locked():
        for _ in range(6):
            store.record({}, {}, births={}, cause="apply")
    assert [r.number for r in store.revisions()] == [4, 5, 6]


def test_servers_do_not_share_a_folder(tmp_path):
    folders = {Store(tmp_path, f"http://h:9092{path}").folder for path in ("", "/a", "/b")}
    assert len(folders) == 3


def test_plain_users_keep_it_at_home(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    folder, word = state_folder("", home=tmp_path)
    assert folder == tmp_path / ".local/state/bmtick"
    assert "cannot be written" in word
    assert state_folder("/x")[1] == ""
