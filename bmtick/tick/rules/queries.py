"""The text of an InfluxQL query, as far as its form goes."""

from __future__ import annotations

import re

from bmtick.tick.context import Context

_QUOTED = re.compile(r"""'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|/(?:[^/\\\n]|\\.)+/""")
_GROUP_BY = re.compile(r"\bgroup\s+by\b", re.IGNORECASE)


def check(context: Context) -> None:
    """Check the query of each ``|query()``."""
    for node in context.nodes:
        if (
            node.name == "query"
            and node.args
            and node.args[0].known
            and node.args[0].type == "string"
        ):
            message, remedy = _wrong(node.args[0].constant)
            if message:
                context.report.error("query", message, node.args[0].pos, remedy)
            elif _GROUP_BY.search(_QUOTED.sub("''", node.args[0].constant)):
                message = "Kapacitor drops GROUP BY from the text of a query"
                context.report.warning("query", message, node.args[0].pos, "use .groupBy()")


def _wrong(text: str) -> tuple[str, str]:
    bare = _QUOTED.sub("''", text).strip()
    if not re.match(r"select\b", bare, re.IGNORECASE):
        return "a query begins with SELECT", ""
    if re.search(r";\s*\S", bare):
        return "a query is one single SELECT", "make a task of each"
    if not re.search(r"\bfrom\s", bare, re.IGNORECASE):
        return "the query has no FROM", ""
    if bare.count("(") != bare.count(")"):
        return "the parentheses of the query do not match", ""
    if bare.replace("''", "").count('"') or bare.replace("''", "").count("'"):
        return "a quote of the query is not closed", ""
    return "", ""
