"""The shell blocks of the documents, each with the output that the document shows after it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ELISION = "..."


@dataclass
class Command:
    """One line of a shell block: variables, words, and the file that takes its output."""

    document: str
    line: int
    text: str
    variables: dict[str, str]
    words: list[str]
    target: str = ""
    shown: str = ""  # the output in the document, where it shows one

    @property
    def name(self) -> str:
        return self.words[0]

    def __str__(self) -> str:
        return f"{self.document}:{self.line}: {self.text}"


@dataclass
class Document:
    """A document's commands, and its other fenced blocks by their language."""

    commands: list[Command] = field(default_factory=list)
    others: dict[str, list[str]] = field(default_factory=dict)


def read(name: str) -> Document:
    """Read a document; an output belongs to the block before it in the same section."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found = Document()
    end, block = 0, []
    for match in _FENCED.finditer(text):
        language, body, between = match[1], match[2], text[end : match.start()]
        if re.search(r"^#", between, re.MULTILINE):
            block = []
        if language == "sh":
            line = text[: match.start()].count("\n") + 2
            block = list(_commands(name, line, body))
            found.commands += block
        elif not language and block:
            _shown_by(block, between).shown = body
        else:
            found.others.setdefault(language, []).append(body)
        end = match.end()
    return found


def _shown_by(block: list[Command], prose: str) -> Command:
    """Return the command that the prose before an output names, else the last of its block."""
    return next((c for c in block if f"`{c.text}`" in prose), block[-1])


def _commands(document: str, line: int, body: str) -> Iterator[Command]:
    for number, text in enumerate(body.splitlines(), line):
        words = shlex.split(text, comments=True)
        if not words:
            continue
        variables = {}
        while re.match(r"[A-Z_]+=", words[0]):
            key, _, value = words.pop(0).partition("=")
            variables[key] = value
        target = words[words.index(">") + 1] if ">" in words else ""
        if target:
            words = words[: words.index(">")]
        plain = re.sub(r"\s+#.*", "", text).strip()
        yield Command(document, number, plain, variables, words, target)


def squeezed(text: str) -> str:
    """Lines may be broken differently in a document: compare words."""
    return " ".join(text.split())


def missing(shown: str, real: str) -> list[str]:
    """Return the parts of what a document shows that the real output has not, in this order."""
    output = squeezed(real)
    absent, at = [], 0
    for part in re.split(rf"^{re.escape(_ELISION)}$", shown, flags=re.MULTILINE):
        wanted = squeezed(part)
        found = output.find(wanted, at)
        if found < 0:
            absent.append(part)
        else:
            at = found + len(wanted)
    return absent
