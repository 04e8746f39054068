"""The HTML context of a piece of a template. Source: Go ``html/template/context.go``, ``attr.go``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

TEXT: Final = "text"
TAG: Final = "tag"
ATTR_NAME: Final = "attribute name"
AFTER_NAME: Final = "after attribute name"
BEFORE_VALUE: Final = "before attribute value"
COMMENT: Final = "comment"
RCDATA: Final = "raw text"
ATTR: Final = "attribute"
URL: Final = "URL"
SRCSET: Final = "srcset"
SCRIPT: Final = "JavaScript"
CSS: Final = "CSS"
CSS_DQ: Final = "CSS string in double quotes"
CSS_SQ: Final = "CSS string in single quotes"
CSS_URL: Final = "CSS URL"
CSS_BLOCK_COMMENT: Final = "CSS comment"
CSS_LINE_COMMENT: Final = "CSS line comment"
DEAD: Final = "dead"

COMMENTS: Final = (COMMENT, CSS_BLOCK_COMMENT, CSS_LINE_COMMENT)

NO_DELIM: Final = ""
SPACE_OR_END: Final = " \t\n\f\r>"

NO_PART: Final = 0
PRE_QUERY: Final = 1
QUERY: Final = 2
UNKNOWN_PART: Final = 3


class EscapeError(Exception):
    """HTML that cannot be escaped safely or is not supported; ``at`` is the offset."""

    def __init__(self, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.message, self.at = message, at


@dataclass(frozen=True, slots=True)
class Context:
    """The state of an HTML parser; ``attr`` is the initial state of the attribute's value."""

    state: str = TEXT
    delim: str = NO_DELIM
    url_part: int = NO_PART
    attr: str = ""
    element: str = ""

    def nudged(self) -> Context:
        """Return the context of a value printed here."""
        if self.state == TAG:
            return replace(self, state=ATTR_NAME)
        if self.state == BEFORE_VALUE:
            return replace(self, state=self.attr or ATTR, delim=SPACE_OR_END, attr="")
        if self.state == AFTER_NAME:
            return replace(self, state=ATTR_NAME, attr="")
        return self


def join(a: Context, b: Context, kind: str, at: int) -> Context:
    """Return the context after a branch whose alternatives end in a and b."""
    if a.state == DEAD:
        return b
    if b.state == DEAD or a == b:
        return a
    if replace(a, url_part=b.url_part) == b:
        return replace(a, url_part=UNKNOWN_PART)
    c, d = a.nudged(), b.nudged()
    if (c, d) != (a, b):
        return join(c, d, kind, at)
    raise EscapeError(
        f"{{{{{kind}}}}} branches end in different contexts: {a.state}, {b.state}", at
    )


ELEMENTS: Final = ("script", "style", "textarea", "title")
CONTENT: Final = {"script": SCRIPT, "style": CSS, "textarea": RCDATA, "title": RCDATA}

_URLS: Final = frozenset(
    [
        "action",
        "archive",
        "background",
        "cite",
        "classid",
        "codebase",
        "data",
        "formaction",
        "href",
        "icon",
        "longdesc",
        "manifest",
        "poster",
        "profile",
        "src",
        "usemap",
        "xmlns",
    ]
)
_PLAIN: Final = frozenset(
    [
        "accept",
        "alt",
        "autocomplete",
        "autofocus",
        "autoplay",
        "border",
        "checked",
        "class",
        "cols",
        "colspan",
        "contenteditable",
        "contextmenu",
        "controls",
        "coords",
        "datetime",
        "default",
        "dir",
        "dirname",
        "disabled",
        "draggable",
        "dropzone",
        "for",
        "formtarget",
        "headers",
        "height",
        "hidden",
        "high",
        "hreflang",
        "id",
        "ismap",
        "kind",
        "label",
        "lang",
        "list",
        "loop",
        "low",
        "max",
        "maxlength",
        "media",
        "mediagroup",
        "min",
        "multiple",
        "name",
        "novalidate",
        "open",
        "optimum",
        "placeholder",
        "preload",
        "pubdate",
        "radiogroup",
        "readonly",
        "required",
        "reversed",
        "rows",
        "rowspan",
        "spellcheck",
        "scope",
        "scoped",
        "seamless",
        "selected",
        "shape",
        "size",
        "sizes",
        "span",
        "srclang",
        "start",
        "step",
        "tabindex",
        "target",
        "title",
        "width",
        "wrap",
    ]
)
_UNSAFE: Final = frozenset(
    [
        "accept-charset",
        "async",
        "challenge",
        "charset",
        "content",
        "crossorigin",
        "defer",
        "enctype",
        "form",
        "formenctype",
        "formmethod",
        "http-equiv",
        "keytype",
        "language",
        "method",
        "novalidate",
        "pattern",
        "rel",
        "sandbox",
        "type",
        "value",
    ]
)


def attribute_state(name: str) -> str:
    """Return the initial state of an attribute's value; "" for plain text."""
    return {"css": CSS, "url": URL, "script": SCRIPT, "srcset": SRCSET}.get(
        attribute_kind(name), ""
    )


def attribute_kind(name: str) -> str:
    """Return the kind of an attribute: plain, unsafe, url, css, script, srcset, html."""
    if name.startswith("data-"):
        name = name[5:]
    elif ":" in name:
        prefix, _, name = name.partition(":")
        if prefix == "xmlns":
            return "url"
    if name in _UNSAFE:
        return "unsafe"
    if name in _PLAIN:
        return "plain"
    if name in _URLS:
        return "url"
    special = {"srcdoc": "html", "srcset": "srcset", "style": "css"}.get(name)
    if special:
        return special
    if name.startswith("on"):
        return "script"
    return "url" if any(part in name for part in ("src", "uri", "url")) else "plain"
