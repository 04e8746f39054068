"""Chooses the escapers of each action. Source: Go ``html/template/escape.go``."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from bmtick.engine.gotemplate.gofmt import Printer
from bmtick.engine.gotemplate.html import context as c
from bmtick.engine.gotemplate.html.context import Context, EscapeError, join
from bmtick.engine.gotemplate.html.escapers import escaper
from bmtick.engine.gotemplate.html.transitions import after_text
from bmtick.engine.gotemplate.nodes import Action, Branch, Call, Command, Function, Jump, Node, Text
from bmtick.engine.gotemplate.parser import Trees

__all__ = ["EscapeError", "escape"]

_DOCTYPE: Final = "<!DOCTYPE"
_SAME: Final[dict[str, tuple[str, ...]]] = {
    "": (),
    "html": ("attribute", "html", "raw text"),
    "urlquery": ("URL escape", "URL normalize"),
}
# Pairs of escapers where the second has no effect.
_REDUNDANT: Final = (
    ("comment", "attribute"),
    ("comment", "html"),
    ("URL escape", "URL normalize"),
)


def escape(trees: Trees) -> dict[int, list[Callable[[Printer, Any], Any]]]:
    """Return the escapers of each action by its id; texts and calls are modified in place.

    Raises:
        EscapeError: the HTML is invalid, ends within a tag, or contains JavaScript.
    """
    work = _Escaper(trees)
    end = work.nodes(Context(), trees[""])
    if end.state != c.TEXT:
        at = trees[""][-1].at if trees[""] else 0
        raise EscapeError(f"ends in a non-text context: {end.state}", at)
    return {key: [escaper(name) for name in names] for key, names in work.escapers.items()}


@dataclass
class _Loop:
    breaks: list[Context] = field(default_factory=list)
    continues: list[Context] = field(default_factory=list)


class _Escaper:
    def __init__(self, trees: Trees) -> None:
        self.trees = trees
        self.escapers: dict[int, list[str]] = {}
        self.ends: dict[str, Context] = {}
        self.loops: list[_Loop] = []

    def nodes(self, context: Context, nodes: list[Node]) -> Context:
        for node in nodes:
            context = self._node(context, node)
            if context.state == c.DEAD:
                break
        return context

    def _node(self, context: Context, node: Node) -> Context:
        try:
            match node:
                case Text():
                    return self._text(context, node)
                case Action():
                    return self._action(context, node)
                case Branch():
                    return self._branch(context, node)
                case Call():
                    return self._call(context, node)
                case Jump():
                    loop = self.loops[-1]
                    (loop.breaks if node.kind == "break" else loop.continues).append(context)
                    return Context(c.DEAD)
        except EscapeError as error:
            raise EscapeError(error.message, error.at or node.at) from None

    def _action(self, context: Context, node: Action) -> Context:
        if node.pipe.variables:
            return context
        context = context.nudged()
        predefined = _predefined(context, node)
        wanted = _wanted(context, node)
        group = _SAME[predefined]
        if predefined:
            _split_off(node, predefined)
        if any(name in group for name in wanted):
            # The author's escaper replaces ours, whose position may be later in the pipeline.
            node.pipe.commands.pop()
            wanted = [f"author's {predefined}" if name in group else name for name in wanted]
        self.escapers[id(node)] = _without_redundant(wanted)
        return context

    def _branch(self, context: Context, node: Branch) -> Context:
        if node.kind != "range":
            first = self.nodes(context, node.body)
            return join(first, self.nodes(context, node.otherwise or []), node.kind, node.at)
        first = self._iteration(context, node)
        # Repeat, starting from the end context of the first iteration.
        again = copy.deepcopy(node.body)
        first = join(first, self._dry_run(first, again), node.kind, node.at)
        return join(first, self.nodes(context, node.otherwise or []), node.kind, node.at)

    def _iteration(self, context: Context, node: Branch) -> Context:
        self.loops.append(_Loop())
        end = self.nodes(context, node.body)
        loop = self.loops.pop()
        for other in (*loop.breaks, *loop.continues):
            end = join(end, other, node.kind, node.at)
        return end

    def _dry_run(self, context: Context, nodes: list[Node]) -> Context:
        trial = _Escaper(self.trees)
        trial.ends = dict(self.ends)
        trial.loops = [_Loop()]
        return trial.nodes(context, nodes)

    def _call(self, context: Context, node: Call) -> Context:
        if node.name not in self.trees:
            raise EscapeError(f"no such template {node.name!r}")
        name = node.name if context == Context() else f"{node.name}${context}"
        if name not in self.ends:
            if name not in self.trees:
                self.trees[name] = copy.deepcopy(self.trees[node.name])
            self.ends[name] = context
            end = self.nodes(context, self.trees[name])
            if end != context:
                self.ends[name] = end
        node.name = name
        return self.ends[name]

    def _text(self, context: Context, node: Text) -> Context:
        text, out = node.text, _TextRewriter(node.text)
        at = 0
        while at < len(text):
            after, used = after_text(context, text[at:])
            end = at + used
            if context.state in (c.TEXT, c.RCDATA):
                out.escape_brackets(at, _tag_start(context, after, at, end, text))
            elif context.state in c.COMMENTS and context.delim == c.NO_DELIM:
                if context.state == c.CSS_BLOCK_COMMENT:
                    out.insert(" ")
                out.written = end
            opens = after.state != context.state and after.state in c.COMMENTS
            if opens and after.delim == c.NO_DELIM:
                out.copy(end - (4 if after.state == c.COMMENT else 2))
                out.written = end
            context, at = after, end
        if out.written:
            if context.state not in c.COMMENTS or context.delim != c.NO_DELIM:
                out.copy(len(text))
            node.text = "".join(out.parts)
        return context


class _TextRewriter:
    """Copies a text with changes; ``written`` is the offset up to which it is copied."""

    def __init__(self, text: str) -> None:
        self.text, self.written = text, 0
        self.parts: list[str] = []

    def copy(self, end: int) -> None:
        self.parts.append(self.text[self.written : end])

    def insert(self, text: str) -> None:
        self.parts.append(text)

    def escape_brackets(self, start: int, end: int) -> None:
        """Write each ``<`` that does not start a tag as ``&lt;``."""
        for at in range(start, end):
            doctype = self.text[at : at + len(_DOCTYPE)].upper() == _DOCTYPE
            if self.text[at] == "<" and not doctype:
                self.copy(at)
                self.insert("&lt;")
                self.written = at + 1


def _tag_start(context: Context, after: Context, at: int, end: int, text: str) -> int:
    if after.state == context.state:
        return end
    found = text.rfind("<", at, end)
    return end if found < 0 else found


def _predefined(context: Context, node: Action) -> str:
    """Return the escaper that the template's author put last, or ``""``."""
    commands = node.pipe.commands
    for place, command in enumerate(commands):
        first = command.args[0]
        if not isinstance(first, Function) or first.name not in ("html", "urlquery"):
            continue
        unquoted = context.state == c.ATTR and context.delim == c.SPACE_OR_END
        if place < len(commands) - 1 or (unquoted and first.name == "html"):
            raise EscapeError(f"predefined escaper {first.name!r} disallowed in template", node.at)
    last = commands[-1].args[0]
    if isinstance(last, Function) and last.name in ("html", "urlquery"):
        return last.name
    return ""


