"""Parses tokens to a tree, like Kapacitor's ``tick/ast/parser.go`` (the same grammar in 1.5 to 1.8).

A comment is read with the token that follows it; a node gets the comment of the token where it is
created. Kapacitor loses some comments (before ``)`` or ``,``) and attaches others to another node.
This parser does the same; otherwise the formatted text would differ from the server's.
"""

from __future__ import annotations

from collections.abc import Callable

from bmtick.errors import BmtickError
from bmtick.tick import ast
from bmtick.tick.findings import Fix
from bmtick.tick.regexes import compile_regex
from bmtick.tick.tokens import (
    OPERATORS,
    SPACES,
    Source,
    Token,
    read_duration,
    read_number,
    read_reference,
    read_regex,
    read_string,
    tokenize,
)

_NONE = Token("error", 0, "")
_NAMES = {"ident": "a name", "reference": "a name in double quotes", "eof": "the end of the script"}


class TickSyntaxError(BmtickError):
    """A script that Kapacitor refuses; ``fix`` corrects it where the correction is known."""

    fix: Fix | None = None


class Reader:
    """Reads tokens with a look-ahead of two, and the comment of each, like the Go parser."""

    def __init__(self, text: str, file: str) -> None:
        self.source = Source(text, file)
        self._tokens: list[Token] = []
        self._comments: list[ast.Comment | None] = []  # before each token, until a node takes it
        self._at = 0  # index of the next token
        pending: list[Token] = []
        for token in tokenize(text):
            if token.kind == "comment":
                pending.append(token)
                continue
            self._tokens.append(token)
            self._comments.append(self._comment_of(pending) if pending else None)
            pending = []

    def _comment_of(self, tokens: list[Token]) -> ast.Comment:
        lines: list[str] = []
        for token in tokens:
            if lines:
                lines.append("\n")
            lines += comment_lines(token.text)
        return ast.Comment(self.source.position(tokens[0].offset), lines)

    def next(self) -> Token:
        """Read the next token; after the last one, return error tokens."""
        self._at += 1
        return self._tokens[self._at - 1] if self._at <= len(self._tokens) else _NONE

    def backup(self) -> None:
        """Move back by one token."""
        self._at -= 1

    def peek(self) -> str:
        """Return the kind of the next token."""
        return self._tokens[self._at].kind if self._at < len(self._tokens) else "error"

    def peek_token(self) -> Token:
        """Return the next token without reading it."""
        return self._tokens[self._at] if self._at < len(self._tokens) else _NONE

    def comment(self) -> ast.Comment | None:
        """Take the comment of the token that was read last."""
        before = self._at - 1
        if not 0 <= before < len(self._tokens):
            return None
        taken = self._comments[before]
        self._comments[before] = None
        return taken

    def left_over(self) -> list[ast.Comment]:
        """Return the comments of the last token read and of the next one."""
        comments = self._comments[max(0, self._at - 1) : self._at + 1]
        return [comment for comment in comments if comment]

    def expect(self, kind: str) -> Token:
        """Read a token of this kind, or raise a syntax error."""
        token = self.next()
        if token.kind != kind:
            raise self.syntax_error(token, _NAMES.get(kind, f"'{kind}'"))
        return token

    def syntax_error(self, token: Token, expected: str) -> BmtickError:
        """Return the error about a token: its text, what is allowed there, and the remedy if known."""
        from bmtick.tick.mistakes import explain  # noqa: PLC0415 -- only needed after a syntax error

        hint = explain(self.source.text, token, expected)
        offset = hint.offset
        if token.kind == "error":
            message = token.text
        elif token.kind == "eof":
            offset = len(
                self.source.text.rstrip(SPACES)
            )  # not at the empty line after the last one
            message = f"the script ends where {expected} is expected"
        else:
            shown = token.text if len(token.text) <= 40 else token.text[:40] + "..."
            message = f"unexpected '{shown}' where {expected} is expected"
        error = self.error(hint.message or message, offset, hint.remedy)
        error.fix = hint.fix
        return error

    def error(self, message: str, offset: int, remedy: str) -> TickSyntaxError:
        """Return an error at an offset, with the line of the script."""
        position = self.source.position(offset)
        return TickSyntaxError(
            message,
            location=self.source.location(position),
            remedy=remedy,
            excerpt=self.source.excerpt(position),
        )


def comment_lines(text: str) -> list[str]:
    """Return the lines of a comment token without ``//`` and one following space."""
    lines = (line.strip(SPACES) for line in text.split("\n"))
    return [line.removeprefix("//").removeprefix(" ") for line in lines if line]


_MAX_NESTING = 100  # nested parentheses, calls and signs


