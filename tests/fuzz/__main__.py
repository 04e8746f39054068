"""``python -m tests.fuzz [TARGET]... [--seconds N]``: the targets, guided by coverage.

Each target runs in a process of its own, one after the other. An input that breaks one is kept in
``build/fuzz/crashes`` and the exit status is 1. Needs atheris: ``pip install 'bmtick[fuzz]'``.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.fuzz import harness, mutations

_BUILD = Path("build/fuzz")
_SECONDS_PER_INPUT = 60


def main() -> int:
    """Run some targets, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(harness.names()))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    options = parser.parse_args()
    for name in options.targets:
        if name not in harness.names():
            parser.error(f"no target '{name}': {', '.join(harness.names())}")
    broken = [n for n in options.targets or harness.names() if _run(n, options.seconds)]
    if broken:
        print(f"broken: {', '.join(broken)}")
    return 1 if broken else 0


def _run(name: str, seconds: int) -> bool:
    """Run one target; return whether an input broke it."""
    found, crashes = _BUILD / "found" / name, _BUILD / "crashes"
    for folder in (found, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(harness.seeds(name)):
        (found / f"seed-{number:04}").write_bytes(data)
    words = _BUILD / f"{name}.words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in mutations.HOSTILE if word))
    before = set(crashes.iterdir())
    command = [
        sys.executable, "-m", "tests.fuzz.atheris_one", name, str(found),
        f"-max_total_time={seconds}", f"-timeout={_SECONDS_PER_INPUT}",
        "-max_len=4096", "-rss_limit_mb=2048", f"-dict={words}", "-print_final_stats=1",
        f"-artifact_prefix={crashes}/{name}-",
    ]  # fmt: skip
    print(f"== {name}: {seconds} s", flush=True)
    status = subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": "."}).returncode
    for crash in sorted(set(crashes.iterdir()) - before):
        print(f"   keep it: cp {crash} {harness.CORPUS / name}/WHAT-IT-IS")
    return status != 0


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    if shutil.which("nice"):
        os.nice(19)
    sys.exit(main())
