"""The report: its numbers, its safety, and the page as a real browser shows it."""

import json
import re
import shutil
import struct
import subprocess
import zlib
from collections import Counter
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path

import pytest
from click.testing import CliRunner

from bmtick import languages
from bmtick.cli.root import cli
from bmtick.guard.holds import Journal as GuardJournal
from bmtick.guard.holds import hold_record, mail_record, release_record
from bmtick.guard.subject import Subject
from bmtick.incident.report.events import Series, episodes
from bmtick.incident.report.measured import queue_curve
from bmtick.incident.report.timeline import Timeline, slot_length
from bmtick.incident.response.journal import Journal
from bmtick.incident.traffic import Window
from bmtick.points import Point
from tests.incident.logwriter import DAY, HOUR, START, Log
from tests.support.servers import find_program

ROOT = Path(__file__).parents[2]
pytest.importorskip("plotly", reason="no plotly: pip install plotly")
EXAMPLE = Path(__file__).parents[2] / "examples" / "outbreak"
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>%{y}$<b>'\""


@pytest.fixture(autouse=True)
def no_postfix(monkeypatch, tmp_path):
    monkeypatch.setenv("MAIL_CONFIG", str(tmp_path))
    monkeypatch.delenv("BMTICK_CONFIG", raising=False)


def write(path, *arguments):
    result = CliRunner().invoke(cli, ["report", "-o", str(path), *arguments])
    assert result.exit_code == 0, result.output
    return path.read_text("utf-8")


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "incident.html"
    settings = path.with_name("bmtick.toml")
    trusted = json.loads((EXAMPLE / "truth.json").read_text())["mynetworks"]
    settings.write_text(f"[collect]\nknown_clients = {json.dumps(trusted)}\n")
    arguments = ["--log", str(EXAMPLE / "mail.log"), "--points", str(EXAMPLE / "queue.lp")]
    arguments += ["--no-influxdb", "--config", str(settings)]
    result = CliRunner().invoke(cli, ["report", "-o", str(path), "--since", "10m", *arguments])
    assert result.exit_code == 0, result.output
    return path


def plots(page):
    found = re.findall(r'data-plot="plot-(\w+)">(.*?)</script>', page)
    return {name: json.loads(data) for name, data in found}


def test_who_only_asks_for_an_address_is_not_in_the_queue(tmp_path):
    log = Path(__file__).parent / "queue_length" / "asked_only" / "mail.log"
    page = write(tmp_path / "r.html", "--log", str(log), "--no-influxdb")
    assert max(plots(page)["queue"]["data"][0]["y"]) == 1


def test_the_story_holds_what_was_done(tmp_path, monkeypatch):
    """By the journals of ``respond`` and of the guard, in the reader's language."""
    at = datetime(2026, 11, 24, 10, 0, 20, tzinfo=UTC)
    folder = tmp_path / "incidents"
    monkeypatch.setattr("bmtick.state_folders.incidents_folder", lambda _: folder)
    journal = Journal(folder, clock=lambda: at)
    done = journal.begin("user eve@example.org", "hold", {"A1": 1, "A2": 1})
    journal.write(done, "user eve@example.org", "hold", "end", ok=True, ids=["A1", "A2"])
    failed = journal.begin("user eve@example.org", "password", {})
    journal.write(failed, "user eve@example.org", "password", "end", ok=False, message="no")
    journal.begin("user eve@example.org", "delete", {"A1": 1})
    guard = GuardJournal(tmp_path / "guard")
    who, now = Subject("user", HOSTILE.lower()), at.timestamp()
    guard.append(
        [
            hold_record(who, now, "80 addresses", until=None, by="guard", mode="hold"),
            mail_record(who, ["B1", "B2", "B3"]),
            release_record(who, now + 10, now + 3600),
            hold_record(Subject("user", "x"), now, "so", until=None, by="guard", mode="observe"),
        ]
    )
    settings = tmp_path / "bmtick.toml"
    settings.write_text(f'language = "de"\n[guard]\nstate = "{guard.path}"\n')
    log = Path(__file__).parent / "queue_length" / "held_and_removed" / "mail.log"
    arguments = ["--log", str(log), "--no-influxdb", "--config", str(settings)]
    try:
        page = write(tmp_path / "r.html", *arguments)
    finally:
        languages.set_language("en")
    story = page[page.index("<ol>") : page.index("</ol>")]
    for text in (
        "wartende Mail von eve@example.org wird angehalten: 2 Nachrichten",
        "password für eve@example.org ist misslungen",
        "nach einer Kopie gelöscht: 0 Nachrichten (begonnen und abgebrochen)",
        ": 80 addresses",
        "wird freigegeben: 3 Nachrichten",
    ):
        assert text in story
    assert "von x" not in story, "mode observe holds nobody"
    assert "der Wächter hält die Mail von &lt;/script" in story
    assert story.index("der Wächter hält") < story.index("wird freigegeben")


