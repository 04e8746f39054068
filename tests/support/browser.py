"""A real Chromium, driven by its own protocol (Chrome DevTools Protocol) over a websocket."""

import base64
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest
from websockets.sync.client import connect

_START = 30.0  # seconds


class Page:
    """One page of the browser."""

    def __init__(self, socket):
        self._socket, self._ids = socket, itertools.count(1)
        self.complaints = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=_START))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]
            self._hear(answer)

    def _hear(self, event):
        said = event["params"]
        if event["method"] == "Log.entryAdded":
            self.complaints.append(said["entry"]["text"])
        elif event["method"] == "Runtime.exceptionThrown":
            self.complaints.append(str(said["exceptionDetails"]))

    def size(self, width, height):
        mobile = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def run(self, script):
        """Return the value of an expression of JavaScript."""
        done = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def wait(self, script, seconds=_START):
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < end, (
                f"never true: {script}\n{self.run('document.body.innerText')}"
            )
            time.sleep(0.05)

    def click(self, selector):
        """Click with the mouse, so that what is hidden or covered cannot be."""
        x, y = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
            "return [r.x + Math.min(r.width, 40) / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def screenshot(self, path):
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        Path(path).write_bytes(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def chromium():
    """Give a page of a Chromium of one's own, or skip."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("chromium is not installed: the page is not tried in a browser")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        command = [
            *(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *("--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-port=0"),
            *(f"--user-data-dir={home}/profile", "about:blank"),
        ]
        environment = {**os.environ, "HOME": home}
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )
        try:
            yield from _page(process, Path(home) / "profile/DevToolsActivePort")
        finally:
            process.terminate()
            process.wait(_START)


def _page(process, port_file):
    end = time.monotonic() + _START
    while not port_file.exists() or "\n" not in port_file.read_text():
        assert process.poll() is None, "chromium ended"
        assert time.monotonic() < end, "chromium does not start"
        time.sleep(0.05)
    port = port_file.read_text().split("\n")[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as reply:
        target = next(t for t in json.load(reply) if t["type"] == "page")
    with connect(target["webSocketDebuggerUrl"], max_size=None, proxy=None) as socket:
        yield Page(socket)