class ExpressionParser(Reader):
    """Parses expressions; the subclass parses statements and chains."""

    def __init__(self, text: str, file: str) -> None:
        super().__init__(text, file)
        self._depth = 0
        self._operand = {
            "number": self._number,
            "string": self._string,
            "TRUE": self._bool,
            "FALSE": self._bool,
            "duration": self._duration,
            "regex": self._regex,
            "star": self._star,
            "reference": self._reference,
        }

    def _too_deep(self) -> BmtickError:
        return self.error(
            "the script nests too deeply",
            self.peek_token().offset,
            f"keep to {_MAX_NESTING} levels: name inner parts with var",
        )

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _MAX_NESTING:
            raise self._too_deep()

    def _spans_lines(self, start: int, end: int) -> bool:
        return self.source.text.find("\n", start, end) != -1

    # -- calls and names

    def _identifier(self) -> ast.Identifier:
        token = self.expect("ident")
        comment = self.comment()
        return ast.Identifier(token.text, pos=self.source.position(token.offset), comment=comment)

    def _finish_call(
        self,
        kind: str,
        name: Token,
        comment: ast.Comment | None,
        argument: Callable[[], ast.Node],
    ) -> ast.Call:
        """Read the arguments of a call, each with ``argument``, and the closing parenthesis."""
        args: list[ast.Node] = []
        while self.peek() != ")":
            args.append(argument())
            if self.next().kind != ",":
                self.backup()
                break
        self.expect(")")
        multiline = bool(args) and self._spans_lines(name.offset, args[-1].pos.offset)
        position = self.source.position(name.offset)
        return ast.Call(kind, name.text, args, multiline, pos=position, comment=comment)

    # -- expressions

    def _lambda(self) -> ast.Lambda:
        start = self.next().offset
        comment = self.comment()
        expression = self._primary_expression()
        return ast.Lambda(expression, pos=self.source.position(start), comment=comment)

    def _primary_expression(self) -> ast.Node:
        return self._precedence(self._primary(), 0)

    def _precedence(self, left: ast.Node, minimum: int) -> ast.Node:
        look = self.peek()
        while OPERATORS.get(look, -1) >= minimum:
            operator = self.next()
            comment = self.comment()
            right = self._primary()
            look = self.peek()
            while OPERATORS.get(look, -1) > OPERATORS[operator.kind]:
                right = self._precedence(right, OPERATORS[look])
                look = self.peek()
            left = ast.Binary(
                operator.kind,
                left,
                right,
                multiline=self._spans_lines(left.pos.offset, right.pos.offset),
                pos=self.source.position(operator.offset),
                comment=comment,
            )
        return left

    def _primary(self) -> ast.Node:
        kind = self.peek()
        if literal := self._operand.get(kind):
            return literal()
        self._enter()
        try:
            return self._composed(kind)
        finally:
            self._depth -= 1

    def _composed(self, kind: str) -> ast.Node:
        if kind == "(":
            return self._parenthesised()
        if kind == "ident":
            name = self.next()
            is_call = self.peek() == "("
            self.backup()
            if not is_call:
                return self._identifier()
            self.next()
            self.expect("(")
            return self._finish_call("global", name, None, self._primary_expression)
        if kind in ("-", "!"):
            start = self.source.position(self.next().offset)
            operand = self._primary()
            return ast.Unary(kind, operand, pos=start, comment=self.comment())
        raise self.syntax_error(self.peek_token(), "a value")

    def _parenthesised(self) -> ast.Node:
        self.next()
        comment = self.comment()
        node = self._primary_expression()
        if isinstance(node, ast.Binary):
            node.parens = True
        # Kapacitor does so too, even where it loses the comment of the inner node.
        node.comment = comment
        self.expect(")")
        return node

    # -- literals

    def _located(self, token: Token, error: BmtickError) -> BmtickError:
        return self.error(error.message, token.offset, error.remedy)

    def _number(self) -> ast.Node:
        token = self.next()
        comment = self.comment()
        try:
            value, base = read_number(token.text)
        except BmtickError as error:
            raise self._located(token, error) from None
        position = self.source.position(token.offset)
        return ast.Number(value, base, pos=position, comment=comment)

    def _duration(self) -> ast.Node:
        token = self.next()
        comment = self.comment()
        try:
            value = read_duration(token.text)
        except BmtickError as error:
            raise self._located(token, error) from None
        position = self.source.position(token.offset)
        return ast.Duration(value, token.text, pos=position, comment=comment)

    def _regex(self) -> ast.Node:
        token = self.next()
        comment = self.comment()
        pattern, literal = read_regex(token.text)
        try:
            compile_regex(pattern)
        except BmtickError as error:
            if pattern.startswith("*"):
                message = "this is no comment, but a regular expression"
                raise self.error(message, token.offset, "a comment starts with //") from None
            raise self._located(token, error) from None
        position = self.source.position(token.offset)
        return ast.Regex(pattern, literal, pos=position, comment=comment)

    def _string(self) -> ast.Node:
        token = self.next()
        comment = self.comment()
        value, triple = read_string(token.text)
        position = self.source.position(token.offset)
        return ast.String(value, triple, pos=position, comment=comment)

    def _reference(self) -> ast.Reference:
        token = self.expect("reference")
        comment = self.comment()
        name = read_reference(token.text)
        return ast.Reference(name, pos=self.source.position(token.offset), comment=comment)

    def _bool(self) -> ast.Node:
        token = self.next()
        comment = self.comment()
        position = self.source.position(token.offset)
        return ast.Bool(token.kind == "TRUE", pos=position, comment=comment)

    def _star(self) -> ast.Node:
        token = self.next()
        comment = self.comment()
        return ast.Star(pos=self.source.position(token.offset), comment=comment)


