"""Random scripts: trees as an author may write them, and texts as only a machine would."""

from hypothesis import strategies as st

from bmtick.tick import ast
from bmtick.tick.kinds import catalogue
from bmtick.tick.tokens import OPERATORS

_KEYWORDS = {"AND", "OR", "TRUE", "FALSE", "var", "dbrp"}
_line = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=8
).filter(lambda text: not text.endswith("\\"))

identifiers = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,6}", fullmatch=True).filter(
    lambda name: name not in _KEYWORDS
)
strings = st.builds(ast.String, _line) | st.builds(
    lambda text: ast.String(text, triple=True), _line.filter(lambda text: "'" not in text)
)
references = st.builds(ast.Reference, _line)
numbers = st.builds(ast.Number, st.integers(0, 2**63 - 1)) | st.builds(
    ast.Number, st.floats(0, 1e300, allow_nan=False)
)
durations = st.builds(ast.Duration, st.integers(0, 10**6).map(lambda seconds: seconds * 10**9))
regexes = st.sampled_from(["a", "^a/b$", r"\d+\.", "(?i)x|y", "[[:alpha:]]"]).map(ast.Regex)
literals = st.one_of(
    numbers,
    strings,
    durations,
    references,
    st.booleans().map(ast.Bool),
    identifiers.map(ast.Identifier),
)


def _expressions(inner):
    return st.one_of(
        st.builds(
            lambda operator, left, right: ast.Binary(operator, left, right, parens=True),
            st.sampled_from(sorted(OPERATORS)),
            inner,
            inner,
        ),
        # A regex can stand after these only, and no operator can follow it.
        st.builds(
            lambda operator, left, right: ast.Binary(operator, left, right, parens=True),
            st.sampled_from(["=~", "!~"]),
            inner,
            regexes,
        ),
        st.builds(ast.Unary, st.sampled_from("-!"), inner),
        st.builds(lambda n, a: ast.Call("global", n, a), identifiers, st.lists(inner, max_size=3)),
    )


expressions = st.recursive(literals, _expressions, max_leaves=8)
lists = st.builds(
    ast.ListNode, st.lists(strings | identifiers.map(ast.Identifier) | st.just(ast.Star()))
)
arguments = expressions | regexes | lists | st.builds(ast.Lambda, expressions)
comments = st.none() | st.builds(
    lambda lines: ast.Comment(ast.Position(), lines),
    st.lists(st.from_regex(r"[a-z][a-z ']{0,5}[a-z]", fullmatch=True), min_size=1, max_size=2),
)


@st.composite
def chains(draw):
    """A source followed by calls, some with a comment."""
    node = ast.Identifier(draw(identifiers))
    for _ in range(draw(st.integers(1, 4))):
        operator = draw(st.sampled_from("|.@"))
        kind = {"|": "chain", ".": "property", "@": "dynamic"}[operator]
        call = ast.Call(kind, draw(identifiers), draw(st.lists(arguments, max_size=3)))
        node = ast.Chain(operator, node, call, comment=draw(comments))
    return node


declarations = st.builds(
    lambda name, value, comment: ast.Declaration(ast.Identifier(name), value, comment=comment),
    identifiers,
    arguments | chains(),
    comments,
)
type_declarations = st.builds(
    lambda name, kind, comment: ast.TypeDeclaration(
        ast.Identifier(name), ast.Identifier(kind), comment=comment
    ),
    identifiers,
    st.sampled_from(["int", "string", "list"]),
    comments,
)
programs = st.builds(
    ast.Program, st.lists(declarations | type_declarations | chains(), min_size=1, max_size=4)
)

_PIECES = [
    "stream",
    "batch",
    "var",
    "lambda:",
    "TRUE",
    "AND",
    "OR",
    "dbrp",
    '"x"',
    "'y'",
    "'''",
    "'",
    '"',
    "\\",
    "/",
    "//",
    "/a/",
    "*",
    ".",
    "|",
    "@",
    "(",
    ")",
    "[",
    "]",
    ",",
    "=",
    "==",
    "=~",
    "!~",
    "!",
    "-",
    "+",
    "1",
    "007",
    "08",
    "1.5",
    ".",
    "10m",
    "99999999999w",
    "lambda",
    "alert",
    "from",
    "window",
    "crit",
    "period",
    "count",
    "time",
    "{{",
    "}}",
    "µ",
    "é",
    "²",
    "\ufeff",
    "\x00",
    "9223372036854775808",
]
scraps = st.lists(st.sampled_from([*_PIECES, "\n", " ", "\n// c\n"]), max_size=30).map("".join)
texts = scraps | st.text(max_size=40)


_ARGUMENTS = st.sampled_from(
    [
        "'x'",
        "''",
        "'a.b'",
        "'{{",
        ".Name",
        "}}'",
        "5",
        "0",
        "-1",
        "1.5",
        "10s",
        "0s",
        "-5m",
        "TRUE",
        "/a/",
        "*",
        '"ref"',
        "time(1m)",
        "stream",
        "node",
        'lambda:"x">1',
        "lambda:TRUE",
        "lambda:'a'+1",
        'lambda:f("x")',
        "['a','b']",
        "[]",
        "[*]",
        "names",
        "number",
        "nosuch",
        "'x'+5",
        "2*3",
        "/[/",
    ]
)
_NODES = sorted(catalogue().kinds)
_PROPERTIES = sorted(
    {p for kind in catalogue().kinds.values() for p in kind.properties}
    | {p for handler in catalogue().handlers.values() for p in handler.properties}
    | set(catalogue().handlers)
)


@st.composite
def pipelines(draw):
    """A script of real nodes and properties with any arguments."""
    start = draw(st.sampled_from(["stream|from()", "batch|query('SELECT x FROM y')"]))
    parts = [f"var names list\nvar number int\nvar node = {start}\nnode"]
    for _ in range(draw(st.integers(0, 8))):
        mark, names = draw(st.sampled_from([("|", _NODES), (".", _PROPERTIES)]))
        args = ", ".join(draw(st.lists(_ARGUMENTS, max_size=3)))
        parts.append(f"{mark}{draw(st.sampled_from(names))}({args})")
    return "\n    ".join(parts)
