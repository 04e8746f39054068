"""Record Neovim with ``bmtick lsp`` in a real terminal: ``docs/editor.cast`` and the page's pictures.

Needs tmux and nvim. Run: python docs/make_editor.py; play: asciinema play docs/editor.cast.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOCS = Path(__file__).parent
PAGE, CAST = DOCS / "editors.md", DOCS / "editor.cast"
PLUGIN = DOCS.parent / "editors" / "nvim" / "bmtick.lua"
WIDTH, HEIGHT = 100, 17
SCRIPT = """stream
    |from()
        .measurement('postfix_queue')
        .groupBy('host')
    |average('length')
        .as('value')
    |alert()
        .crit(lambda: "value" > 200 and "value" < 500)
        .log('/tmp/alerts.log')
"""
FIX = (":lua vim.lsp.buf.code_action()\r", "1\r")
# keys, what the screen must show then, what happens
STEPS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    ((":8\r",), "unexpected 'and'", "What is wrong stands beside its line as soon as it is typed."),
    (FIX, "no node 'average'", "The code action writes `AND`; now the rest can be checked."),
    ((":5\r", *FIX), "|mean(", "On line 5, it writes the node that is meant: no error is left."),
    (("fmK",), "Average.", "`K` shows what a node does."),
    (("\x1b:8\r", "o.cri", "\x18\x0f"), "critReset", "Completion offers what an alert has."),
)


def main() -> int:
    """Record every step; return the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "queue.tick")
        script.write_text(SCRIPT, encoding="utf-8")
        lua = f"let g:bmtick_command = ['{sys.executable}', '-m', 'bmtick', 'lsp']"
        command = ["nvim", "--clean", "-c", "set noruler noshowcmd laststatus=0 shortmess+=F"]
        command += ["-c", lua, "-c", f"luafile {PLUGIN}", "-c", f"edit {script}"]
        terminal = Terminal(Path(folder, "tmux"), command)
        try:
            frames = [terminal.step(*step[:2]) for step in STEPS]
        finally:
            terminal.close()
    header = {"version": 2, "width": WIDTH, "height": HEIGHT, "title": "bmtick lsp in Neovim"}
    lines = [json.dumps(header)]
    for number, frame in enumerate(frames):
        text = "\x1b[H\x1b[2J" + frame.replace("\n", "\r\n")
        lines.append(json.dumps([3.0 * number, "o", text], ensure_ascii=False))
    CAST.write_text("\n".join(lines) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition("<!-- recording -->\n")
    _, _, tail = rest.partition("<!-- end of the recording -->\n")
    shown = "".join(
        f"{step[2]}\n\n```text\n{frame.rstrip()}\n```\n\n"
        for step, frame in zip(STEPS, frames, strict=True)
    )
    body = f"<!-- recording -->\n\n{shown}<!-- end of the recording -->\n"
    PAGE.write_text(head + body + tail, encoding="utf-8")
    return 0


class Terminal:
    """A program in a terminal of tmux, on a server of its own."""

    def __init__(self, socket: Path, command: list[str]) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        size = ["-x", str(WIDTH), "-y", str(HEIGHT)]
        self._run("new-session", "-d", *size, *command)
        self._run("set", "-g", "status", "off")

    def _run(self, *arguments: str) -> str:
        done = subprocess.run([*self._tmux, *arguments], check=True, capture_output=True, text=True)
        return done.stdout

    def step(self, keys: tuple[str, ...], wanted: str) -> str:
        """Type keys; return the screen once it shows what is wanted and stands still."""
        for part in keys:
            self._run("send-keys", "-l", part)
            time.sleep(2)  # the server answers, the editor asks
        deadline = time.monotonic() + 60
        last = ""
        while time.monotonic() < deadline:
            time.sleep(0.7)
            screen = self._run("capture-pane", "-p")
            if wanted in screen and screen == last:
                return screen
            last = screen
        raise SystemExit(f"the screen never showed {wanted!r}:\n{last}")

    def close(self) -> None:
        """End the program and its terminal."""
        self._run("kill-server")


if __name__ == "__main__":
    sys.exit(main())
