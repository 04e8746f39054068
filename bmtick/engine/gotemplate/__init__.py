"""Go's ``text/template`` and ``html/template``, as Kapacitor's alerts use them."""

from bmtick.engine.gotemplate.template import Template
from bmtick.engine.gotemplate.values import TemplateError

__all__ = ["Template", "TemplateError"]
