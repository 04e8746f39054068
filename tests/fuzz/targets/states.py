"""Files that keep a state: read whole, or told to be damaged; never half taken up."""

import json
import tempfile
from pathlib import Path

from bmtick.collect.options import Options
from bmtick.collect.session import Session
from bmtick.collect.state import decode, encode
from bmtick.deploy.model import TaskDefinition
from bmtick.deploy.store import Store
from bmtick.engine import load_task
from bmtick.errors import BmtickError
from bmtick.incident.response.copies import load
from bmtick.incident.response.journal import Journal, held_by_bmtick
from bmtick.points import Point
from bmtick.watch.history import read_history
from bmtick.watch.silences import Silence, SilenceFile
from bmtick.watch.status import read_watch


def seeds():
    """Return a state of each kind, as it is written."""
    session = Session(["/var/log/mail.log"], Options(now=1_780_000_000.0), lambda _: None)
    session.sources["/var/log/mail.log"].scanner.feed(_LOG)
    yield json.dumps(session.dump())
    yield encode(session.dump(), b"m v=1i 1\n", 7).decode()
    task = load_task(_SCRIPT, file="x.tick", name="x")
    for second in range(60):
        time = (1_780_000_000 + second) * 10**9
        task.advance(time)
        task.feed(Point("m", {"host": "a"}, {"value": 1.0}, time))
    yield json.dumps(task.snapshot())
    with tempfile.TemporaryDirectory(prefix="bmtick-fuzz-") as name:
        store = Store(Path(name), "http://127.0.0.1:9092")
        task = TaskDefinition("bmtick-x", "stream", (("telegraf", "autogen"),), {})
        with store.locked():
            store.record({"bmtick-x": task}, {}, created_at={"bmtick-x": "now"}, cause="apply")
            store.note(step="create", id="bmtick-x")
        yield (store.folder / "history/0001.json").read_text("utf-8")
        yield (store.folder / "journal.jsonl").read_text("utf-8")
        file = SilenceFile(f"{name}/watch.state")
        with file.change(0) as known:
            known.append(
                Silence(id="a", alert="*", where={}, begin=1, until=2, reason="", author="")
            )
        yield file.path.read_text("utf-8")
        journal = Journal(Path(name))
        journal.write("0a", "user a", "hold", "end", ids=["3F1A2B"], folder="")
        journal.begin("user a", "hold", {"3F1A2B": 1_780_000_000})
        yield journal.path.read_text("utf-8")
    yield '{"alert":"a","time":"2026-01-01T00:00:00Z","level":"OK","message":"","handlers":[]}\n'
    yield json.dumps({"tasks": {"tasks": {"bmtick-a": {"last": {"x": ["OK", 1, "m"]}}}}})
    yield json.dumps({"sender": "a@b", "recipients": ["c@d"], "restored": ""})


_LOG = b"""
Jun  1 10:00:00 mx postfix/smtpd[1]: 3F1A2B: client=h[192.0.2.1], sasl_method=LOGIN, sasl_username=a
Jun  1 10:00:01 mx postfix/qmgr[1]: 3F1A2B: from=<a@b>, size=9, nrcpt=2 (queue active)
Jun  1 10:00:09 mx postfix/smtpd[1]: 3F1A2C: client=h[192.0.2.1], sasl_method=LOGIN, sasl_username=b"""

_SCRIPT = """
stream|from().measurement('m').groupBy('host')
    |window().period(1m).every(10s)
    |count('value')
    |alert().crit(lambda: "count" > 3).id('x').message('m').log('/tmp/x')
"""


def fuzz(data: bytes) -> None:
    """Take the bytes for each kind of state in turn."""
    _collector(data)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        content = None
    if content is not None:
        _collector(encode(content, b"", 0))
        task = load_task(_SCRIPT, file="x.tick", name="x")
        _refused_or_done(lambda: task.restore(content))
    with tempfile.TemporaryDirectory(prefix="bmtick-fuzz-") as name:
        _files(Path(name), data)


def _collector(raw: bytes) -> None:
    try:
        kept = decode(raw)
    except ValueError as error:
        assert str(error)
        return
    session = Session(["/var/log/mail.log"], Options(), lambda _: None)
    try:
        session.restore(kept.state)
    except ValueError as error:
        assert str(error)  # documented: a whole file of something else


def _refused_or_done(act) -> None:
    try:
        act()
    except BmtickError as error:
        str(error)


def _framed(data: bytes) -> bytes:
    try:
        return encode(json.loads(data), b"", 0)
    except (ValueError, RecursionError):
        return b""


def _files(folder: Path, data: bytes) -> None:
    store = Store(folder, "http://127.0.0.1:9092")
    history = store.folder / "history"
    history.mkdir(parents=True)
    (history / "0001.json").write_bytes(data)
    (store.folder / "journal.jsonl").write_bytes(data)
    _refused_or_done(store.interrupted)
    _refused_or_done(lambda: store.known({"bmtick-x": "now"}))
    (folder / "watch.state.silences").write_bytes(data)
    (folder / "watch.state.history").write_bytes(data)
    _refused_or_done(SilenceFile(f"{folder}/watch.state").read)
    _refused_or_done(
        lambda: [str(e["alert"]) for e in read_history(f"{folder}/watch.state.history")]
    )
    for raw in (data, _framed(data)):
        (folder / "watch.state").write_bytes(raw)
        _refused_or_done(lambda: read_watch(f"{folder}/watch.state", [], 0))
    (folder / "audit.jsonl").write_bytes(data)
    _refused_or_done(lambda: held_by_bmtick(Journal(folder).operations()))
    (folder / "3F1A2B.json").write_bytes(data)
    _refused_or_done(lambda: str(load(folder, "3F1A2B").restored))
