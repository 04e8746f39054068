"""Checks Kapacitor's load directory: tasks, templates and topic handlers, alone and together.

Sources: ``services/load``, ``services/alert`` and ``client/v1`` of Kapacitor 1.5.7. A file that the
server refuses at start-up is an error; a topic without a handler is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

from bmtick.documents import Positions, load_json, load_yaml, source_line
from bmtick.errors import BmtickError, Location, nearest
from bmtick.tick import ast
from bmtick.tick.checker import Analysis, analyse
from bmtick.tick.context import TemplateReader, scan_template
from bmtick.tick.findings import Finding, Severity, from_error
from bmtick.tick.flow import Schema
from bmtick.tick.parser import parse_lambda
from bmtick.tick.signatures import FUNCTIONS
from bmtick.tick.variables import read_variables

FOLDERS: Final = ("tasks", "templates", "handlers")
DOCUMENTS: Final = (".yaml", ".yml", ".json")

HANDLER_OPTIONS: Final[dict[str, str]] = {
    "aggregate": "id interval topic message",
    "alerta": (
        "token token-prefix resource event environment group value origin service timeout "
        "correlated attributes"
    ),
    "bigpanda": "app-key primary-property secondary-property host attributes",
    "discord": "workspace username avatar-url embed-title",
    "exec": "prog args",
    "hipchat": "room token",
    "kafka": "cluster topic template disablePartitionById partitionHashAlgorithm",
    "log": "path mode",
    "mqtt": "broker-name topic qos retained",
    "opsgenie": "teams-list recipients-list",
    "opsgenie2": "teams-list recipients-list recovery_action details",
    "pagerduty": "service-key",
    "pagerduty2": "routing-key links",
    "post": "url endpoint headers capture-response timeout skip-ssl-verification",
    "publish": "topics",
    "pushover": "device title url url-title sound user-key",
    "sensu": "source handlers metadata",
    "servicenow": (
        "url username password source node type resource metric-name message-key additional-info"
    ),
    "slack": "workspace channel username icon-emoji",
    "smtp": "to to-templates",
    "snmptrap": "trap-oid data-list",
    "talk": "",
    "tcp": "address",
    "teams": "channel-url",
    "telegram": "chat-id parse-mode disable-web-page-preview disable-notification",
    "victorops": "routing-key",
    "zenoss": (
        "action method type tid summary device component eventclass eventclasskey collector "
        "message customfields url username password"
    ),
}
"""The options of each kind of handler; the first release with an option is not told apart."""

_NEEDED: Final = {
    "log": ("path",),
    "exec": ("prog",),
    "tcp": ("address",),
    "publish": ("topics",),
}
_REFUSED_WITHOUT: Final = frozenset({"log"})  # the server accepts the others, which fail later
_HANDLER_KEYS: Final = ("id", "topic", "kind", "match", "options")
_TASK_KEYS: Final = ("id", "template-id", "dbrps", "vars")
_KIND_ALIASES: Final = {
    "email": "smtp",
    "mail": "smtp",
    "http": "post",
    "httppost": "post",
    "webhook": "post",
    "snmp": "snmptrap",
    "script": "exec",
    "command": "exec",
    "file": "log",
}
_TOPIC_ID: Final = re.compile(r"[-:._0-9\w]+")
_HANDLER_ID: Final = re.compile(r"[-._0-9\w]+")
_MATCH_NAMES: Final = frozenset({"OK", "INFO", "WARNING", "CRITICAL"})
_MATCH_FUNCTIONS: Final = ("changed", "level", "name", "taskName", "duration")


def kind_of(data: Any) -> str:
    """Return the kind of a document: ``handler``, ``task`` or ``""``."""
    if isinstance(data, Mapping):
        if "template-id" in data or "dbrps" in data:
            return "task"
        if "kind" in data or "topic" in data:
            return "handler"
    return ""


class Document:
    """A YAML or JSON file with its findings."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.findings: list[Finding] = []
        self.data: Any = None
        self._positions: Positions = {}
        try:
            if file.endswith(".json"):
                load_json(text, file=file)  # YAML accepts what JSON refuses
            self.data, self._positions = load_yaml(text, file=file)
        except BmtickError as error:
            self.findings.append(from_error(error, "document"))
            return
        if not isinstance(self.data, Mapping):
            self.report("error", "this is no mapping of keys to values", (), "write KEY: VALUE")
            self.data = None

    def report(
        self, severity: Severity, message: str, path: tuple[str | int, ...], remedy: str = ""
    ) -> None:
        """Add a finding at a key, or at the nearest enclosing key."""
        while path and path not in self._positions:
            path = path[:-1]
        line, column = self._positions.get(path, (1, 1))
        location = Location(self.file, line, column)
        excerpt = source_line(self.text, line)
        self.findings.append(Finding(severity, message, location, excerpt, remedy, "document"))

    def check_keys(self, known: tuple[str, ...]) -> None:
        """Report keys that Kapacitor ignores."""
        for key in self.data:
            if key not in known:
                remedy = nearest(str(key), known) or f"the keys are {', '.join(known)}"
                self.report("warning", f"Kapacitor ignores the key '{key}'", (str(key),), remedy)

    def string(self, key: str, *, needed: bool) -> str:
        """Return a string; report if it is missing or not a string."""
        value = self.data.get(key)
        if value is None or value == "":
            if needed:
                self.report("error", f"'{key}' is missing", (), f"add {key}: ...")
            return ""
        if not isinstance(value, str):
            self.report("error", f"'{key}' is no text", (key,), f"write {key}: '{value}'")
            return ""
        return value


