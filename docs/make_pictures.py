"""Make the README's picture from the real program: ``make pictures`` (needs Debian's chromium)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLE = "examples/outbreak"  # below ROOT: the picture names the file
_QUIET = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def main() -> int:
    """Write ``docs/report.png``: what ``bmtick report`` makes of the shipped outbreak."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not chromium:
        print("no chromium here: apt-get install chromium", file=sys.stderr)  # noqa: T201
        return 2
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        program = [sys.executable, "-m", "bmtick", "report", "-o", str(page)]
        queue = ["--points", f"{EXAMPLE}/queue.lp"]
        subprocess.run([*program, "--log", f"{EXAMPLE}/mail.log", *queue], check=True, cwd=ROOT)
        picture = f"--screenshot={ROOT / 'docs' / 'report.png'}"
        profile = f"--user-data-dir={folder}/profile"
        size = ("--window-size=1200,1500", "--virtual-time-budget=8000")
        browser = [chromium, "--headless", "--no-sandbox", *_QUIET, profile, *size, picture]
        subprocess.run([*browser, page.as_uri()], check=True, stderr=subprocess.DEVNULL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
