"""docs/metrics.md names every measurement, tag and field that the collector writes."""

import re

import pytest

from bmtick import names
from tests.docs.blocks import ROOT

WORDS = set(re.findall(r"\w+", (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")))
OURS = sorted(set(names.FIELDS) - {names.YSNP_AUTH})


@pytest.mark.parametrize("measurement", OURS)
def test_the_page_names_it(measurement):
    wanted = {measurement, *names.TAGS[measurement], *names.FIELDS[measurement]}
    assert not wanted - WORDS
