"""Addresses to post to are Go templates too."""

from __future__ import annotations

from collections.abc import Iterator

from bmtick.errors import BmtickError
from bmtick.tick.context import Context
from bmtick.tick.graph import PipelineNode
from bmtick.tick.values import Value


def check(context: Context) -> None:
    """Check the addresses of ``.post()`` and ``|httpPost()``."""
    for node in context.nodes:
        for address in _addresses(node):
            try:
                context.read_template(address.text(), False)
            except BmtickError as error:
                message = f"in the address: {error.message}"
                context.report.error("template", message, address.pos, error.remedy)


def _addresses(node: PipelineNode) -> Iterator[Value]:
    uses = [use for use in node.handlers if use.handler.name == "post"]
    for use in uses:
        yield from use.args[:1]
        yield from (arg for setting in use.uses("uRL") for arg in setting.args[:1])
    if node.name == "httpPost":
        yield from node.args[:1]
