"""The escapers for each context. Source: Go ``html/template/html.go``, ``url.go``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bmtick.engine.gotemplate.functions import BUILTINS
from bmtick.engine.gotemplate.gofmt import Printer
from bmtick.engine.gotemplate.html.css import filter_css
from bmtick.tick.strconv import to_bytes

_AUTHORS: Final = "author's "  # prefix of html or urlquery if the template's author wrote them
FAILED: Final = "ZgotmplZ"  # Go's replacement for an unsafe value

_HTML: Final = str.maketrans(
    {
        "\0": "\ufffd",
        '"': "&#34;",
        "&": "&amp;",
        "'": "&#39;",
        "+": "&#43;",
        "<": "&lt;",
        ">": "&gt;",
    }
)
_NO_SPACE: Final = str.maketrans(
    {
        "\0": "&#xfffd;",
        "\t": "&#9;",
        "\n": "&#10;",
        "\v": "&#11;",
        "\f": "&#12;",
        "\r": "&#13;",
        " ": "&#32;",
        '"': "&#34;",
        "&": "&amp;",
        "'": "&#39;",
        "+": "&#43;",
        "<": "&lt;",
        "=": "&#61;",
        ">": "&gt;",
        "`": "&#96;",
    }
)


def _stringify(printer: Printer, value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    return "" if value is None else printer.sprint([value])


def _no_space(text: str) -> str:
    if not text:
        return FAILED
    escaped = text.translate(_NO_SPACE)
    return "".join(_noncharacter(c) for c in escaped)


def _noncharacter(char: str) -> str:
    code = 0xFFFD if "\udc80" <= char <= "\udcff" else ord(char)
    if 0xFDD0 <= code <= 0xFDEF or 0xFFF0 <= code <= 0xFFFF:
        return f"&#x{code:x};"
    return char


def _is_safe_url(text: str) -> bool:
    scheme, colon, _ = text.partition(":")
    if not colon or "/" in scheme:
        return True
    return scheme.lower() in ("http", "https", "mailto")


def _url_filter(text: str) -> str:
    return text if _is_safe_url(text) else f"#{FAILED}"


_KEPT: Final = frozenset(b"-._~abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_RESERVED: Final = frozenset(b"!#$&*+,/:;=?@[]")
_HEX: Final = frozenset(b"0123456789abcdefABCDEF")


def _url(text: str, *, normalize: bool) -> str:
    data = to_bytes(text)
    out = []
    for index, byte in enumerate(data):
        kept = byte in _KEPT or (normalize and byte in _RESERVED)
        if normalize and byte == ord("%"):
            # As in Go, an escape at the very end is not recognized.
            pair = data[index + 1 : index + 3]
            kept = len(pair) == 2 and all(b in _HEX for b in pair)
        out.append(chr(byte) if kept else f"%{byte:02x}")
    return "".join(out)


TEXTS: Final[dict[str, Callable[[str], str]]] = {
    "html": lambda text: text.translate(_HTML),
    "attribute": lambda text: text.translate(_HTML),
    "raw text": lambda text: text.translate(_HTML),
    "no space": _no_space,
    "comment": lambda _: "",
    "URL filter": _url_filter,
    "URL normalize": lambda text: _url(text, normalize=True),
    "URL escape": lambda text: _url(text, normalize=False),
    "CSS filter": lambda text: filter_css(text, FAILED),
}


def escaper(name: str) -> Callable[[Printer, Any], Any]:
    """Return the escaper with a name, as a stage of a pipeline."""
    if name.startswith(_AUTHORS):
        apply_own = BUILTINS[name.removeprefix(_AUTHORS)].apply
        return lambda printer, value: apply_own(printer, [value])
    apply = TEXTS[name]
    return lambda printer, value: apply(_stringify(printer, value))
