"""A compiled template of an alert's id, message or details."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any

from bmtick.engine.gotemplate.check import MethodError, check_methods
from bmtick.engine.gotemplate.execute import Escapers, Execution
from bmtick.engine.gotemplate.functions import BUILTINS, Function
from bmtick.engine.gotemplate.gofmt import Printer
from bmtick.engine.gotemplate.html.escape import EscapeError, escape
from bmtick.engine.gotemplate.json import to_json
from bmtick.engine.gotemplate.lexer import LexError
from bmtick.engine.gotemplate.parser import Trees, parse
from bmtick.engine.gotemplate.values import JS, StringMap, Struct, TemplateError, alert_data
from bmtick.errors import BmtickError, Location
from bmtick.tick.strconv import go_runes


def _eval_args(printer: Printer, args: list[Any]) -> str:
    """Go's ``html/template.evalArgs``; unlike text/template's version, it prints nil unchanged."""
    return args[0] if len(args) == 1 and isinstance(args[0], str) else printer.sprint(args)


_HTML_FUNCTIONS: Mapping[str, Function] = {
    **BUILTINS,
    "_eval_args_": Function(0, None, _eval_args),
    # Kapacitor's own function for details; its encoder ends the text with a newline.
    "json": Function(1, 1, lambda _, args: JS(to_json(args[0]))),
}

_NEWER: Mapping[str, Function] = {
    **_HTML_FUNCTIONS,
    "jsonCompact": Function(1, 1, lambda _, args: JS(to_json(args[0]).removesuffix("\n"))),
}


class Template:
    """A text with actions.

    Args:
        text: the template.
        html: whether the output of actions is escaped for its context in the HTML.
        file: the script with the template, for errors.
        line: its first line in the script.
        zone: the server's local zone.
        newer: whether to follow Kapacitor 1.6 or later, which has ``jsonCompact``.

    Raises:
        BmtickError: it does not parse, or is not supported; with the location.
    """

    def __init__(
        self,
        text: str,
        *,
        html: bool = False,
        file: str = "-",
        line: int = 0,
        zone: tzinfo = UTC,
        newer: bool = False,
    ) -> None:
        self._text, self._file, self._line = text, file, line
        self._printer = Printer(zone)
        self._functions = (_NEWER if newer else _HTML_FUNCTIONS) if html else BUILTINS
        self._escapers: Escapers = {}
        try:
            self.trees: Trees = parse(text, self._functions)
            if html:
                self._escapers = escape(self.trees)
            check_methods(self.trees)
        except (LexError, EscapeError, MethodError) as error:
            raise self._refusal(error.message, error.at) from None
        except RecursionError:
            raise BmtickError(
                "the template nests too deeply",
                location=Location(file, line or 1),
                remedy="take actions out of one another",
            ) from None
        self._constant = text if "{{" not in text and not html else None

    def _place(self, at: int) -> tuple[int, int]:
        before = self._text[:at]
        return before.count("\n"), at - (before.rfind("\n") + 1) + 1

    def _refusal(self, message: str, at: int) -> BmtickError:
        line, column = self._place(at)
        location = Location(self._file, (self._line or 1) + line, column if not self._line else 0)
        excerpt = self._text.split("\n")[line]
        return BmtickError(
            f"the template fails at '{excerpt[column - 1 : column + 19]}': {message}",
            location=location,
            remedy="templates are Go's, see text/template",
            excerpt=excerpt,
        )

    def execute(self, data: Mapping[str, Any] | Struct | StringMap) -> str:
        """Return the text for the data of an alert or of another node.

        Args:
            data: of an alert: Name, TaskName, Group, Tags, ServerInfo; for messages also ID, Fields,
                Level, Time, Duration; for details also Message. Other nodes pass the value itself.

        Raises:
            TemplateError: with Go's reason.
        """
        if self._constant is not None:
            return self._constant
        dot = data if isinstance(data, Struct | StringMap) else alert_data(data)
        run = Execution(self.trees, self._functions, self._printer, self._escapers)
        try:
            # Half a character, which slice can leave, must not reach a terminal or a mail.
            return go_runes(run.run(dot))
        except RecursionError:
            raise TemplateError("template: exceeded maximum template depth") from None
        except TemplateError as error:
            line, column = self._place(run.at)
            raise TemplateError(f"template: {line + 1}:{column}: {error}") from None
