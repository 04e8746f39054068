"""``bmtick.toml``: found, read, checked, typed."""

from bmtick.settings.load import find, load, parse
from bmtick.settings.model import Collect, InfluxDB, Kapacitor, Notify, Settings

__all__ = ["Collect", "InfluxDB", "Kapacitor", "Notify", "Settings", "find", "load", "parse"]