_CHAIN = {".": "property", "|": "chain", "@": "dynamic"}
_CHAIN_STARTS = frozenset({".", "|", "@", "var", "ident"})


def parse(text: str, *, file: str = "-") -> ast.Program:
    """Parse a whole script.

    Raises:
        BmtickError: Kapacitor refuses the text; with location, line and remedy.
    """
    return _Parser(text, file).whole_program()


def parse_lambda(text: str, *, file: str = "-") -> ast.Lambda:
    """Parse the expression of a lambda: what follows the word ``lambda:``.

    Raises:
        BmtickError: Kapacitor refuses the text; with location, line and remedy.
    """
    return _Parser(text, file).whole_lambda()


class _Parser(ExpressionParser):
    def whole_program(self) -> ast.Program:
        try:
            program = self._program()
            self.expect("eof")
        except RecursionError:
            raise self._too_deep() from None
        return program

    def whole_lambda(self) -> ast.Lambda:
        try:
            expression = self._primary_expression()
            self.expect("eof")
        except RecursionError:
            raise self._too_deep() from None
        return ast.Lambda(expression, pos=self.source.position(0))

    # -- statements

    def _program(self) -> ast.Program:
        statements: list[ast.Node] = []
        while self.peek() != "eof":
            statements.append(self._statement())
        statements += [ast.CommentStatement(c, pos=c.pos) for c in self.left_over()]
        return ast.Program(statements, pos=self.source.position(0))

    def _statement(self) -> ast.Node:
        kind = self.peek()
        if kind == "var":
            return self._declaration()
        if kind == "dbrp":
            return self._dbrp()
        return self._expression()

    def _dbrp(self) -> ast.Node:
        start = self.expect("dbrp").offset
        comment = self.comment()
        database = self._reference()
        self.expect(".")
        policy = self._reference()
        return ast.DBRP(database, policy, pos=self.source.position(start), comment=comment)

    def _declaration(self) -> ast.Node:
        start = self.source.position(self.expect("var").offset)
        comment = self.comment()
        name = self._identifier()
        if self.peek() == "=":
            self.next()
            return ast.Declaration(name, self._expression(), pos=start, comment=comment)
        return ast.TypeDeclaration(name, self._identifier(), pos=start, comment=comment)

    # -- chains and calls

    def _expression(self) -> ast.Node:
        self._enter()
        try:
            return self._any_expression()
        finally:
            self._depth -= 1

    def _any_expression(self) -> ast.Node:
        kind = self.peek()
        if kind == "ident":
            self.next()
            after = self.peek()
            self.backup()
            if after == "(":
                call = self._call("global")
                if self.peek() in _CHAIN_STARTS:
                    return self._chain(call)
                return self._precedence(call, 0)
            if after in _CHAIN_STARTS:
                return self._chain(self._identifier())
            return self._primary_expression()
        if kind == "lambda":
            return self._lambda()
        if kind == "[":
            return self._list()
        return self._primary_expression()

    def _chain(self, left: ast.Node) -> ast.Node:
        while self.peek() in _CHAIN:
            operator = self.next()
            comment = self.comment()
            right = self._call_or_identifier(_CHAIN[operator.kind])
            position = self.source.position(operator.offset)
            left = ast.Chain(operator.kind, left, right, pos=position, comment=comment)
        return left

    def _call_or_identifier(self, kind: str) -> ast.Node:
        self.next()
        is_call = kind == "chain" or self.peek() == "("
        self.backup()
        return self._call(kind) if is_call else self._identifier()

    def _call(self, kind: str) -> ast.Call:
        name = self.expect("ident")
        comment = self.comment()
        self.expect("(")
        return self._finish_call(kind, name, comment, self._expression)

    def _list(self) -> ast.Node:
        start = self.expect("[").offset
        comment = self.comment()
        items: list[ast.Node] = []
        while self.peek() != "]":
            items.append(self._list_item())
            if self.next().kind != ",":
                self.backup()
                break
        self.expect("]")
        return ast.ListNode(items, pos=self.source.position(start), comment=comment)

    def _list_item(self) -> ast.Node:
        token = self.peek_token()
        if token.kind == "ident":
            return self._identifier()
        if token.kind == "string":
            return self._string()
        if token.kind == "star":
            return self._star()
        raise self.syntax_error(token, "a string, a var or '*'")