def check_document(text: str, *, file: str) -> list[Finding]:
    """Check a topic handler, or a task file that uses a template."""
    document = Document(text, file)
    if document.data is None:
        return document.findings
    kind = kind_of(document.data)
    if kind == "handler":
        _handler(document)
    elif kind == "task":
        _task(document)
    else:
        remedy = "a handler has topic, id, kind and options; a task has template-id, dbrps and vars"
        document.report("error", "this is no topic handler and no task", (), remedy)
    return document.findings


# -- one handler


def _handler(document: Document) -> None:
    document.check_keys(_HANDLER_KEYS)
    for key, form in (("topic", _TOPIC_ID), ("id", _HANDLER_ID)):
        value = document.string(key, needed=True)
        if value and not form.fullmatch(value):
            remedy = "it holds letters, digits, '-', '_' and '.'"
            document.report("error", f"'{value}' is no {key}", (key,), remedy)
    kind = document.string("kind", needed=True)
    if kind and kind not in HANDLER_OPTIONS:
        meant = _KIND_ALIASES.get(kind.lower(), "")
        remedy = nearest(kind, HANDLER_OPTIONS) or f"the kinds are {', '.join(HANDLER_OPTIONS)}"
        remedy = f"write kind: {meant}" if meant else remedy
        document.report("error", f"no kind of handler '{kind}'", ("kind",), remedy)
    elif kind:
        _options(document, kind)
    if match := document.string("match", needed=False):
        _match(document, match)


def _options(document: Document, kind: str) -> None:
    options = document.data.get("options")
    if options is None:
        options = {}
    if not isinstance(options, Mapping):
        document.report("error", "'options' is no mapping", ("options",), "write OPTION: VALUE")
        return
    known = HANDLER_OPTIONS[kind].split()
    lower = {name.lower() for name in known}
    for option in options:
        if str(option).lower() not in lower:
            message = f"a handler of kind {kind} has no option '{option}'"
            meant = str(option).replace("_", "-")
            hint = f"write {meant}" if meant in known else nearest(str(option), known)
            remedy = hint or (f"it has {', '.join(known)}" if known else "it has none")
            severity: Severity = "warning" if kind == "talk" else "error"  # it reads no options
            document.report(severity, message, ("options", str(option)), remedy)
    for name in _NEEDED.get(kind, ()):
        if name not in options:
            message = f"a handler of kind {kind} needs the option '{name}'"
            where = "options" if "options" in document.data else "kind"
            needed: Severity = "error" if kind in _REFUSED_WITHOUT else "warning"
            document.report(needed, message, (where,), f"add {name}: ...")
    if kind == "post" and not {"url", "endpoint"} & {str(option).lower() for option in options}:
        where = "options" if "options" in document.data else "kind"
        message = "a handler of kind post needs the option 'url' or 'endpoint'"
        document.report("error", message, (where,), "add url: http://...")
    path = options.get("path") if kind == "log" else None
    if isinstance(path, str) and not path.startswith("/"):
        document.report("error", f"'{path}' is no absolute path", ("options", "path"), "add a /")


