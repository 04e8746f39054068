"""Records what a real Kapacitor says to every firing case: python -m tests.alerts.record.

Look at the difference before committing it: it is the proof of what the alerts do.
"""

import re
import tempfile
from pathlib import Path

from tests.alerts.firing import FOLDER, cases
from tests.alerts.on_kapacitor import run_all
from tests.support import servers


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as name,
        servers.influxdb(Path(name) / "influxdb") as influx,
        servers.kapacitor(Path(name) / "kapacitor", influx, subscriptions=False) as server,
    ):
        found = run_all(server, cases(), ("script",), Path(name))
    for (case, _), events in found.items():
        path = FOLDER / f"{case}.toml"
        text = re.sub(r"(?s)\nexpected = \[.*?\n\]\n|\nexpected = \[\]\n", "\n", path.read_text())
        lines = "".join(f"  '''{event}''',\n" for event in events)
        expected = f"expected = [\n{lines}]\n" if lines else "expected = []\n"
        head, rest = text.split("\n[set]\n")
        path.write_text(f"{head.rstrip()}\n{expected}\n[set]\n{rest}")


if __name__ == "__main__":
    main()
