"""Builds a runnable task from the text of a script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import tzinfo
from time import time_ns
from typing import Any

from bmtick.documents import source_line
from bmtick.engine.events import Events, Posted
from bmtick.engine.node import DEFAULT_VERSION, Pipeline
from bmtick.engine.nodes.batch import BatchNode, QueryNode
from bmtick.engine.nodes.stream import StreamNode
from bmtick.engine.script import PipelineBuilder
from bmtick.engine.task import Task
from bmtick.engine.variables import Variable, read_variables
from bmtick.errors import BmtickError, Location
from bmtick.tick import ast
from bmtick.tick.parser import parse
from bmtick.zones import local_zone


def load_task(  # noqa: PLR0913 -- what the task sees of its machine, injected
    text: str,
    *,
    file: str,
    name: str,
    variables: Mapping[str, Any] | None = None,
    variables_file: str = "vars",
    hostname: str = "localhost",
    now: Callable[[], int] | None = time_ns,
    zone: tzinfo | None = None,
    post: Callable[[Posted], tuple[int, str]] | None = None,
    version: tuple[int, ...] = DEFAULT_VERSION,
) -> Task:
    """Build a stream or batch task from a script.

    Args:
        text: the TICKscript.
        file: its name, for error messages.
        name: the task's name, as templates see it.
        variables: parsed JSON of a vars file: ``{"crit": {"type": "int", "value": 200}}``.
        variables_file: the name of the vars file, for error messages.
        hostname: the server's host name in templates.
        now: the clock of ``now()`` in lambdas, in nanoseconds; None uses the time of the data,
            which is what a script saw when the data was new.
        zone: the zone of ``.Time.Local`` in templates; None uses the machine's zone.
        post: sends requests of ``httpPost``; returns the HTTP status (0: no response) and the
            error. None sends nothing.
        version: the Kapacitor version whose behaviour to follow.

    Raises:
            BmtickError: Kapacitor would refuse the script, or it uses something that this engine
        does not support; with the location.
    """
    given = read_variables(variables or {}, file=variables_file)
    server = {"Hostname": hostname, "ClusterID": "", "ServerID": ""}
    pipeline = Pipeline(name, Events(), server)
    pipeline.clock = now or pipeline.data_clock
    pipeline.post, pipeline.version = post, version
    pipeline.zone = zone or local_zone()
    if not text.strip():
        raise BmtickError("the script is empty", location=Location(file))
    try:
        return _build(text, file, pipeline, given)
    except BmtickError as error:
        raise _with_excerpt(error, text, file) from None
    except RecursionError:
        raise BmtickError(
            "the script nests too deeply, or has too many nodes in a row",
            location=Location(file),
            remedy="name parts with var, split the task",
        ) from None


def _build(text: str, file: str, pipeline: Pipeline, variables: Mapping[str, Variable]) -> Task:
    program = parse(text, file=file)
    source = BatchNode() if ast.task_type(program) == "batch" else StreamNode()
    pipeline.add_source(source)
    builder = PipelineBuilder(program, text=text, file=file, pipeline=pipeline, variables=variables)
    builder.run(source)
    pipeline.dbrps = builder.dbrps
    nodes = pipeline.build()
    if isinstance(source, BatchNode):
        queries = [node for node in nodes if isinstance(node, QueryNode)]
        return Task(pipeline, nodes, dbrps=builder.dbrps, queries=queries)
    return Task(pipeline, nodes, dbrps=builder.dbrps, stream=source)


def _with_excerpt(error: BmtickError, text: str, file: str) -> BmtickError:
    place = error.location
    if not error.excerpt and place and place.file == file and place.line:
        error.excerpt = source_line(text, place.line)
    return error
