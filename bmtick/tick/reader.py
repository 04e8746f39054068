"""What the parser reads from: tokens with look-ahead, their comments, and refusals."""

from __future__ import annotations

from bmtick.errors import BmtickError
from bmtick.tick import ast
from bmtick.tick.tokens import SPACES, Source, Token, tokenize

_NONE = Token("error", 0, "")
_NAMES = {"ident": "a name", "reference": "a name in double quotes", "eof": "the end of the script"}
_REMEDIES = {
    "&": "the operator is AND",
    "^": "there is no such operator; pow(x, y) is a power",
    ";": "statements end with their line",
    "#": "a comment starts with //",
    "_": "a name starts with a letter",
    "{": "there are no blocks in TICKscript",
    "=": "compare with ==; assign with 'var NAME = VALUE'",
    ">": "Kapacitor takes no operator right after a comment or ']'",
    "<": "Kapacitor takes no operator right after a comment or ']'",
    "+": "Kapacitor takes no operator right after a comment or ']'",
    "\ufeff": "remove the byte order mark at the start of the file",
    "\u201c": "write straight quotes",
    "\u201d": "write straight quotes",
    "\u2018": "write straight quotes",
    "\u2019": "write straight quotes",
}


class Reader:
    """Tokens with a look-ahead of two, and the comment of each, as the Go parser keeps them."""

    def __init__(self, text: str, file: str) -> None:
        self.source = Source(text, file)
        self._tokens = iter(tokenize(text))
        self._token = [_NONE, _NONE]
        self.comments: list[ast.Comment | None] = [None, None]
        self._peeked = 0

    def _read(self) -> tuple[Token, ast.Comment | None]:
        token = next(self._tokens, _NONE)
        if token.kind != "comment":
            return token, None
        first = token
        lines: list[str] = []
        while token.kind == "comment":
            if lines:
                lines.append("\n")
            lines += comment_lines(token.text)
            token = next(self._tokens, _NONE)
        return token, ast.Comment(self.source.position(first.offset), lines)

    def next(self) -> Token:
        """Read the next token."""
        if self._peeked:
            self._peeked -= 1
        else:
            self._token[0], self.comments[0] = self._read()
        return self._token[self._peeked]

    def backup(self) -> None:
        """Take back the token that was read last."""
        self._peeked += 1

    def peek(self) -> str:
        """Return the kind of the next token."""
        return self.peek_token().kind

    def peek_token(self) -> Token:
        """Return the next token without reading it."""
        if self._peeked:
            return self._token[self._peeked - 1]
        self._peeked = 1
        self._token[1], self.comments[1] = self._token[0], self.comments[0]
        self._token[0], self.comments[0] = self._read()
        return self._token[0]

    def comment(self) -> ast.Comment | None:
        """Take the comment of the token that was read last."""
        taken = self.comments[self._peeked]
        self.comments[self._peeked] = None
        return taken

    def expect(self, kind: str) -> Token:
        """Read a token of this kind, or refuse."""
        token = self.next()
        if token.kind != kind:
            raise self.refusal(token, _NAMES.get(kind, f"'{kind}'"))
        return token

    def refusal(self, token: Token, expected: str) -> BmtickError:
        """Return the error about a token: what it is, what may stand there, and what to do if that is known."""
        remedy = _remedy(self.source.text, token)
        if token.kind == "error":
            return self.error(token.text, token.offset, remedy)
        if token.kind == "eof":
            end = len(self.source.text.rstrip(SPACES))  # not the empty line after the last
            return self.error(f"the script ends where {expected} is expected", end, "")
        shown = token.text if len(token.text) <= 40 else token.text[:40] + "..."
        message = f"unexpected '{shown}' where {expected} is expected"
        return self.error(message, token.offset, remedy)

    def error(self, message: str, offset: int, remedy: str) -> BmtickError:
        """Return an error at an offset, with its line."""
        position = self.source.position(offset)
        return BmtickError(
            message,
            location=self.source.location(position),
            remedy=remedy,
            excerpt=self.source.excerpt(position),
        )


def comment_lines(text: str) -> list[str]:
    """Return the lines of a comment token without ``//`` and one following space."""
    lines = (line.strip(SPACES) for line in text.split("\n"))
    return [line.removeprefix("//").removeprefix(" ") for line in lines if line]


def _remedy(text: str, token: Token) -> str:
    """Return what to do about a token that cannot stand here, where that is known."""
    start = text[token.offset : token.offset + 2]
    if start == "||":
        return "the operator is OR"
    if token.kind == "error" and "cannot start" in token.text:
        return "put (?:) before a first letter that is not ASCII: Kapacitor fails on it"
    if token.kind == "error":
        return _REMEDIES.get(start[:1], "")
    if token.kind == "reference":
        return "double quotes name a field or tag; a string stands in single quotes"
    if token.text in ("and", "or", "true", "false"):
        return f"write {token.text.upper()}"
    return _REMEDIES.get(token.text, "") if token.kind == "=" else ""
