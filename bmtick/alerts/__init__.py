"""The alert catalogue: templates with typed parameters, rendered to TICKscripts.

``catalogue()`` lists the alerts, ``render()`` renders one to a script, ``desired()`` all that the
settings enable.
"""

from bmtick.alerts.load import catalogue, find
from bmtick.alerts.model import FORMS, Alert, Form, Parameter, Rendered
from bmtick.alerts.render import desired, render, require_recipients

__all__ = [
    "FORMS",
    "Alert",
    "Form",
    "Parameter",
    "Rendered",
    "catalogue",
    "desired",
    "find",
    "render",
    "require_recipients",
]
