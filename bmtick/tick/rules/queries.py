"""Checks the text of InfluxQL queries, without a full parser."""

from __future__ import annotations

import re

from bmtick.tick import ast
from bmtick.tick.context import Context
from bmtick.tick.values import Value

_QUOTED = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|/(?:[^/\\\n]|\\.)+/""")
_FROM = re.compile(
    r"""\bfrom\s+(\(|(?:"(?:[^"\\]|\\.)*"|/(?:[^/\\]|\\.)+/|[^\s,;)"/])+"""
    r"""(?:\s*,\s*(?:"(?:[^"\\]|\\.)*"|/(?:[^/\\]|\\.)+/|[^\s,;)"/])+)*)""",
    re.IGNORECASE,
)
_PART = re.compile(r"""(?:"((?:[^"\\]|\\.)*)"|([^."/]+)|(/(?:[^/\\]|\\.)+/))(?:\.|$)|(?<=\.)\.""")
_TIME = re.compile(r"\btime\s*[<>=]", re.IGNORECASE)
_INNER = re.compile(  # InfluxQL refuses these without times and groups
    r"\b(derivative|non_negative_derivative|difference|non_negative_difference|moving_average"
    r"|cumulative_sum|elapsed)\s*\(\s*\w+\s*\(",
    re.IGNORECASE,
)
_INTERVAL = re.compile(r"\btime\s*[<>=].*\bgroup\s+by\s.*\btime\s*\(", re.IGNORECASE | re.DOTALL)
_NAME_AS_TEXT = re.compile(r"""(?:=|!=|<>)\s*"((?:[^"\\\n]|\\.)*)\"""")
_OPERATORS = {
    "==": "write = , InfluxQL's sign for equal",
    "&&": "write AND",
    "||": "write OR",
    "&": "Kapacitor's InfluxQL computes with no bits: make a field of the bit before",
    "^": "Kapacitor's InfluxQL computes with no bits: make a field of the bit before",
    "|": "Kapacitor's InfluxQL computes with no bits: make a field of the bit before",
}
_FUNCTIONS = {
    **dict.fromkeys(("average", "avg"), "mean"),
    **dict.fromkeys(("std", "stdev"), "stddev"),
    **dict.fromkeys(("diff", "delta"), "difference"),
    **dict.fromkeys(("rate",), "derivative"),
    **dict.fromkeys(("quantile",), "percentile"),
    **dict.fromkeys(("unique",), "distinct"),
    **dict.fromkeys(("variance",), "stddev"),
}
"""Functions as other databases name them."""
_CALL = re.compile(r"\b(\w+)\s*\(")
_GROUP_BY = re.compile(r"\bgroup\s+by\b", re.IGNORECASE)


def check(context: Context) -> None:
    """Check the query of each ``|query()``."""
    declared = {
        (s.database.name, s.retention_policy.name)
        for s in context.program.statements
        if isinstance(s, ast.DBRP)
    }
    for node in context.nodes:
        query = node.args[0] if node.name == "query" and node.args else None
        if query is None or not query.known or query.type != "string":
            continue
        message, remedy = _wrong(query.constant)
        if not message:
            message, remedy = _sources(query.constant, declared)
        if message:
            context.report.error("query", message, query.pos, remedy)
        else:
            _dropped(context, query)


def _dropped(context: Context, query: Value) -> None:
    """Warn of clauses that Kapacitor drops: it writes its own times and groups into the query."""
    bare = _QUOTED.sub("''", query.constant)
    for name in _CALL.findall(bare):
        if known := _FUNCTIONS.get(name.lower()):
            message = f"InfluxDB has no function {name}(): the query fails whenever it runs"
            context.report.warning("query", message, query.pos, f"write {known}()")
    if text := _NAME_AS_TEXT.search(query.constant):
        message = "double quotes name a field or tag in a query, too: this compares with no text"
        remedy = f"write the text in single quotes: '{text[1]}'"
        context.report.warning("query", message, query.pos, remedy)
    if _INNER.search(bare):
        return
    if _GROUP_BY.search(bare):
        message = "Kapacitor drops GROUP BY from the text of a query"
        context.report.warning("query", message, query.pos, "use .groupBy()")
    if _TIME.search(bare):
        message = "Kapacitor adds its own condition on time to the query"
        remedy = "remove this one; .period() says how much data the query asks for"
        context.report.warning("query", message, query.pos, remedy)


def _sources(text: str, declared: set[tuple[str, str]]) -> tuple[str, str]:
    """Return message and remedy for the measurements of a query: each needs its database."""
    found = _FROM.search(text)
    if found is None:
        return "", ""
    if found[1].startswith("("):
        return "Kapacitor takes no subquery", "query a measurement, and compute with nodes"
    for source in re.split(r"\s*,\s*", found[1]):
        parts = [(a or b, bool(c)) for a, b, c in _PART.findall(source)]
        names = [name for name, _ in parts]
        if len(names) < 3 or not (names[0] and names[1]):
            shown = names[-1] if names and names[-1] else "MEASUREMENT"
            database, policy = next(iter(sorted(declared)), ("telegraf", "autogen"))
            message = f"the query does not name the database of '{shown}': Kapacitor refuses it"
            return message, f'write FROM "{database}"."{policy}"."{shown}"'
        if declared and (names[0], names[1]) not in declared:
            message = f"the query reads '{names[0]}.{names[1]}', which no dbrp names"
            return message, f'add dbrp "{names[0]}"."{names[1]}"'
    return "", ""


def _wrong(text: str) -> tuple[str, str]:
    bare = _QUOTED.sub("''", text).strip()
    if not re.match(r"select\b", bare, re.IGNORECASE):
        return "a query begins with SELECT", "like SELECT mean(usage) FROM telegraf.autogen.cpu"
    if re.search(r";\s*\S", bare):
        return "a query is one single SELECT", "make a task of each"
    if not re.search(r"\bfrom\s", bare, re.IGNORECASE):
        return "the query has no FROM", "like FROM telegraf.autogen.cpu"
    for sign, remedy in _OPERATORS.items():
        if sign in bare:
            return f"InfluxQL has no operator {sign}", remedy
    if (inner := _INNER.search(bare)) and not _INTERVAL.search(bare):
        return (
            f"{inner[1]}() of another function wants times and groups in the query's text",
            "add WHERE time > now() - 1h GROUP BY time(1m); Kapacitor puts its own in their place",
        )
    if bare.count("(") != bare.count(")"):
        return "the parentheses of the query do not match", "close each ( with )"
    if bare.replace("''", "").count('"') or bare.replace("''", "").count("'"):
        return "a quote of the query is not closed", "close it where the name ends"
    return "", ""