def _match(document: Document, match: str) -> None:
    try:
        expression = parse_lambda(match, file=document.file)
    except BmtickError as error:
        document.report("error", f"in match: {error.message}", ("match",), error.remedy)
        return
    stack: list[ast.Node] = [expression.expression]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Identifier) and node.name not in _MATCH_NAMES:
            word = node.name.upper()
            remedy = f"write {word}" if word in _MATCH_NAMES else "the levels are OK to CRITICAL"
            if node.name in ("WARN", "warn"):
                remedy = "write WARNING"
            message = f"match knows no name '{node.name}'"
            document.report("error", message, ("match",), f"{remedy}; a tag is in double quotes")
        elif isinstance(node, ast.Call) and node.name not in (*_MATCH_FUNCTIONS, *FUNCTIONS):
            remedy = f"there are {', '.join(f'{n}()' for n in _MATCH_FUNCTIONS)}"
            document.report("error", f"match knows no {node.name}()", ("match",), remedy)
        elif isinstance(node, ast.Binary):
            stack += [node.left, node.right]
        elif isinstance(node, ast.Unary):
            stack.append(node.operand)
        elif isinstance(node, ast.Call):
            stack += node.args


# -- one task that uses a template


def _task(document: Document) -> None:
    document.check_keys(_TASK_KEYS)
    document.string("template-id", needed=True)
    dbrps = document.data.get("dbrps")
    if dbrps is not None and (
        not isinstance(dbrps, list)
        or not all(isinstance(d, Mapping) and {"db", "rp"} <= d.keys() for d in dbrps)
    ):
        remedy = "write dbrps: [{db: telegraf, rp: autogen}]"
        document.report("error", "'dbrps' is no list of databases", ("dbrps",), remedy)
    given = document.data.get("vars") or {}
    if not isinstance(given, Mapping):
        remedy = "write NAME: {type: int, value: 200}"
        document.report("error", "'vars' is no mapping", ("vars",), remedy)
        return
    for name, entry in given.items():
        try:
            read_variables({str(name): entry})
        except BmtickError as error:
            document.report("error", error.message, ("vars", str(name)), error.remedy)


# -- the whole directory


