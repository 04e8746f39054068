"""Tokens to expressions: literals, operators by how tightly they bind, and calls in lambdas."""

from __future__ import annotations

from collections.abc import Callable

from bmtick.errors import BmtickError
from bmtick.tick import ast, literals
from bmtick.tick.reader import Reader
from bmtick.tick.regexes import compile_regex
from bmtick.tick.tokens import OPERATORS, Token

_MAX_NESTING = 100  # levels of parentheses, calls and signs within each other


class ExpressionParser(Reader):
    """Reads expressions; what may stand around them is for the parser."""

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
        """Read the arguments of a call, each with ``argument``, and its closing parenthesis."""
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
        raise self.refusal(
            self.peek_token(), "a number, string, duration, name, reference, '(', '-' or '!'"
        )

    def _parenthesised(self) -> ast.Node:
        self.next()
        comment = self.comment()
        node = self._primary_expression()
        if isinstance(node, ast.Binary):
            node.parens = True
        # Kapacitor does so even where this throws away the comment of the inner node.
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
            value, base = literals.read_number(token.text)
        except BmtickError as error:
            raise self._located(token, error) from None
        position = self.source.position(token.offset)
        return ast.Number(value, base, pos=position, comment=comment)

    def _duration(self) -> ast.Node:
        token = self.next()
        comment = self.comment()
        try:
            value = literals.read_duration(token.text)
        except BmtickError as error:
            raise self._located(token, error) from None
        position = self.source.position(token.offset)
        return ast.Duration(value, token.text, pos=position, comment=comment)

    def _regex(self) -> ast.Node:
        token = self.next()
        comment = self.comment()
        pattern, literal = literals.read_regex(token.text)
        try:
            compile_regex(pattern)
        except BmtickError as error:
            raise self._located(token, error) from None
        position = self.source.position(token.offset)
        return ast.Regex(pattern, literal, pos=position, comment=comment)

    def _string(self) -> ast.Node:
        token = self.next()
        comment = self.comment()
        value, triple = literals.read_string(token.text)
        position = self.source.position(token.offset)
        return ast.String(value, triple, pos=position, comment=comment)

    def _reference(self) -> ast.Reference:
        token = self.expect("reference")
        comment = self.comment()
        name = literals.read_reference(token.text)
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
