"""Records what a real Kapacitor says to the cases in ``tests/engine/cases``.

    KAPACITORD=/path/to/kapacitord python -m tests.engine.record [CASE...]

A case is a folder with ``script.tick``, ``points.lp`` and, if need be, ``vars.json``; a file
``paced`` says that its points are written one by one, a file ``live`` that their times are moved so
that the first lies as long before now as the file says. This writes
``expected.jsonl`` (alert events as Kapacitor's log handler writes them) and ``http.json`` (the
content of each httpOut endpoint), or ``refused.txt`` with Kapacitor's words.

A batch case in ``tests/engine/batch_cases`` is a folder with a ``script.tick`` over the one
``points.lp`` of all of them; this writes the recording of its queries' answers (``answers.brpl``)
and ``expected.jsonl``.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from bmtick.durations import SECOND, parse_duration
from tests.engine.live import batches_on_kapacitor, on_kapacitor, shifted
from tests.support import servers

CASES = Path(__file__).parent / "cases"
BATCH_CASES = Path(__file__).parent / "batch_cases"
BATCH_DATABASE = "case"


def read_case(folder):
    """Return script, lines and vars of a case."""
    given = folder / "vars.json"
    return (
        (folder / "script.tick").read_text(),
        (folder / "points.lp").read_text().splitlines(),
        json.loads(given.read_text()) if given.exists() else None,
    )


def brought_to_now(lines, age):
    """Return lines with later times, and by how many seconds they are later."""
    times = [int(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")]
    offset = int(time.time()) - parse_duration(age) // SECOND - times[0] // SECOND
    moved = []
    for line in lines:
        head, _, at = line.rpartition(" ")
        moved.append(line if line.startswith("#") else f"{head} {int(at) + offset * SECOND}")
    return moved, offset


def record(server, folder, scratch):
    """Run one case on the server and write what it says."""
    script, lines, variables = read_case(folder)
    offset = 0
    if (folder / "live").exists():
        lines, offset = brought_to_now(lines, (folder / "live").read_text().strip())
    outcome = on_kapacitor(
        server,
        script,
        lines,
        name=folder.name,
        folder=scratch,
        variables=variables,
        paced=(folder / "paced").exists(),
    )
    for name in ("expected.jsonl", "http.json", "refused.txt"):
        (folder / name).unlink(missing_ok=True)
    if outcome.problem:
        (folder / "refused.txt").write_text(outcome.problem + "\n")
        return f"refused: {outcome.problem}"
    if offset:
        outcome.events = shifted(outcome.events, -offset)
        outcome.outputs = shifted(outcome.outputs, -offset)
    events = "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in outcome.events)
    (folder / "expected.jsonl").write_text(events)
    text = json.dumps(outcome.outputs, indent=1, ensure_ascii=False)
    (folder / "http.json").write_text(text + "\n")
    return f"{len(outcome.events)} events, {len(outcome.outputs)} endpoints"


def record_batch(server, folder, scratch):
    """Run one batch case: its queries on InfluxDB, then the recording of their answers."""
    server.influx.execute(f'DROP DATABASE "{BATCH_DATABASE}"')
    server.influx.execute(f'CREATE DATABASE "{BATCH_DATABASE}"')
    lines = (BATCH_CASES / "points.lp").read_text().splitlines()
    server.influx.write(lines, db=BATCH_DATABASE)
    recording, outcome = batches_on_kapacitor(
        server,
        (folder / "script.tick").read_text(),
        name=folder.name,
        folder=scratch,
        db=BATCH_DATABASE,
        **span_of(lines),
    )
    (folder / "answers.brpl").write_bytes(recording)
    events = "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in outcome.events)
    (folder / "expected.jsonl").write_text(events)
    return outcome.problem or f"{len(outcome.events)} events"


def span_of(lines):
    """Return when the server of a batch case starts and stops, in seconds."""
    times = [int(line.rpartition(" ")[2]) // SECOND for line in lines]
    return {"begin": min(times) // 60 * 60, "end": max(times) + 60}


def main(names):
    """Record the named cases, or all."""
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        with (
            servers.influxdb(scratch / "influxdb") as influx,
            servers.kapacitor(scratch / "kapacitor", influx) as server,
        ):
            for cases, one in ((CASES, record), (BATCH_CASES, record_batch)):
                for folder in sorted(f for f in cases.iterdir() if f.is_dir()):
                    if not names or folder.name in names:
                        sys.stdout.write(f"{folder.name}: {one(server, folder, scratch)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
