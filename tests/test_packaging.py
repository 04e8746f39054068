"""The Debian package's own scripts."""

import subprocess
from pathlib import Path

import pytest

POSTRM = Path(__file__).parents[1] / "packaging/debian/bmtick.postrm"


def purged(root):
    return subprocess.run(
        ["sh", POSTRM, "purge"],
        env={"DPKG_ROOT": str(root), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stderr


def fill(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def left(root):
    return sorted(
        str(p.relative_to(root)) for p in root.rglob("*") if p.is_symlink() or not p.is_dir()
    )


@pytest.mark.parametrize("place", ["bmtick-admin", "bmtick", "private/bmtick"])
def test_purge_leaves_the_only_copies_of_mail(tmp_path, place):
    lib = tmp_path / "var/lib"
    copy = "incidents/20260101T000000Z-admin/4abc.eml"
    fill(lib / place, copy, "incidents/audit.jsonl", "deploy/k/history/0001.json", "watch.state")
    if place.startswith("private"):
        (lib / "bmtick").symlink_to("private/bmtick")
    fill(tmp_path / "etc/bmtick", "bmtick.toml")
    said = purged(tmp_path)
    assert f"{place}/incidents holds the only copies of deleted mail" in said
    link = ["var/lib/bmtick"] if place.startswith("private") else []
    kept = [f"var/lib/{place}/{name}" for name in (copy, "incidents/audit.jsonl")]
    assert left(tmp_path) == sorted(link + kept)


def test_purge_removes_all_else(tmp_path):
    for place in ("bmtick", "bmtick-admin"):
        fill(tmp_path / "var/lib" / place, "incidents/audit.jsonl", "collect.state")
    assert purged(tmp_path) == ""
    assert list((tmp_path / "var/lib").iterdir()) == []
