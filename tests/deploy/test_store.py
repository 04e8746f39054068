"""Journal and history: private, whole, and readable after any kill."""

import json
import os

import pytest

from bmtick.deploy import store as module
from bmtick.deploy.model import TaskDefinition, TemplateDefinition
from bmtick.deploy.store import Store
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
        created_at = {
            "bmtick-a": "2026-01-01T00:00:00Z",
            "template:bmtick-t": "2026-01-02T00:00:00Z",
        }
        store.record(
            {"bmtick-a": TASK}, {"bmtick-t": TEMPLATE}, created_at=created_at, cause="apply"
        )
    [revision] = store.revisions()
    assert (revision.tasks, revision.templates) == ({"bmtick-a": TASK}, {"bmtick-t": TEMPLATE})
    assert store.known(created_at) == {"bmtick-a", "template:bmtick-t"}
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
    with store.locked():
        store.close_journal()
    assert store.interrupted() == []


def test_a_damaged_history_file_is_passed_over(store):
    with store.locked():
        store.record({}, {}, created_at={}, cause="apply")
        store.record({"bmtick-a": TASK}, {}, created_at={}, cause="apply")
    (store.folder / "history/0002.json").write_text('{"number": 2, "tasks"')
    assert [r.number for r in store.revisions()] == [1]


def test_the_history_does_not_grow_for_ever(store, monkeypatch):
    monkeypatch.setattr(module, "MAX_REVISIONS", 3)
    with store.locked():
        for _ in range(6):
            store.record({}, {}, created_at={}, cause="apply")
    assert [r.number for r in store.revisions()] == [4, 5, 6]


def test_servers_do_not_share_a_folder(tmp_path):
    folders = {Store(tmp_path, f"http://h:9092{path}").folder for path in ("", "/a", "/b")}
    assert len(folders) == 3


def test_a_history_without_births_is_read_and_never_written_over(store):
    with store.locked():
        store.record({"bmtick-a": TASK}, {}, created_at={"bmtick-a": "T"}, cause="apply")
    path = store.folder / "history/0001.json"
    data = json.loads(path.read_text())
    for old in ("births", None):
        data.pop("version", None)
        created = data.pop("created_at", None) or data.pop("births", None)
        if old:
            data[old] = created
        path.write_text(json.dumps(data))
        [revision] = store.revisions()
        assert revision.tasks == {"bmtick-a": TASK}
        assert revision.created_at == ({"bmtick-a": "T"} if old else {})
    path.write_text("of another version")
    with store.locked():
        store.record({}, {}, created_at={}, cause="apply")
    assert path.read_text() == "of another version"
    assert store.unreadable() == [str(path)]
    assert [r.number for r in store.revisions()] == [2]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of two users")
def test_links_in_the_folder_are_not_followed(store, tmp_path):
    outside = tmp_path / "outside"
    for name in ("lock", "journal.jsonl"):
        store.folder.mkdir(parents=True, exist_ok=True)
        (store.folder / name).symlink_to(outside)
        with pytest.raises(BmtickError, match="cannot"), store.locked():
            store.note(event="begin")
        assert not outside.exists()
        (store.folder / name).unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of two users")
def test_root_keeps_no_journal_in_a_folder_of_another(store, tmp_path):
    os.chown(tmp_path, 65533, 65533)
    with pytest.raises(BmtickError, match="user 65533"), store.locked():
        pass
    assert list(tmp_path.iterdir()) == []
