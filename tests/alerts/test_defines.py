"""Every alert, in every form and language, starts on a real Kapacitor, which formats it alike."""

from itertools import product

import pytest

from bmtick.alerts import FORMS, catalogue, find, render
from bmtick.tick.checker import check
from tests.alerts.on_kapacitor import define
from tests.alerts.test_rule import FITS

LANGUAGES = ("en", "fr", "de")
EVERYTHING = {
    "crit": 9,
    "warn": 1,
    "reset": 1,
    "where": {"host": ["it's", "b\\", 'c"d', "é{{.}}"]},
    "unless": {"datalocation": "old_one"},
    "active_hours": ["08:00-12:00", "13:30-18:00", "22-06"],
    "active_days": ["mon-fri", "sun"],
    "maintenance": ["sat 22:00-02:00", "2026-12-24T18:00+01:00/2026-12-25T06:00+01:00"],
    "sigma": 2.5,
    "recipients": ["o'brien@example.org", "{{x}}@example.org"],
    "remind_every": "90m",
}


def variants(name):
    """Values for each form that the alert fits."""
    known = set(find(name).parameters)
    full = {k: v for k, v in EVERYTHING.items() if k in known}
    for form, language in product(FORMS, LANGUAGES):
        if form != "rule":
            yield form, {"language": language}
            yield form, {**full, "language": language}
        elif name in FITS:
            yield form, {**FITS[name], "language": language}


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_starts(kapacitor, name):
    for form, values in variants(name):
        rendered = render(find(name), values, form=form)
        # an info says that a template's vars have no value yet
        assert [str(f) for f in check(rendered.script) if f.severity != "info"] == []
        define(kapacitor, f"defines-{name}", rendered)
        task = kapacitor.get(f"/tasks/defines-{name}")
        assert task["executing"], task["error"]
        assert task["script"] == rendered.script
        kapacitor.delete(f"defines-{name}")
