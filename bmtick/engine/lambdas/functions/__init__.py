"""The functions of lambda expressions: those of Kapacitor's ``tick/stateful/functions.go``."""

from __future__ import annotations

from typing import Final

from bmtick.engine.lambdas.functions.base import Function, Stateful
from bmtick.engine.lambdas.functions.conversions import CONVERSIONS
from bmtick.engine.lambdas.functions.mathematics import MATHEMATICS
from bmtick.engine.lambdas.functions.others import OTHERS
from bmtick.engine.lambdas.functions.stateful import STATEFUL
from bmtick.engine.lambdas.functions.strings import STRINGS
from bmtick.engine.lambdas.functions.times import time_functions

STATELESS: Final[dict[str, Function]] = {**CONVERSIONS, **MATHEMATICS, **STRINGS, **OTHERS}

__all__ = ["STATEFUL", "STATELESS", "Function", "Stateful", "time_functions"]
