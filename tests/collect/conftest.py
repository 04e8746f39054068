"""What each test of the collector has of its own: no settings, and no guard, of this machine."""

import pytest


@pytest.fixture(autouse=True)
def _own_settings(tmp_path_factory, monkeypatch):
    settings = tmp_path_factory.getbasetemp() / "collect.toml"
    settings.write_text('[guard]\npoints = ""\n')
    monkeypatch.setenv("BMTICK_CONFIG", str(settings))
