"""bmtick: early warning for mail servers that start to send spam."""

__version__ = "0.1.0"
