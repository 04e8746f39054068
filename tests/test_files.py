"""The leaf that writes files: nothing is followed, appended to or replaced that another planted."""

import os
import stat

import pytest

from bmtick import state_folders
from bmtick.files import Folder, take_over, write_output
from bmtick.state_folders import admin_folder, incidents_folder

OTHER = 65533  # a user without a name
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of two users")


def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def outside(tmp_path):
    path = tmp_path / "outside"
    path.mkdir()
    (path / "passwd").write_bytes(b"root\n")
    return path


@pytest.fixture
def theirs(tmp_path):
    path = tmp_path / "theirs"
    path.mkdir(mode=0o700)
    os.chown(path, OTHER, OTHER)
    return path


def test_a_new_file_is_for_its_owner_alone_and_whole(tmp_path):
    with Folder(tmp_path / "new" / "state", create=True, private=True) as folder:
        folder.replace("a", b"one")
        folder.replace("a", b"two")
        folder.append("log", b"1\n")
        folder.append("log", b"2\n")
        assert folder.names() == ["a", "log"]
        assert (folder.read("a"), folder.read("log")) == (b"two", b"1\n2\n")
        modes = {stat.S_IMODE(folder.info(name).st_mode) for name in folder.names()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "new/state").stat().st_mode) == 0o700


def test_a_file_that_is_there_is_not_created_over(tmp_path):
    (tmp_path / "a").write_text("there")
    with Folder(tmp_path) as folder:
        with pytest.raises(FileExistsError):
            folder.create("a", b"x")
        folder.create_anew("a", b"y")
        assert folder.read("a") == b"y"


@pytest.mark.parametrize("name", ["../a", "b/c", "", ".", ".."])
def test_a_name_leads_nowhere_else(tmp_path, name):
    with Folder(tmp_path) as folder, pytest.raises(OSError, match="no name of a file"):
        folder.create(name)


def test_a_link_is_not_followed(tmp_path, outside):
    (tmp_path / "link").symlink_to(outside / "passwd")
    (tmp_path / "nowhere").symlink_to(outside / "new")
    with Folder(tmp_path) as folder:
        for work in (
            lambda name: folder.append(name, b"evil\n"),
            lambda name: folder.create(name, b"evil"),
            lambda name: folder.create_anew(name, b"evil"),
            folder.lock,
            folder.read,
        ):
            for name in ("link", "nowhere"):
                with pytest.raises(OSError):
                    work(name)
        folder.replace("link", b"mine")
    assert contents(outside) == {"passwd": b"root\n"}
    assert (tmp_path / "link").read_bytes() == b"mine"


def test_what_is_no_plain_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with Folder(tmp_path) as folder:
        for name in ("pipe", "folder"):
            with pytest.raises(OSError):
                folder.read(name)
            with pytest.raises(OSError):
                folder.append(name, b"x")


def test_a_file_that_is_too_long_is_not_read_whole(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 11)
    with Folder(tmp_path) as folder:
        assert len(folder.read("a", 11)) == 11
        with pytest.raises(OSError, match="longer than 10 bytes"):
            folder.read("a", 10)


def test_a_lock_is_held_once(tmp_path):
    with Folder(tmp_path) as folder:
        held = folder.lock("lock")
        assert folder.locked("lock")
        with pytest.raises(BlockingIOError):
            folder.lock("lock")
        os.close(held)
        assert not folder.locked("lock")


def test_a_folder_that_is_renamed_meanwhile_is_still_the_same(tmp_path, outside):
    (tmp_path / "state").mkdir()
    with Folder(tmp_path / "state") as folder:
        (tmp_path / "state").rename(tmp_path / "moved")
        (tmp_path / "state").symlink_to(outside)
        folder.create("secret", b"x")
    assert contents(outside) == {"passwd": b"root\n"}
    assert (tmp_path / "moved/secret").exists()


@AS_ROOT
def test_root_keeps_nothing_private_in_a_folder_of_another(theirs):
    for path in (theirs, theirs / "deploy"):
        with pytest.raises(PermissionError):
            Folder(path, create=True, private=True)
    (theirs / "deploy").mkdir()
    with pytest.raises(PermissionError, match="can change what is in"):
        Folder(theirs / "deploy", private=True)
    with pytest.raises(PermissionError, match="could exchange it"):
        Folder(theirs / "deploy")