def test_page_tells_the_story(example):
    assert "<h1>Mail on mail: what happened</h1>" in example.read_text(), "the log bears its name"
    page = example.read_text("utf-8")
    truth = json.loads((EXAMPLE / "truth.json").read_text())
    assert f"Behaves like a stolen account: {truth['stolen_account']}." in page
    assert f"Relays spam: {truth['rogue_relay']}." in page
    assert "203.0.113.66 begins to guess passwords: 36 failures" in page
    assert "the queue reaches 200 messages" in page
    assert example.stat().st_mode & 0o777 == 0o600


def test_plots_hold_the_counted_truth(example):
    truth = json.loads((EXAMPLE / "truth.json").read_text())
    shown = plots(example.read_text("utf-8"))
    assert set(shown) == {"queue", "deliveries", "senders", "users", "clients"}
    bars = shown["users"]["data"][0]
    names = shown["users"]["layout"]["yaxis"]["ticktext"]
    values = dict(zip(names, bars["x"], strict=True))
    expected = {user: facts["recipients"] for user, facts in truth["users"].items()}
    assert values == {name: expected[name] for name in names}
    outcomes = {t["name"]: sum(t["y"]) for t in shown["deliveries"]["data"]}
    assert outcomes["failed logins"] == sum(truth["failures"].values())


def test_a_log_younger_than_asked_for_is_shown_in_full_detail(example, tmp_path):
    """By default a week is shown: seven minutes of log must not shrink to one slot of it."""
    arguments = ["--log", str(EXAMPLE / "mail.log"), "--points", str(EXAMPLE / "queue.lp")]
    week = plots(write(tmp_path / "week.html", *arguments))
    minutes = plots(example.read_text("utf-8"))
    assert week["deliveries"]["data"] == minutes["deliveries"]["data"]
    assert len(week["deliveries"]["data"][0]["x"]) > 30


