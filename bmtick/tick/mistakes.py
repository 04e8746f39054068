"""Common mistakes in TICKscripts and their corrections.

Collected from public scripts, forums and Kapacitor's issues. ``explain`` reads the tokens nearby the
place where the parser stopped; the tables map names of other languages to Kapacitor's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from bmtick.durations import SECOND, UNITS
from bmtick.errors import nearest
from bmtick.tick.findings import Fix
from bmtick.tick.tokens import Token, tokenize


class Hint(NamedTuple):
    """Message, offset, remedy and fix; an empty message keeps the parser's own."""

    message: str
    offset: int
    remedy: str
    fix: Fix | None = None


# -- names in other languages and in older Kapacitor versions

NODES: Final = {
    **dict.fromkeys(("average", "avg"), "mean"),
    **dict.fromkeys(("filter", "filterBy", "having"), "where"),
    **dict.fromkeys(("map", "apply", "compute", "calculate", "math"), "eval"),
    **dict.fromkeys(("std", "stdDev", "standardDeviation"), "stddev"),
    **dict.fromkeys(("diff", "delta", "increase"), "difference"),
    **dict.fromkeys(("rate", "derive", "nonNegativeDerivative"), "derivative"),
    **dict.fromkeys(("merge", "concat"), "union"),
    **dict.fromkeys(("write", "into", "influxOut", "influxDB", "influxdb", "out"), "influxDBOut"),
    **dict.fromkeys(("post", "webhook", "http"), "httpPost"),
    **dict.fromkeys(("print", "debug", "stdout"), "log"),
    **dict.fromkeys(("drop", "remove"), "delete"),
    **dict.fromkeys(("fill", "fillna"), "default"),
    **dict.fromkeys(("unique", "uniq"), "distinct"),
    **dict.fromkeys(("group", "by", "partitionBy"), "groupBy"),
    **dict.fromkeys(("notify", "alarm"), "alert"),
    **dict.fromkeys(("limit", "throttle"), "sample"),
    **dict.fromkeys(("select", "sql"), "query"),
    **dict.fromkeys(("fluxQuery", "flux"), "queryFlux"),
    "quantile": "percentile",
    "timeShift": "shift",
    "loopback": "kapacitorLoopback",
    "absent": "deadman",
    "pivot": "flatten",
}
PROPERTIES: Final = {
    **dict.fromkeys(("critical", "error", "fatal"), "crit"),
    **dict.fromkeys(("warning",), "warn"),
    **dict.fromkeys(("information", "notice"), "info"),
    **dict.fromkeys(("mail", "smtp", "eMail", "sendmail"), "email"),
    **dict.fromkeys(("webhook", "http", "httpPost", "url"), "post"),
    **dict.fromkeys(("command", "script", "run", "shell"), "exec"),
    **dict.fromkeys(("file", "logFile"), "log"),
    **dict.fromkeys(("msg", "text", "title", "subject"), "message"),
    **dict.fromkeys(("body", "detail", "description"), "details"),
    **dict.fromkeys(("onChange", "onlyChanges", "changesOnly", "stateChanges"), "stateChangesOnly"),
    **dict.fromkeys(("interval", "frequency", "schedule"), "every"),
    **dict.fromkeys(("duration", "length", "size", "range"), "period"),
    **dict.fromkeys(("rp", "policy", "retention"), "retentionPolicy"),
    **dict.fromkeys(("db", "bucket"), "database"),
    **dict.fromkeys(("alias", "rename", "named"), "as"),
    **dict.fromkeys(("name", "table"), "measurement"),
    **dict.fromkeys(("pagerduty",), "pagerDuty2"),
    **dict.fromkeys(("opsgenie",), "opsGenie2"),
    **dict.fromkeys(("filter",), "where"),
    **dict.fromkeys(("by", "group"), "groupBy"),
}
FUNCTIONS: Final = {
    **dict.fromkeys(("contains", "includes"), "strContains"),
    **dict.fromkeys(("length", "len", "size"), "strLength"),
    **dict.fromkeys(("lower", "toLower", "lowercase"), "strToLower"),
    **dict.fromkeys(("upper", "toUpper", "uppercase"), "strToUpper"),
    **dict.fromkeys(("startsWith", "hasPrefix"), "strHasPrefix"),
    **dict.fromkeys(("endsWith", "hasSuffix"), "strHasSuffix"),
    **dict.fromkeys(("replace", "replaceAll"), "strReplace"),
    **dict.fromkeys(("substr", "substring"), "strSubstring"),
    **dict.fromkeys(("trim", "strip"), "strTrimSpace"),
    **dict.fromkeys(("indexOf",), "strIndex"),
    **dict.fromkeys(("str", "toString", "format"), "string"),
    **dict.fromkeys(("toInt", "integer"), "int"),
    **dict.fromkeys(("toFloat", "double", "number"), "float"),
    **dict.fromkeys(("iif", "ifelse", "when", "case"), "if"),
    **dict.fromkeys(("exists", "isset", "has", "defined"), "isPresent"),
    **dict.fromkeys(("power",), "pow"),
    **dict.fromkeys(("ln",), "log"),
    **dict.fromkeys(("stddev", "stdev", "zscore"), "sigma"),
    **dict.fromkeys(("range",), "spread"),
}
_NOT_FUNCTIONS: Final = {
    **dict.fromkeys(
        ("mean", "sum", "median", "percentile", "first", "last", "mode"),
        "it is a node and stands outside of the lambda: |{name}('FIELD').as('{name}')",
    ),
    **dict.fromkeys(("round",), "round half up with floor(x + 0.5)"),
}
WORDS: Final = {
    **dict.fromkeys(("true", "True", "yes", "on"), "TRUE"),
    **dict.fromkeys(("false", "False", "no", "off"), "FALSE"),
}
"""Constants as other languages write them."""
NOTHING: Final = frozenset({"NULL", "null", "nil", "None", "undefined", "NaN", "Null"})
"""What other languages write for a value that is not there."""

