"""The page in a real Chromium: it loads, follows an outbreak, opens its evidence, asks first."""

import pytest

from bmtick.live.board import Board
from bmtick.web.app import Access, make_app
from bmtick.web.serve import Server
from tests.support.browser import chromium
from tests.web.support import EVIL, NOW, TOKEN, Brake, outbreak


@pytest.fixture(scope="module")
def browser():
    with chromium() as page:
        yield page


@pytest.fixture
def site(browser):
    board, brake = Board("mx.example.org"), Brake()
    hosts = frozenset({"127.0.0.1"})
    server = Server(
        "127.0.0.1:0", make_app(board.snapshot, brake, Access(TOKEN, hosts=hosts), lambda: NOW)
    )
    browser.complaints.clear()
    browser.size(1300, 900)
    browser.open(f"http://127.0.0.1:{server.address[1]}/")
    yield board, brake
    server.stop()


def test_an_outbreak_comes_is_looked_at_and_held(browser, site):
    board, brake = site
    browser.wait("document.querySelector('[role=status]').textContent === 'Nothing fires.'")
    outbreak(board)
    browser.wait("document.querySelector('[role=status]').textContent === '1 alert fires'")
    assert "1 alert fires" in browser.run("document.title")

    assert not browser.run("document.querySelector('#firing details').open")
    browser.click("#firing summary")
    browser.wait("document.querySelector('#firing details').open")
    assert "601 of them as spam" in browser.run("document.querySelector('#firing').innerText")

    outbreak(board, "bob@example.org", "sender_outbreak-bob_mx")
    browser.wait("document.querySelectorAll('#firing article').length === 2")
    opened = "[...document.querySelectorAll('#firing details[open] summary')].map(s => s.innerText)"
    assert browser.run(opened) == ["eve@example.org account"], "an update closes nothing"

    browser.click("#firing button[data-who='eve@example.org']")
    browser.wait("document.querySelector('dialog').open")
    assert browser.run("document.querySelector('#ask-title').innerText") == "Hold eve@example.org?"
    assert brake.done == [], "it asks first"
    browser.click("#ask-no")
    browser.wait("!document.querySelector('dialog').open")
    assert brake.done == []

    browser.click("#firing button[data-who='eve@example.org']")
    browser.click("#token")
    browser.type("a wrong token")
    browser.click("#ask-yes")
    browser.wait("document.querySelector('#ask-error').innerText === 'The token is wrong.'")
    assert brake.done == []
    browser.run("document.querySelector('#token').value = ''")
    browser.click("#token")
    browser.type(TOKEN)
    browser.click("#ask-yes")
    browser.wait("document.querySelector('#held').innerText.includes('eve@example.org')")
    assert brake.done == [("hold", "eve@example.org", None)]
    browser.click("#held button[data-action=release]")
    browser.click("#ask-yes")
    browser.wait("document.querySelector('#held').innerText.includes('Nobody is held.')")
    assert brake.done[1] == ("release", "eve@example.org", 86400.0)
    wanted = [text for text in browser.complaints if "401" not in text]
    assert wanted == [], "nothing that the policy forbids is tried"


def test_hostile_names_run_nothing(browser, site):
    board, brake = site
    browser.run("window.alert = () => { window.broken = true; }")
    outbreak(board, EVIL, EVIL)
    browser.wait("document.querySelectorAll('#firing article').length === 1")
    browser.click("#firing summary")
    browser.click("#firing button[data-action=hold]")
    browser.wait("document.querySelector('dialog').open")
    browser.click("#token")
    browser.type(TOKEN)
    browser.click("#ask-yes")
    browser.wait("document.querySelectorAll('#held tbody tr').length === 1")
    assert not browser.run("window.broken")
    (_, who, _), *_ = brake.done
    assert "<script>" in who


def test_a_telephone_needs_no_scrolling_to_the_side(browser, site):
    board, _ = site
    outbreak(board, f"{'a' * 90}@{'b' * 90}.example.org")
    browser.size(400, 800)
    browser.wait("document.querySelectorAll('#firing article').length === 1")
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert browser.run("document.documentElement.scrollWidth") <= 400
    assert browser.run("document.querySelector('#users td').offsetParent !== null")


def test_text_stands_out_from_its_ground(browser, site):
    board, _ = site
    outbreak(board)
    browser.wait("document.querySelectorAll('#firing article').length === 1")
    for scheme in ("light", "dark"):
        browser.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        ratios = browser.run(_CONTRAST)
        weak = {name: ratio for name, ratio in ratios.items() if ratio < 4.5}
        assert ratios
        assert weak == {}, scheme


# WCAG 2: at least 4.5 to 1 for text
_CONTRAST = """(() => {
  const parts = (c) => c.match(/[0-9.]+/g).map(Number);
  const light = (c) => { const [r, g, b] = parts(c).map((v) => { v /= 255;
    return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (e) => { for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor; if ((parts(c)[3] ?? 1) > 0) return c; }
    return 'rgb(255, 255, 255)'; };
  const found = {};
  for (const s of ['.alarm', '.state', 'h2', '.none', 'article .level', 'article p', 'summary',
                   'small', 'figcaption', 'thead th', 'td', 'footer', 'button', 'code']) {
    const e = document.querySelector(s); if (!e) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    found[s] = (a + 0.05) / (b + 0.05);
  }
  return found; })()"""