def test_no_request_can_leave_the_page(example):
    page = example.read_text("utf-8")
    assert "default-src 'none'" in page
    assert not re.search(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=", page)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    log = Log().ordinary(2)
    for number in range(200):
        log.mail(
            START + DAY + 18 * HOUR + number * 10,
            user=HOSTILE,
            client=f"203.0.{number % 90}.7",
            to=5,
            refused=3,
            blocked=2,
            removed=number % 4 == 0,
        )
    path = folder / "hostile.html"
    write(path, "--log", str(log.write(folder / "mail.log")), "--since", "1d", "--past", "7d")
    return path


def test_hostile_names_stay_text(hostile):
    page = hostile.read_text("utf-8")
    assert "<script>document.title" not in page
    assert "<img src=x" not in page
    assert "&lt;/script&gt;&lt;script&gt;document.title" in page
    labels = plots(page)["users"]["layout"]["yaxis"]["ticktext"]
    assert any(label.startswith("&lt;/script&gt;") for label in labels)


def test_queue_is_derived_from_the_log_and_says_so(hostile):
    page = hostile.read_text("utf-8")
    assert "Queue, as the log tells: messages that came and have not gone yet" in page
    assert max(plots(page)["queue"]["data"][0]["y"]) >= 150


def browser(page: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    chromium = find_program("chromium", "CHROMIUM")
    quiet = (
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--enable-logging=stderr",
        "--virtual-time-budget=4000",
        "--window-size=1000,2000",
    )
    return subprocess.run(
        [
            *(chromium, "--headless", "--no-sandbox", f"--user-data-dir={folder}", *quiet),
            *(*options, page.as_uri()),
        ],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=180,
        check=True,
    )


# What a reader does with the mouse: hover over the first bar, then say what is to be seen.
HOVER = """<script>
const target = document.getElementById("plot-users");
Plotly.Fx.hover(target, [{curveNumber: 0, pointNumber: target.data[0].x.length - 1}]);
setTimeout(() => {
  const seen = document.createElement("p");
  seen.id = "seen";
  seen.textContent = target.querySelector(".hoverlayer").textContent;
  document.body.append(seen);
}, 200);
</script></body>"""


def console(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_errors_of_a_page_are_noticed(tmp_path):
    """What the next test believes: that nothing is heard of a page means that nothing is wrong."""
    page = tmp_path / "page.html"
    page.write_text("<script>nonsense()</script>", "utf-8")
    assert "nonsense" in "".join(console(browser(page, tmp_path / "profile", "--dump-dom")))


@pytest.mark.parametrize("which", ["example", "hostile"])
def test_a_real_browser_draws_every_plot_and_hovers(which, request, tmp_path):
    original = request.getfixturevalue(which).read_text("utf-8")
    page = tmp_path / "page.html"
    page.write_text(original.replace("</body>", HOVER), "utf-8")
    done = browser(page, tmp_path / "profile", "--dump-dom")
    dom = done.stdout
    assert 'data-drawn="5"' in dom
    assert not re.search(r">[A-Z][a-z]{2} [0-9]+, 20[0-9]{2}<", dom), "an English date on an axis"
    assert re.search(r">20[0-9]{2}-[0-9]{2}-[0-9]{2}<", dom)
    assert dom.count('class="main-svg"') >= 10  # plotly: two layers and more for each plot
    assert re.search("<title>Mail on [a-z]+: what happened</title>", dom)
    assert not console(done)
    seen = re.search(r'<p id="seen">(.*?)</p>', dom, re.DOTALL)
    assert seen is not None
    assert "recipients" in seen[1]
    assert ("p.martin@example.org: 1,266" if which == "example" else "document.title") in seen[1]


def test_light_and_dark_are_seen_in_screenshots(example, tmp_path):
    pictures = {}
    for name, options in {
        "light": (),
        "dark": ("--blink-settings=preferredColorScheme=0",),
    }.items():
        target = tmp_path / f"{name}.png"
        browser(example, tmp_path / name, f"--screenshot={target}", *options)
        pictures[name] = colours(target)
    # The paper, and the alarm's red of bars and curves, each in its theme's own shade.
    for name, paper, alarm in (
        ("light", (255, 255, 255), (194, 38, 27)),
        ("dark", (20, 24, 31), (255, 122, 110)),
    ):
        counts = pictures[name]
        assert max(counts, key=counts.__getitem__) == paper
        assert counts.get(alarm, 0) > 1000


def colours(path):
    """Count the colours of an 8-bit PNG without interlacing, as Chromium writes it."""
    data = path.read_bytes()
    at, packed, width, channels = 8, b"", 0, 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        if kind == b"IHDR":
            width, _, depth, colour = struct.unpack(">IIBB", body[:10])
            assert depth == 8
            channels = {2: 3, 6: 4}[colour]
        elif kind == b"IDAT":
            packed += body
        at += 12 + size
    raw = zlib.decompress(packed)
    stride = width * channels
    previous = bytearray(stride)
    counts: Counter[tuple[int, ...]] = Counter()
    pixels = struct.Struct("3B" + "x" * (channels - 3))
    for start in range(0, len(raw), stride + 1):
        row = unfiltered(
            raw[start], bytearray(raw[start + 1 : start + 1 + stride]), previous, channels
        )
        counts.update(pixels.iter_unpack(row))
        previous = row
    return counts


def unfiltered(kind, row, above, step):
    if kind == 1:
        for channel in range(step):
            row[channel::step] = bytes(v & 255 for v in accumulate(row[channel::step]))
    elif kind == 2:
        row[:] = bytes((a + b) & 255 for a, b in zip(row, above, strict=True))
    elif kind > 2:
        averaged_or_guessed(kind, row, above, step)
    return row


def averaged_or_guessed(kind, row, above, step):
    for i in range(len(row)):
        left = row[i - step] if i >= step else 0
        up = above[i]
        corner = above[i - step] if i >= step else 0
        if kind == 3:
            row[i] = (row[i] + (left + up) // 2) & 255
        else:
            guess = left + up - corner
            nearest = min((left, up, corner), key=lambda v: abs(guess - v))
            row[i] = (row[i] + nearest) & 255


def test_episodes():
    curve = Series([0, 10, 20, 30, 40, 50], [1, 200, 300, 199, 250, 250], "x")
    found = [(e.begin, e.end, e.peak, e.over) for e in episodes(curve, 200)]
    assert found == [(10, 30, 300, True), (40, 50, 250, False)]


def test_series_of_one_host_do_not_share_times():
    second = 1_000_000_000
    points = [
        Point("postfix_queue", {"queue": "active"}, {"length": 5}, 1000 * second),
        Point("postfix_queue", {"queue": "deferred"}, {"length": 7}, 1003 * second),
        Point("postfix_queue", {"queue": "active"}, {"length": 6}, 1010 * second),
        Point("postfix_queue", {"queue": "deferred"}, {"length": 90}, 1090 * second),
        Point("other", {}, {"length": 1000}, 1090 * second),
    ]
    curve = queue_curve(points, 1000, 1100, "x")
    assert curve is not None
    assert dict(zip(curve.times, curve.lengths, strict=True)) == {
        1000: 12,
        1010: 13,
        1020: 13,
        1030: 13,
        1040: 6,
        1050: 0,
        1060: 0,
        1070: 0,
        1080: 0,
        1090: 90,
    }


@pytest.mark.parametrize(("seconds", "length"), [(600, 10), (7 * DAY, 1800), (365 * DAY, 86400)])
def test_slots_are_as_many_as_a_screen_can_show(seconds, length):
    assert slot_length(seconds) == length


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--log", "nowhere"], "there is no log"),
        (["--log", str(EXAMPLE / "mail.log"), "--points", "nowhere"], "cannot read 'nowhere'"),
        (
            ["--log", str(EXAMPLE / "mail.log"), "--points", str(EXAMPLE / "truth.json")],
            "truth.json",
        ),
        (["--log", str(EXAMPLE / "mail.log"), "--influxdb", "--since", "1m"], "influxdb"),
    ],
)
def test_wrong_use_is_one_clear_line(arguments, message, tmp_path):
    config = tmp_path / "bmtick.toml"
    config.write_text('[influxdb]\nurl = "http://127.0.0.1:1"\n')
    output = tmp_path / "x.html"
    result = CliRunner().invoke(
        cli, ["--config", str(config), "report", "-o", str(output), *arguments]
    )
    assert result.exit_code == 2
    assert message.lower() in result.stderr.lower()
    assert not output.exists()


def test_a_folder_that_is_not_there(tmp_path):
    words = ["report", "-o", str(tmp_path / "no" / "x.html"), "--log", str(EXAMPLE / "mail.log")]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2
    assert "cannot write" in result.stderr
    assert not list(tmp_path.iterdir())


def test_what_bmtick_watch_told_is_shown(tmp_path):
    """Without Kapacitor: from the history that the watch keeps, muted events too."""
    settings = tmp_path / "bmtick.toml"
    log = ROOT / "examples" / "outbreak" / "mail.log"
    settings.write_text(f"""
[collect]
logs = ["{log}"]
queue = "off"
[watch]
state = "{tmp_path}/state"
mail = "folder"
folder = "{tmp_path}/mails"
[notify]
recipients = ["admin@domain.net"]
[alerts.sender_outbreak]
""")
    pages = []
    for step in ("report", "watch", "report"):
        words = ["watch", "--once"] if step == "watch" else ["report", "-o", str(tmp_path / "page")]
        result = CliRunner().invoke(cli, ["--config", str(settings), *words])
        assert result.exit_code == 0, result.output
        pages.append((tmp_path / "page").read_text())
    assert "What the alerts told" not in pages[0]
    assert "What the alerts told" in pages[2]
    assert "p.martin@example.org sends spam" in pages[2]
    assert ">email</td>" in pages[2]


def test_what_was_done_is_in_the_story_with_server_and_zone(tmp_path, monkeypatch):
    shutil.copy(EXAMPLE / "mail.log", tmp_path)
    folder = tmp_path / "incidents"
    folder.mkdir(mode=0o700)
    base = {"by": "root", "op": "1", "user": "p.martin@example.org", "step": "hold"}
    lines = [
        base | {"time": "2026-11-24T03:23:00+00:00", "phase": "begin", "messages": [["A1", 0]]},
        base | {"time": "2026-11-24T03:23:01+00:00", "phase": "end", "ids": ["A1"]},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "audit.jsonl").write_text(text)
    (folder / "audit.jsonl").chmod(0o600)
    monkeypatch.setattr("bmtick.state_folders.incidents_folder", lambda _: folder)
    settings = tmp_path / "bmtick.toml"
    settings.write_text(
        f'language = "de"\n[collect]\nlogs = ["{tmp_path}/mail.log"]\n'
        f'[watch]\nhost = "mx.example.org"\nstate = "{tmp_path}/state"\n'
        f'[guard]\nstate = "{tmp_path}/guard.state"\n'
    )
    try:
        arguments = ["--config", str(settings), "report", "-o", str(tmp_path / "page")]
        result = CliRunner().invoke(cli, [*arguments, "--no-influxdb"])
    finally:
        languages.set_language("en")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "page").read_text()
    assert "wartende Mail von p.martin@example.org wird angehalten: 1 Nachricht" in page
    assert "<h1>Mail auf mx.example.org: was geschah</h1>" in page
    assert "UTC +0000" in page
    assert '<html lang="de">' in page
    assert 'data-label="Belege"' in page
    english = ("What happened", "Suspects", "recipients of users", "Recipients by sender")
    assert [word for word in english if word in page] == []


def test_the_queue_goes_on_as_it_was_at_the_end_of_a_slot():
    timeline = Timeline(Window(0, 100), length=10)
    for time, queued in ((5, 3), (6, 9), (8, 1), (35, 2)):
        timeline.queued(time, queued)
    assert timeline.queue_curve()[:5] == [9, 1, 1, 2, 2]
