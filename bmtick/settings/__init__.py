"""``bmtick.toml``: found, read, checked, typed."""

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
