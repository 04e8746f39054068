"""InfluxQL text: quoting of names and strings, and the clauses of a SELECT.

Source of the grammar: influxdata/influxdb ``influxql/README.md`` (1.x).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from bmtick.errors import BmtickError


def quote_name(name: str) -> str:
    """Quote an identifier: a database, a retention policy, a measurement."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def quote_text(text: str) -> str:
    """Quote a string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


@dataclass(frozen=True)
class Source:
    """One measurement of a FROM clause; ``""`` for a missing database or policy.

    ``measurement`` is a name, or a regular expression with its slashes.
    """

    database: str
    retention_policy: str
    measurement: str


@dataclass(frozen=True)
class Select:
    """The clauses of a SELECT, as in the query; a missing clause is ``""``.

    ``fields`` is the text between SELECT and FROM, ``order`` everything from ORDER BY on (LIMIT,
    SLIMIT, tz() and so on).
    """

    fields: str
    sources: tuple[Source, ...]
    from_clause: str
    where: str
    group_by: str
    fill: str
    order: str


class _Token(NamedTuple):
    kind: str  # word, name, text, regex, number, mark, end
    text: str
    start: int
    end: int


_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<text>'(?:[^'\\\n]|\\.)*')
    |(?P<name>"(?:[^"\\\n]|\\.)*")
    |(?P<word>[A-Za-z_]\w*)
    |(?P<number>[0-9][0-9.]*[A-Za-zµ]*)
    |(?P<mark>=~|!~|!=|<>|<=|>=|::|[-+*/%&|^(),;.=<>:$?])""",
    re.VERBOSE | re.DOTALL,
)
_REGEX: Final = re.compile(r"/(?:[^/\\\n]|\\.)+/")
# A slash after one of these is a division; anywhere else it begins a regular expression.
_VALUES: Final = ("name", "text", "number", "regex")
_KEYWORDS: Final = frozenset(
    [
        "AND",
        "AS",
        "ASC",
        "BY",
        "DESC",
        "FROM",
        "GROUP",
        "INTO",
        "LIMIT",
        "OFFSET",
        "OR",
        "ORDER",
        "SELECT",
        "SLIMIT",
        "SOFFSET",
        "WHERE",
    ]
)
_ORDER: Final = ("ORDER", "LIMIT", "OFFSET", "SLIMIT", "SOFFSET", "TZ")
_CLAUSES: Final = ("FROM", "WHERE", "GROUP", "FILL", *_ORDER)


def _tokens(query: str) -> Iterator[_Token]:
    position = 0
    value_before = False
    while position < len(query):
        match = None
        kind = "regex"
        if query[position] == "/" and not value_before and not query.startswith("/*", position):
            match = _REGEX.match(query, position)
        if match is None:
            match = _TOKEN.match(query, position)
            kind = (match and match.lastgroup) or ""
        if match is None:
            quote = query[position]
            what = "a quote is not closed" if quote in "'\"" else f"'{quote}' is not InfluxQL"
            raise BmtickError(f"the query cannot be read: {what}")
        token = _Token(kind, match[0], position, match.end())
        position = match.end()
        if kind != "space":
            value_before = kind in _VALUES or (
                token.text.upper() not in _KEYWORDS if kind == "word" else token.text == ")"
            )
            yield token


def parse_select(query: str) -> Select:
    """Return the clauses of a query that is a single SELECT.

    Raises:
        BmtickError: it is another statement, or several; with Kapacitor's message if it has one.
    """
    tokens = list(_tokens(query))
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    count = 1 + sum(token.text == ";" for token in tokens)
    if count > 1:
        raise BmtickError(f"query must be a single select statement, got {count} statements")
    if not tokens or tokens[0].text.upper() != "SELECT":
        raise BmtickError(f'query is not a select statement "{query.strip()}"')
    clauses = _clauses(tokens)
    if "FROM" not in clauses:
        raise BmtickError("the query has no FROM")

    def text(name: str, first: int = 1) -> str:
        part = clauses.get(name, [])[first:]
        # without comments, since the next clause follows on the same line
        return "".join(
            (" " if i and part[i - 1].end != token.start else "") + token.text
            for i, token in enumerate(part)
        )

    return Select(
        fields=text("SELECT"),
        sources=tuple(_sources(clauses["FROM"][1:])),
        from_clause=text("FROM"),
        where=text("WHERE"),
        group_by=text("GROUP", 2),
        fill=text("FILL", 0),
        order=" ".join(text(name, 0) for name in _ORDER if name in clauses),
    )


def _clauses(tokens: list[_Token]) -> dict[str, list[_Token]]:
    """Split the tokens at the keywords that begin a clause, outside all parentheses."""
    clauses: dict[str, list[_Token]] = {}
    current = clauses.setdefault("SELECT", [])
    depth = 0
    for i, token in enumerate(tokens):
        word = token.text.upper() if token.kind == "word" and depth == 0 else ""
        following = tokens[i + 1].text if i + 1 < len(tokens) else ""
        if word in _CLAUSES and (word not in ("FILL", "TZ") or following == "("):
            if word in clauses:
                raise BmtickError(f"the query has {word} twice")
            current = clauses.setdefault(word, [])
        depth += (token.text == "(") - (token.text == ")")
        if depth < 0:
            break
        current.append(token)
    if depth:
        raise BmtickError("the parentheses of the query do not match")
    return clauses


def _sources(tokens: list[_Token]) -> Iterator[Source]:
    parts: list[str] = [""]
    for token in [*tokens, _Token("mark", ",", 0, 0)]:
        if token.kind in ("word", "name", "regex", "number"):
            parts[-1] += _unquoted(token)
        elif token.text == ".":
            parts.append("")
        elif token.text == ",":
            if not parts[-1] or len(parts) > 3:
                raise BmtickError("FROM names no measurement")
            yield Source(*["", "", *parts][-3:])
            parts = [""]
        elif token.text == "(":
            raise BmtickError(
                "unknown query source *influxql.SubQuery: Kapacitor takes no subqueries",
                remedy="query the measurement itself; let nodes do the outer step",
            )
        else:
            raise BmtickError(f"'{token.text}' in FROM is not InfluxQL")


def _unquoted(token: _Token) -> str:
    if token.kind != "name":
        return token.text
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], token.text[1:-1])
