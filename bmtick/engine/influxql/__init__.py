"""The functions of InfluxQL, as Kapacitor runs them over batches and streams."""

from bmtick.engine.influxql.context import Calculation, Context, ReduceError
from bmtick.engine.influxql.methods import METHODS, NEWER, Method

__all__ = ["METHODS", "NEWER", "Calculation", "Context", "Method", "ReduceError"]