@AS_ROOT
@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_root_keeps_nothing_private_where_others_may_write(tmp_path, mode):
    folder = tmp_path / "open"
    folder.mkdir()
    os.chown(folder, 0, OTHER)
    folder.chmod(mode)
    with pytest.raises(PermissionError, match="others can change"):
        Folder(folder, private=True)


@AS_ROOT
def test_root_does_not_follow_a_link_of_another(theirs, outside):
    (theirs / "sub").symlink_to(outside)
    os.chown(theirs / "sub", OTHER, OTHER, follow_symlinks=False)
    with pytest.raises(PermissionError, match="a link that another user could have made"):
        Folder(theirs / "sub")
    (theirs / "page.html").symlink_to(outside / "passwd")
    with pytest.raises(PermissionError, match="a link that another user could have made"):
        write_output(theirs / "page.html", "evil")
    assert contents(outside) == {"passwd": b"root\n"}


@AS_ROOT
def test_a_link_of_root_is_followed(tmp_path, outside):
    (tmp_path / "way").symlink_to(outside)
    with Folder(tmp_path / "way") as folder:
        assert folder.read("passwd") == b"root\n"
    (tmp_path / "file").symlink_to("outside/passwd")
    write_output(tmp_path / "file", "new")
    assert (tmp_path / "file").is_symlink()
    assert contents(outside) == {"passwd": b"new"}


@AS_ROOT
def test_what_root_creates_in_a_shared_folder_belongs_to_its_owner(theirs):
    with Folder(theirs) as folder:
        folder.replace("collect.state", b"x")
        os.close(folder.lock("collect.state.lock"))
    owners = {path.name: path.stat().st_uid for path in theirs.iterdir()}
    assert owners == {"collect.state": OTHER, "collect.state.lock": OTHER}


@AS_ROOT
def test_root_uses_no_file_of_a_third_user_and_none_with_two_names(theirs, outside):
    (theirs / "third").write_text("x")
    os.chown(theirs / "third", OTHER - 1, OTHER)
    os.link(outside / "passwd", theirs / "history")
    with Folder(theirs) as folder:
        for name in ("third", "history"):
            with pytest.raises(PermissionError, match="root does not use it"):
                folder.append(name, b"evil")
    assert contents(outside) == {"passwd": b"root\n"}


def test_an_output_keeps_its_mode_and_is_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.tick"
    path.write_text("old")
    path.chmod(0o640)
    write_output(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o640)
    monkeypatch.setattr(os, "fsync", lambda _fd: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        write_output(path, "newer")
    assert contents(tmp_path) == {"a.tick": b"new"}


def test_an_output_may_be_no_plain_file(tmp_path):
    write_output("/dev/null", "x")
    with pytest.raises(IsADirectoryError):
        write_output(tmp_path, "x")


def test_what_root_had_in_the_collectors_folder_is_taken_over(tmp_path, monkeypatch):
    service, admin = tmp_path / "bmtick", tmp_path / "bmtick-admin"
    monkeypatch.setattr(state_folders, "SERVICE_FOLDER", service)
    monkeypatch.setattr(state_folders, "ADMIN_FOLDER", admin)
    (service / "deploy/k/history").mkdir(parents=True)
    (service / "deploy/k/history/0001.json").write_text("{}")
    (service / "incidents").mkdir()
    (service / "incidents/audit.jsonl").write_text("{}\n")
    assert admin_folder() == (admin, "")
    assert incidents_folder(str(service / "collect.state")) == admin / "incidents"
    assert set(contents(admin)) == {"deploy/k/history/0001.json", "incidents/audit.jsonl"}
    assert contents(service) == {}
    assert admin_folder() == (admin, "")  # a second time there is nothing to do


@AS_ROOT
def test_what_another_planted_is_not_taken_over(tmp_path, theirs, outside):
    (theirs / "deploy").mkdir()
    os.chown(theirs / "deploy", OTHER, OTHER)
    (theirs / "incidents").symlink_to(outside)
    for name in ("deploy", "incidents"):
        assert not take_over(theirs / name, tmp_path / name)
        assert not os.path.lexists(tmp_path / name)


def test_a_wish_and_a_plain_user(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    monkeypatch.setattr(state_folders, "SERVICE_FOLDER", tmp_path / "none")
    folder, notice = admin_folder("", home=tmp_path)
    assert folder == tmp_path / ".local/state/bmtick"
    assert "cannot be written" in notice
    assert admin_folder("/x") == (state_folders.Path("/x"), "")