_BY_STATE: Final[dict[str, list[str]]] = {
    c.CSS: ["CSS filter"],
    c.TEXT: ["html"],
    c.RCDATA: ["raw text"],
    c.ATTR: [],
    c.COMMENT: ["comment"],
}
# Contexts in which mails have no values, with the reason for the refusal.
_REFUSED: Final = {
    c.SRCSET: "in srcset",
    c.ATTR_NAME: "as the name of an attribute",
    c.TAG: "as the name of an attribute",
    c.CSS_DQ: "in a CSS string",
    c.CSS_SQ: "in a CSS string",
    c.CSS_URL: "in a CSS URL",
    c.CSS_BLOCK_COMMENT: "in a CSS comment",
    c.CSS_LINE_COMMENT: "in a CSS comment",
}


def _wanted(context: Context, node: Action) -> list[str]:
    if context.state in _REFUSED:
        raise EscapeError(f"a value {_REFUSED[context.state]} is not supported here", node.at)
    if context.state == c.URL:
        names = _url_escapers(context, node)
    else:
        names = list(_BY_STATE[context.state])
    if context.delim == c.SPACE_OR_END:
        names.append("no space")
    elif context.delim != c.NO_DELIM:
        names.append("attribute")
    return names


def _url_escapers(context: Context, node: Action) -> list[str]:
    if context.url_part == c.UNKNOWN_PART:
        raise EscapeError("appears in an ambiguous context within a URL", node.at)
    if context.url_part == c.QUERY:
        return ["URL escape"]
    names = ["URL filter"] if context.url_part == c.NO_PART else []
    return [*names, "URL normalize"]


def _split_off(node: Action, name: str) -> None:
    """Split ``html .X`` into .X and then html, as Go does."""
    commands = node.pipe.commands
    last = commands[-1]
    if len(commands) == 1 and len(last.args) > 1:
        last.args[0] = Function(last.at, "_eval_args_")
        commands.append(Command(last.at, [Function(last.at, name)]))
    if len(commands) == 1:
        raise EscapeError(f"{name} without a value", node.at)


def _without_redundant(wanted: list[str]) -> list[str]:
    names: list[str] = []
    for name in wanted:
        if not names or (names[-1], name) not in _REDUNDANT:
            names.append(name)
    return names
