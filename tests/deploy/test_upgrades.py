"""What earlier versions wrote: histories that can be rolled back to, settings that mean the same.

Each folder is named after the commit that wrote it: ``bmtick init`` the settings, two runs of
``apply`` the history, with 200 and with 300 as threshold.
"""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick.alerts import desired
from bmtick.cli.root import cli
from bmtick.deploy.store import Store
from bmtick.settings import load
from tests.support.fake_kapacitor import fake_kapacitor

FOLDER = Path(__file__).parent / "upgrades"
VERSIONS = sorted(path.name for path in FOLDER.iterdir())
SETTINGS = """
[kapacitor]
url = "{url}"
[influxdb]
url = "http://127.0.0.1:9"
[notify]
recipients = ["a@example.org"]
[alerts.postfix_queue]
crit = 400
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_history_is_rolled_back_to_and_never_written_over(version, tmp_path):
    with fake_kapacitor() as fake:
        store = Store(tmp_path / "state", fake.url)
        history = store.folder / "history"
        history.mkdir(parents=True, mode=0o700)
        for path in (FOLDER / version).glob("*.json"):
            shutil.copy(path, history / path.name)
        before = {path.name: path.read_bytes() for path in history.iterdir()}
        (tmp_path / "bmtick.toml").write_text(SETTINGS.format(url=fake.url))

        def run(*arguments):
            given = ["--config", str(tmp_path / "bmtick.toml"), "--state-dir", f"{tmp_path}/state"]
            result = CliRunner().invoke(cli, [*arguments, "--yes", *given])
            assert result.exit_code == 0, result.output

        assert [revision.number for revision in store.revisions()] == [1, 2]
        assert store.unreadable() == []
        run("apply", "--force", "--wait", "0s")
        assert "var crit = 400" in fake.tasks["bmtick-postfix_queue"]["script"]
        run("rollback", "2")
        assert "var crit = 200" in fake.tasks["bmtick-postfix_queue"]["script"]
        assert {name: (history / name).read_bytes() for name in before} == before
        assert [revision.number for revision in store.revisions()] == [1, 2, 3, 4]


@pytest.mark.parametrize("version", VERSIONS)
def test_settings_that_an_earlier_init_wrote_are_read(version):
    settings = load(str(FOLDER / version / "bmtick.toml"))
    assert {"postfix_queue", "collector_silent"} <= {alert.name for alert in desired(settings)}
