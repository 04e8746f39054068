"""Find, read and validate ``bmtick.toml``."""

from bmtick.settings.load import find, gives, load, parse, refused
from bmtick.settings.model import Collect, InfluxDB, Kapacitor, Notify, Settings

__all__ = [
    "Collect",
    "InfluxDB",
    "Kapacitor",
    "Notify",
    "Settings",
    "find",
    "gives",
    "load",
    "parse",
    "refused",
]