ARGUMENT_OF: Final = {
    "slack": "channel",
    "telegram": "chatId",
    "pagerDuty": "serviceKey",
    "pagerDuty2": "serviceKey",
    "opsGenie": "teams",
    "opsGenie2": "teams",
    "victorOps": "routingKey",
    "hipChat": "room",
    "pushover": "userKey",
    "kafka": "kafkaTopic",
    "teams": "channelURL",
    "discord": "workspace",
    "sensu": "source",
    "alerta": "resource",
    "influxDBOut": "measurement",
    "window": "period",
    "from": "measurement",
    "alert": "id",
    "default": "field",
    "delete": "field",
}
"""The property that takes what people write between a node's or handler's empty parentheses."""


def suggest_node(name: str, known: Iterable[str]) -> str:
    """Return the suggestion for an unknown node, or an empty string."""
    if name in ("mapReduce", "reduce"):
        return "since Kapacitor 0.13 the functions are nodes themselves: |mean('FIELD')"
    if name in ("apply", "foreach", "forEach", "loop"):
        return "there are no loops; |groupBy() makes each node work on each group"
    return _suggest(name, NODES, known, "|{}()")


def suggest_property(name: str, known: Iterable[str]) -> str:
    """Return the suggestion for an unknown property, or an empty string."""
    return _suggest(name, PROPERTIES, known, ".{}()")


def suggest_function(name: str, known: Iterable[str]) -> str:
    """Return the suggestion for an unknown function of lambdas."""
    if form := _NOT_FUNCTIONS.get(name):
        return form.format(name=name)
    found = _suggest(name, FUNCTIONS, known, "{}()")
    return found or "a lambda has functions like abs(), if(), int(), strContains() or sigma()"


def _suggest(name: str, words: dict[str, str], known: Iterable[str], form: str) -> str:
    known = list(known)
    wanted = _plain(name)
    for candidate in known:
        if _plain(candidate) == wanted:
            return f"did you mean '{candidate}'?"
    meant = words.get(name)
    if meant in known:
        return f"write {form.format(meant)}"
    return nearest(name, known)


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


# -- durations

