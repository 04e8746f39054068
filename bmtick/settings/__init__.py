"""Find, read and validate ``bmtick.toml``."""

from bmtick.settings.load import find, has_section, load, parse, setting_error
from bmtick.settings.model import Collect, InfluxDB, Kapacitor, Notify, Settings

__all__ = [
    "Collect",
    "InfluxDB",
    "Kapacitor",
    "Notify",
    "Settings",
    "find",
    "has_section",
    "load",
    "parse",
    "setting_error",
]
