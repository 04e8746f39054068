"""A script that cannot be written stays as it was, and the command says why."""

import errno
import os

import pytest
from click.testing import CliRunner

from bmtick.cli.root import cli

SCRIPT = "stream|from()\n"


@pytest.mark.parametrize("call", ["fsync", "fchown", "write", "rename"])
def test_a_disk_that_is_full_leaves_the_script_as_it_was(tmp_path, monkeypatch, call):
    script = tmp_path / "x.tick"
    script.write_text(SCRIPT)
    script.chmod(0o640)
    if call == "fchown":
        if os.geteuid() != 0:
            pytest.skip("only root's files change hands")
        os.chown(script, 1, 1)

    def full(*_arguments, **_options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(f"bmtick.files.os.{call}", full)
    result = CliRunner().invoke(cli, ["fmt", "--write", str(script)])
    assert result.exit_code == 2
    assert f"{script}: error: " in result.stderr
    assert "No space left on device" in result.stderr
    assert script.read_text() == SCRIPT
    assert [path.name for path in tmp_path.iterdir()] == ["x.tick"]