class Directory:
    """A load directory.

    Args:
        files: texts by path; the last folder of a path gives the kind of file.
        schema: as for ``checker.check``; so are ``version`` and ``read_template``.
    """

    def __init__(
        self,
        files: Mapping[str, str],
        *,
        schema: Schema | None = None,
        version: str | None = None,
        read_template: TemplateReader = scan_template,
    ) -> None:
        self._files = files
        self._how: dict[str, Any] = {
            "schema": schema,
            "version": version,
            "read_template": read_template,
        }
        self._findings: list[Finding] = []
        self._topic_findings: dict[
            str, list[Finding]
        ] = {}  # findings per topic, for a topic without a handler
        self._handled: dict[str, Document] = {}

    def check(self) -> list[Finding]:
        """Return all findings, file by file."""
        by_folder: dict[str, dict[str, str]] = {folder: {} for folder in FOLDERS}
        for path in sorted(self._files):
            folder = PurePath(path).parent.name
            if folder in by_folder:
                by_folder[folder][path] = self._files[path]
        templates = self._templates(by_folder["templates"])
        self._tasks(by_folder["tasks"], templates)
        self._handlers(by_folder["handlers"])
        self._topics()
        order = {path: i for i, path in enumerate(sorted(self._files))}
        return sorted(self._findings, key=lambda f: (order.get(f.location.file, 0), f.location[1:]))

    def _templates(self, files: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        found = {}
        for path, text in files.items():
            if path.endswith(".tick"):
                findings = analyse(text, file=path, **self._how).findings
                self._findings += [f for f in findings if f.code != "template-vars"]
                found[PurePath(path).stem] = path, text
        return found

    def _tasks(self, files: Mapping[str, str], templates: dict[str, tuple[str, str]]) -> None:
        ids: dict[str, str] = {}
        for path, text in files.items():
            pure = PurePath(path)
            if pure.suffix not in (".tick", *DOCUMENTS):
                continue
            if pure.stem in ids:
                message = f"'{ids[pure.stem]}' defines the task '{pure.stem}', too"
                self._report("error", message, path, text, "rename one of them")
            ids[pure.stem] = path
            if pure.suffix == ".tick":
                self._script(path, text)
            else:
                self._of_template(Document(text, path), templates)

    def _report(self, severity: Severity, message: str, path: str, text: str, remedy: str) -> None:
        location = Location(path, 1, 1)
        self._findings.append(
            Finding(severity, message, location, source_line(text, 1), remedy, "load-directory")
        )

    def _script(self, path: str, text: str) -> None:
        analysis = analyse(text, file=path, variables={}, **self._how)
        self._findings += analysis.findings
        if analysis.context is None:
            return
        statements = analysis.context.program.statements
        if not any(isinstance(s, ast.DBRP) for s in statements):
            message = "the task names no database: Kapacitor refuses it"
            remedy = 'begin with dbrp "telegraf"."autogen"'
            self._report("error", message, path, text, remedy)
        self._collect_topics(analysis)

    def _of_template(self, document: Document, templates: dict[str, tuple[str, str]]) -> None:
        if document.data is not None:
            _task(document)
            name = document.data.get("template-id")
            if isinstance(name, str) and name not in templates:
                remedy = nearest(name, templates) or f"add templates/{name}.tick"
                message = f"there is no template '{name}'"
                document.report("error", message, ("template-id",), remedy)
            elif isinstance(name, str) and not document.findings:
                self._instance(document, *templates[name])
        self._findings += document.findings

    def _instance(self, document: Document, path: str, text: str) -> None:
        given = {str(k): v for k, v in (document.data.get("vars") or {}).items()}
        analysis = analyse(text, file=path, variables=given, **self._how)
        for finding in analysis.findings:
            if finding.code in ("missing-var", "var-type", "unknown-var"):
                name = re.search(r"'(\w+)'", finding.message)
                where = ("vars", name[1]) if name else ("vars",)
                document.report(finding.severity, finding.message, where, finding.remedy)
        if analysis.context is None:
            return
        statements = analysis.context.program.statements
        own = any(isinstance(s, ast.DBRP) for s in statements)
        listed = bool(document.data.get("dbrps"))
        if own == listed:
            message = "both the template and this file name databases" if own else "no database"
            remedy = "remove dbrps" if own else "add dbrps: [{db: telegraf, rp: autogen}]"
            document.report("error", f"{message}: Kapacitor refuses it", ("dbrps",), remedy)
        self._collect_topics(analysis)

    def _collect_topics(self, analysis: Analysis) -> None:
        """Record the topics that the alerts of a task publish to."""
        context = analysis.context
        if context is None:
            return
        for node in context.nodes:
            topic = node.value("topic") if node.name in ("alert", "deadman") else None
            if topic is None:
                continue
            if not topic.text():
                self._topic_findings.setdefault("", [])  # a topic known only at run time
                continue
            source = context.report.source
            message = f"no handler here takes from the topic '{topic.text()}'"
            remedy = f"add handlers/NAME.yaml with topic: {topic.text()}"
            self._topic_findings.setdefault(topic.text(), []).append(
                Finding(
                    "warning",
                    message,
                    source.location(topic.pos),
                    source.excerpt(topic.pos),
                    remedy,
                    "unhandled-topic",
                )
            )

    def _handlers(self, files: Mapping[str, str]) -> None:
        documents = [
            Document(text, path) for path, text in files.items() if path.endswith(DOCUMENTS)
        ]
        ids: set[tuple[str, str]] = set()
        for document in documents:
            if document.data is None:
                self._findings += document.findings
                continue
            _handler(document)
            topic, name = str(document.data.get("topic")), str(document.data.get("id"))
            if (topic, name) in ids:
                message = (
                    f"the topic '{topic}' has another handler '{name}': one replaces the other"
                )
                document.report("error", message, ("id",), "give it another id")
            ids.add((topic, name))
            self._handled.setdefault(topic, document)
            options = document.data.get("options")
            fed = options.get("topics", []) if isinstance(options, Mapping) else []
            for other in fed if isinstance(fed, list) else []:
                self._topic_findings.setdefault(str(other), [])
        self._documents = documents

    def _topics(self) -> None:
        """Report topics without handlers, and handlers without alerts."""
        for topic, findings in self._topic_findings.items():
            if topic not in self._handled:
                self._findings += findings
        for topic, document in self._handled.items():
            known = (
                topic in self._topic_findings
                or "" in self._topic_findings
                or topic.startswith("main:")
            )
            if not known and isinstance(document.data.get("topic"), str):
                hint = nearest(topic, self._topic_findings) or f"add .topic('{topic}') to an alert"
                message = f"no alert here feeds the topic '{topic}'"
                document.report("warning", message, ("topic",), hint)
        for document in self._documents:
            if document.data is not None:
                self._findings += document.findings
