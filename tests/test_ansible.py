"""The Ansible role: its syntax, and a dry run on this machine that changes nothing."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "packaging/ansible"
PLAYBOOK = """
- hosts: all
  gather_facts: true
  roles:
    - role: bmtick
      bmtick_settings: "{{ lookup('file', 'FOLDER/bmtick.toml') }}"
      bmtick_venv: "VENV"
      bmtick_services: false
      bmtick_collector: true
      bmtick_alerts: true
      bmtick_guard: true
      bmtick_watch: true
"""


def playbook(tmp_path, *arguments):
    program = os.environ.get("ANSIBLE_PLAYBOOK") or shutil.which("ansible-playbook")
    if program is None:
        pytest.skip("no ansible-playbook: the role is not tried (pip install ansible-core)")
    return subprocess.run(
        [
            program,
            "-i",
            "mail,metrics,",
            "-e",
            f"ansible_python_interpreter={sys.executable}",
            *arguments,
        ],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "LANG": "C.UTF-8",
            "ANSIBLE_ROLES_PATH": str(FOLDER / "roles"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
            "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_example_is_a_playbook(tmp_path):
    done = playbook(tmp_path, "--syntax-check", str(FOLDER / "site.yml"))
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="a dry run of the role needs root")
def test_a_dry_run_plans_each_part_and_changes_nothing(tmp_path):
    """As on a new server: nothing is installed yet."""
    venv, book = tmp_path / "venv", tmp_path / "book.yml"
    book.write_text(PLAYBOOK.replace("FOLDER", str(FOLDER)).replace("VENV", str(venv)))
    before = Path("/etc/bmtick").exists(), Path("/usr/local/bin/bmtick").exists()
    done = playbook(tmp_path, "--check", "-c", "local", "-l", "mail", str(book))
    assert done.returncode == 0, done.stdout + done.stderr
    changed = set(re.findall(r"^TASK \[(.*?)\].*\nchanged: \[mail\]", done.stdout, re.MULTILINE))
    assert {
        "bmtick : Install by pip",
        "bmtick : Write the settings",
        "bmtick : Make the folder of the collector's state",
    } <= changed
    assert not venv.exists()
    assert before == (Path("/etc/bmtick").exists(), Path("/usr/local/bin/bmtick").exists())
