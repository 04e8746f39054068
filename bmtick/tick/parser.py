"""Tokens to tree, after Kapacitor's ``tick/ast/parser.go`` (the same grammar in 1.5 to 1.8).

Comments are read with the token that follows them; a node takes the comment of the token that it
was made at. Where Kapacitor loses a comment (before ``)`` or ``,``) or hangs it on another node,
so does this parser, or the formatted text would not be the server's.
"""

from __future__ import annotations

from bmtick.tick import ast
from bmtick.tick.expressions import ExpressionParser

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
        last = (self.comments[1], self.comments[0])
        statements += [ast.CommentStatement(c, pos=c.pos) for c in last if c]
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
        raise self.refusal(token, "a string, a var or '*'")