_UNIT_WORDS: Final = {
    **dict.fromkeys(("sec", "secs", "second", "seconds", "S"), "s"),
    **dict.fromkeys(("min", "mins", "minute", "minutes", "M"), "m"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours", "H"), "h"),
    **dict.fromkeys(("day", "days", "D"), "d"),
    **dict.fromkeys(("week", "weeks", "W"), "w"),
    **dict.fromkeys(("msec", "millis", "milliseconds", "MS"), "ms"),
    **dict.fromkeys(("us", "usec", "microseconds"), "u"),
}
_WORD: Final = re.compile(r"([0-9]+)([A-Za-zµ]+)")
_PARTS: Final = re.compile(r"(?:[0-9]+(?:ms|[uµsmhdw]))+")
_PART: Final = re.compile(r"([0-9]+)(ms|[uµsmhdw])")


def _duration(text: str) -> tuple[str, str]:
    """Return message and remedy for an invalid duration, or empty strings."""
    match = _WORD.fullmatch(text)
    if match is not None and match[2] in UNITS and match[2] != "ns":
        return "a duration has no space in it", f"write {text}"
    if _PARTS.fullmatch(text):
        total = sum(int(n) * UNITS[u] for n, u in _PART.findall(text))
        return "a duration has one unit", f"write {_whole(total)}"
    if part := re.fullmatch(r"([0-9]*\.[0-9]+)(ms|[uµsmhdw])", text):
        total = round(float(part[1]) * UNITS[part[2]])
        return "a duration is a whole number with a unit", f"write {_whole(total)}"
    if not match:
        return "", ""
    number, unit = match[1], match[2]
    if unit in ("ns", "nsec"):
        return "the smallest unit of a duration is u, a microsecond", "write 1u"
    if unit in ("y", "yr", "year", "years"):
        return "there is no unit of years", f"write {int(number) * 365}d"
    if unit in ("mo", "month", "months"):
        return "there is no unit of months", f"write {int(number) * 30}d"
    if unit in _UNIT_WORDS:
        note = " for minutes; there is no unit of months" if unit == "M" else ""
        return f"there is no unit '{unit}'", f"write {number}{_UNIT_WORDS[unit]}{note}"
    return "", ""


def _whole(nanoseconds: int) -> str:
    for unit in ("w", "d", "h", "m", "s", "ms"):
        if nanoseconds % UNITS[unit] == 0 and nanoseconds >= UNITS[unit]:
            return f"{nanoseconds // UNITS[unit]}{unit}"
    return f"{nanoseconds // (SECOND // 1_000_000)}u"


# -- syntax

_WHERE_IT_STOPS: Final = {
    ")": "close the parenthesis",
    "a name": "write a name: letters, digits and _, a letter first",
    "a name in double quotes": 'write it in double quotes, like "telegraf"',
    "the end of the script": "remove it, or put | or . before it",
    "'('": "write parentheses after the name, like |log()",
    "a string, a var or '*'": "a list holds strings, vars and *, like ['host', 'cpu']",
    "']'": "close the list with ]; between its items stands a comma",
    "'.'": 'write it like dbrp "telegraf"."autogen"',
}


def explain(text: str, token: Token, expected: str) -> Hint:
    """Return the correction for a token at a wrong place.

    Args:
        text: the script.
        token: where the parser stopped.
        expected: what the grammar allows there, in words.
    """
    tokens = [t for t in tokenize(text) if t.kind != "comment"]
    at = next((i for i, t in enumerate(tokens) if t.offset >= token.offset), len(tokens) - 1)
    nearby = _TokensNearby(text, tokens, at, expected)
    for rule in _RULES:
        if found := rule(nearby):
            return found
    return Hint(
        "", token.offset, _WHERE_IT_STOPS.get(expected, "see the example in the docs of the node")
    )


class _TokensNearby(NamedTuple):
    """The tokens around the place where the parser stopped."""

    text: str
    tokens: Sequence[Token]
    at: int
    expected: str

    def token(self, distance: int = 0) -> Token:
        index = self.at + distance
        return self.tokens[index] if 0 <= index < len(self.tokens) else Token("none", 0, "")

    def source(self, token: Token) -> str:
        """Return the rest of the line, from a token on."""
        return self.text[token.offset :].partition("\n")[0]

    def line_of(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1


def _end(token: Token) -> int:
    return token.offset + len(token.text)


def _swap(token: Token, text: str) -> Fix:
    return Fix(token.offset, _end(token), text)


def _bad_duration(nearby: _TokensNearby) -> Hint | None:
    before, token = nearby.token(-1), nearby.token()
    if before.kind not in ("number", "duration") or token.kind not in ("ident", "duration"):
        return None
    gap = nearby.text[_end(before) : token.offset]
    if gap.strip(" "):
        return None
    written = before.text + token.text
    end, index = _end(token), 1
    while (more := nearby.token(index)).kind == "duration" and more.offset == end:
        written, end, index = written + more.text, _end(more), index + 1
    message, remedy = _duration(written)
    if not message:
        return None
    fix = remedy.split()[1]
    return Hint(message, before.offset, remedy, Fix(before.offset, end, fix))


def _bad_number(nearby: _TokensNearby) -> Hint | None:
    before, token = nearby.token(-1), nearby.token()
    if before.kind == "number" and token.offset == _end(before):
        rest = nearby.text[before.offset :]
        if match := re.match(r"[0-9.]+[eE][0-9]+", rest):
            value = float(match[0])
            shown = f"{value:.1f}" if value < 1e18 else "it with all its digits and .0"
            message = "a number has no exponent"
            fix = Fix(before.offset, before.offset + len(match[0]), shown)
            return Hint(message, before.offset, f"write {shown}", fix)
        if match := re.match(r"0[xX]([0-9a-fA-F]{1,16})", rest):
            shown = str(int(match[1], 16))
            fix = Fix(before.offset, before.offset + len(match[0]), shown)
            return Hint("a number is decimal", before.offset, f"write {shown}", fix)
        if match := re.match(r"[0-9]+(?:_[0-9]+)+", rest):
            shown = match[0].replace("_", "")
            fix = Fix(before.offset, before.offset + len(match[0]), shown)
            return Hint("a number has only digits", before.offset, f"write {shown}", fix)
    if before.kind == "%" and nearby.token(-2).kind in ("number", "duration"):
        number = nearby.token(-2).text
        message = "% is the remainder of a division, no percent sign"
        return Hint(message, before.offset, f"write {number}", _swap(before, ""))
    return None


_ODD_QUOTES: Final = "`\u2018\u2019\u201c\u201d"


def _bad_string(nearby: _TokensNearby) -> Hint | None:
    """Quotes within a string, unclosed strings, and other languages' quotes."""
    before, token = nearby.token(-1), nearby.token()
    if token.kind == "error" and token.text.startswith("a string is not closed"):
        for earlier in nearby.tokens[: nearby.at]:
            if earlier.kind == "string" and "\n" in earlier.text and earlier.text[:3] != "'''":
                return Hint(token.text, earlier.offset, "close the string with ' where it ends")
    ends_here = before.kind == "string" and token.offset <= _end(before) + 1
    if ends_here and token.kind in ("ident", "number", "duration", "string", "error"):
        line_end = nearby.text.find("\n", before.offset)
        line = nearby.text[before.offset : line_end if line_end >= 0 else len(nearby.text)]
        last = line.rfind("'")
        inner = line[1:last].replace("\\'", "'") if last > 0 else "it's"
        message = "the string ends at its second quote, and this stands behind it"
        whole = f"'''{inner}'''"
        shown = whole if len(whole) <= 60 else "'''...'''"
        fix = Fix(before.offset, before.offset + last + 1, whole) if last > 0 else None
        remedy = f"put text with ' in it into three quotes: {shown}"
        return Hint(message, token.offset, remedy, fix)
    if before.kind == "reference" and token.kind == "reference" and token.offset == _end(before):
        return Hint(
            "", before.offset, "a text over several lines stands in three single quotes '''"
        )
    if token.kind == "error" and nearby.source(token)[:1] in _ODD_QUOTES:
        start = nearby.source(token)
        match = re.match(rf"[{_ODD_QUOTES}]([^{_ODD_QUOTES}']*)[{_ODD_QUOTES}]", start)
        kind = "straight quotes" if start[:1] != "`" else "single quotes"
        shown = f"'{match[1]}'" if match else "'...'"
        fix = Fix(token.offset, token.offset + len(match[0]), shown) if match else None
        return Hint("", token.offset, f"write {kind}: {shown}", fix)
    return None


def _bad_operator(nearby: _TokensNearby) -> Hint | None:
    before, token = nearby.token(-1), nearby.token()
    start = nearby.source(token)
    for signs, word in (("&&", "AND"), ("||", "OR"), ("&", "AND")):
        if start.startswith(signs):
            fix = Fix(token.offset, token.offset + len(signs), word)
            return Hint("", token.offset, f"write {word}: the operator is {word}", fix)
    if token.kind == "ident" and token.text.upper() in ("AND", "OR"):
        word = token.text.upper()
        return Hint("", token.offset, f"write {word}", _swap(token, word))
    if token.kind == "ident" and token.text.upper() in _SQL:
        return Hint(f"there is no operator {token.text}", token.offset, _SQL[token.text.upper()])
    if before.kind == "ident" and before.text.upper() == "NOT":
        fix = Fix(before.offset, token.offset, "!")
        return Hint("there is no operator NOT", before.offset, "write ! before it", fix)
    if before.kind == "<" and start.startswith(">"):
        fix = Fix(before.offset, token.offset + 1, "!=")
        return Hint("there is no operator <>", before.offset, "write !=", fix)
    if token.kind == "=" and nearby.source(token).startswith("=>"):
        remedy = 'write lambda: "FIELD" > 1; fields and tags stand in double quotes'
        return Hint("a lambda takes no parameters", token.offset, remedy)
    if token.kind == "=" and nearby.expected == "')'":
        return Hint("", token.offset, "compare with ==", _swap(token, "=="))
    if before.kind == "ident" and before.text == "lambda":
        fix = Fix(_end(before), _end(before), ":")
        return Hint("", token.offset, "write lambda: with a colon", fix)
    return None


_SQL: Final = {
    "LIKE": "match a regular expression: =~ /^web/",
    "ILIKE": "match a regular expression: =~ /(?i)^web/",
    "REGEXP": "match a regular expression: =~ /^web/",
    "IN": "compare with each, joined by OR, or match: =~ /^(a|b)$/",
    "IS": 'ask isPresent("field")',
    "BETWEEN": 'write "x" >= 1 AND "x" <= 2',
    "MOD": "write %",
    "XOR": "write (a AND !b) OR (!a AND b)",
}


def _bad_statement(nearby: _TokensNearby) -> Hint | None:
    before, token = nearby.token(-1), nearby.token()
    declared = nearby.token(-2)
    if token.kind == "=" and before.kind == "ident" and declared.kind != "var":
        other = declared.kind == "ident" and declared.text in _DECLARING
        start = declared if other else before
        fix = Fix(start.offset, before.offset, "var ")
        message = f"'{before.text}' is assigned without var"
        if other:
            message = f"a var is not declared with '{declared.text}'"
        return Hint(message, start.offset, f"write var {before.text} = ...", fix)
    if declared.kind == "var" and token.kind == "-":
        name = re.match(r"[\w-]+", nearby.text[before.offset :])
        shown = (name[0] if name else before.text).replace("-", "_")
        fix = Fix(before.offset, before.offset + len(shown), shown)
        return Hint("a name has no '-'", token.offset, f"write {shown}", fix)
    if declared.kind == "var" and nearby.source(token).startswith(":"):
        return Hint("", token.offset, f"write var {before.text} = VALUE, or var {before.text} TYPE")
    if token.kind == "error" and nearby.source(token).startswith(";"):
        fix = Fix(token.offset, token.offset + 1, "")
        return Hint("", token.offset, "remove it: statements end with their line", fix)
    if token.kind == "error" and nearby.source(token).startswith("#"):
        fix = Fix(token.offset, token.offset + 1, "//")
        return Hint("", token.offset, "a comment starts with //", fix)
    if any(t.text in ("if", "for", "while", "else") for t in nearby.tokens[: nearby.at]) and (
        nearby.source(token)[:1] == "{"
    ):
        remedy = "choose a value with if(CONDITION, THEN, ELSE) in a lambda"
        return Hint("there are no statements if, for and while", token.offset, remedy)
    return None


_DECLARING: Final = frozenset(
    {"let", "const", "set", "def", "int", "float", "string", "bool", "duration", "local"}
)


def _bad_dbrp(nearby: _TokensNearby) -> Hint | None:
    before, token = nearby.token(-1), nearby.token()
    if before.kind == "dbrp" and token.kind in ("string", "ident"):
        name = token.text.strip("'")
        rest = re.match(r"'?([\w-]+)'?(?:\.'?([\w-]+)'?)?", nearby.text[token.offset :])
        policy = (rest and rest[2]) or "autogen"
        shown = f'"{name}"."{policy}"'
        fix = Fix(token.offset, token.offset + len(rest[0]), shown) if rest else None
        return Hint("", token.offset, f"write dbrp {shown}", fix)
    if nearby.token(-2).kind == "dbrp" and before.kind == "reference":
        name = before.text.strip('"')
        database, dot, policy = name.partition(".")
        shown = f'"{database}"."{policy if dot else "autogen"}"'
        message = "dbrp names a database and its retention policy"
        return Hint(message, before.offset, f"write dbrp {shown}", _swap(before, shown))
    return None


def _bad_list(nearby: _TokensNearby) -> Hint | None:
    before, token = nearby.token(-1), nearby.token()
    if nearby.expected == "a string, a var or '*'":
        if token.kind == "reference":
            shown = "'" + token.text.strip('"') + "'"
            return Hint(
                "", token.offset, f"a list holds strings: write {shown}", _swap(token, shown)
            )
        return None
    opened = nearby.token(-2)
    if token.kind == "," and opened.kind == "(" and nearby.token(-3).kind == "=":
        shown = f"[{before.text}, ...]"
        return Hint("a list stands in brackets", opened.offset, f"write {shown}")
    return None


def _bad_parentheses(nearby: _TokensNearby) -> Hint | None:
    token = nearby.token()
    open_ = _unclosed(nearby.tokens[: nearby.at])
    if nearby.expected == "')'" and open_:
        line = nearby.line_of(open_[-1].offset)
        end = _end(nearby.token(-1))
        return Hint("", token.offset, f"close the ( of line {line} with )", Fix(end, end, ")"))
    if token.kind == ")" and not open_:
        message = "this ) closes nothing"
        return Hint(message, token.offset, "remove it", _swap(token, ""))
    if token.kind == "eof" and open_:
        line = nearby.line_of(open_[-1].offset)
        return Hint("", -1, f"close the ( of line {line} with )")
    if nearby.expected == "a value":
        return Hint("", token.offset, _OPERANDS.get(token.kind, "write a value here"))
    return None


_OPERANDS: Final = {
    "|": "nodes follow a source or a var, not a value",
    ".": "a property stands after a node and its parentheses",
    "lambda": "a lambda stands alone: name the inner one with var",
    "var": "the line before is not finished",
    "[": "a list stands alone, as a var or as the one argument",
    "eof": "the script is not finished: write a value, or remove the operator at its end",
    "==": "a value is missing before ==",
    ",": "a value is missing before the comma",
    ")": "a value is missing before the parenthesis",
}


def _unclosed(tokens: Sequence[Token]) -> list[Token]:
    """Return the parentheses that are still open after these tokens."""
    opened: list[Token] = []
    for token in tokens:
        if token.kind == "(":
            opened.append(token)
        elif token.kind == ")" and opened:
            opened.pop()
    return opened


_SIGNS: Final = {
    "^": "pow(x, y) is a power, x != y an exclusive or of bools",
    "_": "a name starts with a letter",
    "{": "there are no blocks in TICKscript",
    ">": "put the comparison on one line: no operator may follow a comment or ]",
    "<": "put the comparison on one line: no operator may follow a comment or ]",
    "+": "put the sum on one line: no operator may follow a comment or ]",
    "\ufeff": "remove the byte order mark at the start of the file",
    "?": "choose a value with if(CONDITION, THEN, ELSE)",
    ":": "choose a value with if(CONDITION, THEN, ELSE)",
    "$": "a var is written without $",
    "~": "match with =~",
    '"': 'close the name with " where it ends',
    "'": "close the string with ' where it ends",
    "/": "close the regular expression with / where it ends",
}


def _bad_sign(nearby: _TokensNearby) -> Hint | None:
    token = nearby.token()
    if token.kind != "error":
        return None
    if "cannot start" in token.text:
        remedy = "put (?:) before a first letter that is not ASCII: Kapacitor fails on it"
        return Hint("", token.offset, remedy)
    if token.text.startswith("a number has two"):
        return Hint("", token.offset, "remove one of them")
    return Hint("", token.offset, _SIGNS.get(nearby.source(token)[:1], "remove it"))


def _bad_quotes(nearby: _TokensNearby) -> Hint | None:
    token = nearby.token()
    if token.kind == "reference" and nearby.expected not in ("')'", "the end of the script"):
        return Hint(
            "", token.offset, "double quotes name a field or tag; a string stands in single quotes"
        )
    return None


_RULES: Final = (
    _bad_duration,
    _bad_number,
    _bad_string,
    _bad_operator,
    _bad_statement,
    _bad_dbrp,
    _bad_list,
    _bad_sign,
    _bad_quotes,
    _bad_parentheses,
)
