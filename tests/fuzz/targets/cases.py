"""Test cases for alerts: a case that is run and judged, or a refusal that names the file."""

import tempfile
from pathlib import Path

from bmtick.testing.inputs import points_of
from bmtick.testing.load import load_cases

SEEDS = ["tests/testing/cases/*.toml", "templates/*/cases/*.toml"]


def fuzz(data: bytes) -> None:
    """Load the cases of a file and make their points."""
    with tempfile.TemporaryDirectory(prefix="bmtick-fuzz-") as name:
        path = Path(name) / "x.toml"
        path.write_bytes(data)
        for case in load_cases(path):
            points_of(case)
