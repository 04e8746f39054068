"""When each alert fires: recorded from a real Kapacitor, repeated there and in the engine."""

import pytest

from bmtick.alerts import catalogue
from tests.alerts import in_engine, on_kapacitor
from tests.alerts.firing import cases

CASES = {case.name: case for case in cases()}


def test_every_alert_has_a_case_that_fires():
    assert {case.alert for case in CASES.values() if case.expected} == set(catalogue())


@pytest.mark.parametrize("form", ["script", "template"])
@pytest.mark.parametrize("name", CASES)
def test_engine_says_what_kapacitor_said(name, form):
    case = CASES[name]
    assert sorted(in_engine.run(case, form)) == sorted(case.expected), case.what


@pytest.fixture(scope="module")
def on_server(kapacitor, tmp_path_factory):
    """What the real server says to all cases, all at once, in both forms."""
    folder = tmp_path_factory.mktemp("events")
    return {
        form: on_kapacitor.run_all(kapacitor, list(CASES.values()), form, folder)
        for form in ("script", "template")
    }


@pytest.mark.parametrize("form", ["script", "template"])
@pytest.mark.parametrize("name", CASES)
def test_kapacitor_says_what_was_recorded(on_server, name, form):
    case = CASES[name]
    assert sorted(on_server[form][name]) == sorted(case.expected), case.what
